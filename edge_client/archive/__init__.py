"""One archive for whoever helps: what this device knows, without its secrets and within bounds."""
