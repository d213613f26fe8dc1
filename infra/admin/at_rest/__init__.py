"""Proof at rest: every receipt against a checksum of the bytes that S3 has today.

`selection` says which sessions, `reading` computes by reading each version, `round` leads sessions through it, and
`journal` lets a killed round continue.
"""
