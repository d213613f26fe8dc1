"""The sample processor: takes an order, reads the originals, measures the four lights, writes its outputs.

Small, to be read by whoever writes a processor; docs/processors.md explains the contract. `queue` and `coordinator`
talk to the outside, `originals` reads, `lights` measures, `overlay` draws, `film` does both frame by frame, `bucket`
writes, `processing` is the walk.
"""
