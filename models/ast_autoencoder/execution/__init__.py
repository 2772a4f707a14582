"""Running programs safely: an interpreter of our own and limited worker processes.

Start at `interpreter.py`, which runs a program in this process, then `program_pool.py`, which runs
many in workers; `pool.py` and `worker_process.py` are our side of it, `worker.py` and `sandbox.py`
the worker's.
"""
