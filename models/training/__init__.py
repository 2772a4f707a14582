"""One training run of any model: contracts, the loop, the folder, checkpoints, sinks, the console.

Start with `contracts.py`, what a model must offer; `loop.py` trains it.
"""
