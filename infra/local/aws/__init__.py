"""The local AWS: as strict as the real one where footage depends on it."""
