"""What AWS calls by itself: asynchronous delivery with retries and dead letters, and schedules."""
