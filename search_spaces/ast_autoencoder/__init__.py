"""Searches for the AST autoencoder."""
