"""Winning trials prove themselves on fresh seeds, and become presets with provenance and weights.

Start with `confirmation_plan.py`, what is trained, and `promotion.py`, what becomes of winners.
"""
