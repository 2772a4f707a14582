"""The programs of the AST autoencoder: their grammar, and what no context-free grammar can say."""
