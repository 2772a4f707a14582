"""The AST autoencoder: typed Python programs to one vector and back, by their abstract syntax."""
