"""moto, and what it needs to serve Chalice and the coordinator."""
