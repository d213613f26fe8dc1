"""S3 over HTTP: one try to send a part, one try to read a piece of what is stored."""
