"""One archive for support: what this device knows, without its secrets and within bounds."""
