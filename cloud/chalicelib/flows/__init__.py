"""Use cases on ports: load, decide in `core`, act, record."""
