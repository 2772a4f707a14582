"""Programs from examples by enumeration, without a trained model.

Start at `search.py`, which asks `worker.py` for loops and builds what stands around them.
`bank.py` enumerates expressions, `loops.py` the loops over them, `costs.py` says in which order.
"""
