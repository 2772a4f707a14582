"""Generative models of structured text, in plain PyTorch: nothing here knows of a search."""
