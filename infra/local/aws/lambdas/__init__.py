"""Deployed functions run from their zips: a pool of isolated processes for each."""
