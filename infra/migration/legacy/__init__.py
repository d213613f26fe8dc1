"""The older system, read only: its folder or bucket, and its database."""
