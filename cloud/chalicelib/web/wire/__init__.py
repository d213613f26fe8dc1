"""JSON, queries and cursors to values and back; errors to problem documents."""
