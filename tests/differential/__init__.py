"""The same calls, in an order that chance draws, on an adapter in memory and on the real one: their answers are equal.

Where they may differ, `differences.py` says so and why.
"""
