"""Winning trials prove themselves on fresh seeds, and become presets with provenance and weights.

Start with `confirmation_plan.py`, what is trained, then `promotion.py`, what is made of the winners.
"""
