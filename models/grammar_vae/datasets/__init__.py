"""Data sets of derivations: generated text, splits, masks and the files they are kept in."""
