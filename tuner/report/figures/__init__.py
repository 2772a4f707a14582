"""How the numbers of a report are drawn: Vega-Lite specifications, one file a subject.

A specification names its rows and holds none; `style.py` says what all have in common.
"""
