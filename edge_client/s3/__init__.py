"""S3 over HTTP: one try to send a part (`part_store`), one try to read a piece of what is stored (`stored_read`)."""
