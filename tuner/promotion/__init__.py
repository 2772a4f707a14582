"""Winning trials become presets with provenance, checkpoints and a model card.

Start with `promotion.py`.
"""
