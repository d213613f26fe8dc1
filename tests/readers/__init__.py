"""What others read of an index and of the lake: engines, libraries, and a browser's own means in Node."""
