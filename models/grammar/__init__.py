"""Context-free grammars: productions, left-most derivations, masks and constrained decoding."""
