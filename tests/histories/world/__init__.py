"""What AWS does to a coordinator in a history, on the adapters in memory: late, twice, out of order, or not at all.

Each module is one service and says in its first lines how a history drives it. None has a clock, a thread or chance of
its own: time comes in as seconds (`now_s`), and every decision is asked of a `Chance`.

    chance.py      what decides whether a fault happens: `Chance`, and `Dice` for tests
    indexes.py     a secondary index that shows what was written some time ago
    table.py       `SimulatedTable`: stale indexes, conflicts, throttles, replies that are lost
    bucket.py      `SimulatedBucket`: parts on their way while an upload ends, replies that are lost
    events.py      `BucketEvents`: what S3 tells the functions, at least once, doubled, late, out of order, lost
    lifecycle.py   `Lifecycle`: purges, aborts and expiries as days pass
    queue.py       `SimulatedQueue`: at least once, in any order, and dead letters
"""
