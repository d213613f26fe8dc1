"""Pure: cards, recordings, plans and parts as values. Nothing here reads a clock, a disk or a socket."""
