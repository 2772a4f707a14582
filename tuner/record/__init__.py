"""What a run leaves on disk, and how it is read back: paths, events, outcomes, rows, results.

Start with `paths.py` for the places and `events.py` for what is written. No torch here.
"""
