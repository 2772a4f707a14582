"""Keys of a Grammar-VAE that act only where another key lets them; a test trains with them all."""

from models.effects import Applies
from models.optimization.schedules import PLATEAU

_BETA = "it shapes the KL term, which beta weighs"

APPLIES = (
    Applies(
        key="decoder_dropout",
        on="decoder_layers",
        above=1,
        off=0.0,
        why="it drops features between the GRU's layers",
    ),
    Applies(
        key="cycle_epochs",
        on="cyclical_beta",
        values=(True,),
        why="it is the length of the cycles in which beta rises",
    ),
    Applies(
        key="kl_anneal_epochs",
        on="cyclical_beta",
        values=(False,),
        off=0,
        why="it is the length of beta's only rise, and cycles have their own (cycle_epochs)",
    ),
    Applies(key="cyclical_beta", on="beta", above=0, off=False, why=_BETA),
    Applies(key="cycle_epochs", on="beta", above=0, why=_BETA),
    Applies(key="kl_anneal_epochs", on="beta", above=0, off=0, why=_BETA),
    Applies(key="free_bits", on="beta", above=0, off=0.0, why=_BETA),
    PLATEAU,
)
