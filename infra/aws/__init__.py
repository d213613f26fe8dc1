"""What is deployed to AWS: the template, the stack, and the deploy of both."""
