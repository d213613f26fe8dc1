"""What everything else may use: errors, retries, the disk, locks, logs, the terminal and progress."""
