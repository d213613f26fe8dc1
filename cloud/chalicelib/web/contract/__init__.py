"""What the API says of itself; imported when somebody asks for it, and by no other call."""
