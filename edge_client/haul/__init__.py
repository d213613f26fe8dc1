"""Bring sessions home: choose, plan, read, send, complete, prove."""
