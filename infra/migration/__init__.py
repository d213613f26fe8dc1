"""The import of sessions from the older system: read what it has, plan, and bring it by the coordinator's own flows."""
