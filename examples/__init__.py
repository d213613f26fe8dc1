"""For people who write their own."""
