"""Clients killed at chosen moments: the moments, what is seen from outside, and the proof that nothing is lost or twice."""
