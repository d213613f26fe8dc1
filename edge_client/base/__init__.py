"""What everything else may use: errors, exit codes, retries, the disk and its locks, logs, the terminal, progress."""
