"""Mutation testing: each small change of the code that decides about footage is noticed by a test, or explained.

`docs/mutation-testing.md` says how, and what came out of it.
"""
