"""What a search will cost before it starts: epochs, time, memory and disk.

Start with `cost.py`; `speed.py` measures a short training.
"""
