"""Adapters in memory for the ports of `edge_client.haul.ports`."""
