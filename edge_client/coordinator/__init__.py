"""Our API, as docs/api.md says: typed answers, problems as errors, retries at this one layer."""
