"""Clients killed at chosen moments: what the outside sees of them, and the proof that nothing is lost or twice."""
