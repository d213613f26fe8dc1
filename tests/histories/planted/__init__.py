"""Bugs that are planted in the product to measure the histories: how many it takes until one shows the bug."""
