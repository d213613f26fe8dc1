"""The operator's commands, one module for each subject: its arguments, what it does, what it prints."""
