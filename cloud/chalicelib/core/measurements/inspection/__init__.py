"""The verdict on the lights of a runway: `inspect` holds what was measured against what an order `asked`."""
