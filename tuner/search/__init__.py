"""The search file: reading it, domains and conditions of its keys, and every check before a start.

Start with `loading.py`; a checked search is a `search.Search`. No Ray, Optuna or torch here.
"""
