"""What stands in AWS: the template, the stack, and the deploy of both."""
