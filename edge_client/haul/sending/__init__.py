"""Parts on their way from the spool to S3.

Parts wait in a `PartQueue`; up to four `Senders` take them from there, each over a connection of its own, as many at
once as `AdaptiveConcurrency` finds to bring more and as fast as the `RateLimiter` lets them. What S3 answers decides:
send again, ask for another URL, or end the round.
"""
