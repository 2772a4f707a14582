"""Searches for the Grammar-VAE."""
