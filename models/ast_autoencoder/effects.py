"""Keys of an AST autoencoder that act only where another key lets them; a test trains with all."""

from models.optimization.schedules import PLATEAU

APPLIES = (PLATEAU,)
