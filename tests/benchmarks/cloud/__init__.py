"""The coordinator's figures: how it starts, what a call costs, and what a table of 100,000 sessions costs."""
