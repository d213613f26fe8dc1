"""The operator's commands: manage tokens and devices, and look after the coordinator's sessions.

Importing this package imports nothing else, so that `__main__` can say what is not installed.
"""
