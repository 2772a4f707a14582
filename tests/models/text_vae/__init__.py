"""A character-level VAE on lines of text: the smallest complete model; start with `spec.py`."""
