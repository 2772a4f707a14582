"""The report of a run: one HTML page that needs nothing but itself. Start at `report.py`.

A subject has a file with its numbers and its words here, and one that draws it in `figures/`.
"""
