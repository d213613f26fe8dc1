"""The edge client: brings a camera's chapters home over presigned part URLs."""
