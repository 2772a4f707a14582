"""The network of the AST autoencoder: graphs of programs in, scores of productions out.

Start with `network.py`, which puts encoder, bridge and decoder together.
"""
