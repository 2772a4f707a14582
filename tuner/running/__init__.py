"""A search while it runs, on Ray Tune and Optuna; the only room that imports either.

Start with `runner.py`, the driver; `trainable.py` is what a worker does.
"""
