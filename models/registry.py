"""The models of this project: an explicit table from names to what a search needs of each.

Importing this module imports no torch: builders import their model when called.
"""

from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.errors import unknown_name
from models.grammar_vae.spec import GRAMMAR_VAE
from models.training.contracts import ModelSpec

MODELS: dict[str, ModelSpec] = {spec.name: spec for spec in (GRAMMAR_VAE, AST_AUTOENCODER)}


def model_spec(name: str) -> ModelSpec:
    """Return the model of this name.

    Raises:
        UserError: no such model; the nearest is named.
    """
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    return MODELS[name]
