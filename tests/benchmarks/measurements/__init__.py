"""What measurements cost beside the older system and plain pyarrow, and how right a light's angle is.

`make bench-measurements` writes build/benchmarks/measurements.json.
"""
