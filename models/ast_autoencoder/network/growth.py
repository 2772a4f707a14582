"""Weights of an earlier version of the language in a network of this one.

What the earlier version had keeps its numbers; what it lacked is never written, so that the
network does what it did.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from models.ast_autoencoder.network.columns import columns
from models.programs.language.contexts import contexts
from models.programs.language.graph_tables import constants, node_kinds
from models.programs.language.kinds import language

_NEVER = -1e4
"""Score of the productions that were not there."""

_PREVIOUS = "decoder.inputs.previous.weight"
_SYMBOL = "decoder.inputs.symbol.weight"
_APPENDED = ("encoder.kind.weight", "encoder.constant.weight", _SYMBOL)
"""Tables whose new rows lie behind all others."""


def grown(weights: Mapping[str, Tensor], num_productions: int) -> dict[str, Tensor]:
    """Return the weights of a network that knew the first `num_productions` for one of today.

    Args:
        weights: by name of the parameter.
        num_productions: of the version that it was trained with.
    """
    fits = dict(weights)
    if not _sizes().keys() <= weights.keys():
        return fits  # of no such network, which whoever loads them will say
    for name, size in _sizes().items():
        fits[name] = weights[name].new_zeros((size, *weights[name].shape[1:]))
    for name in _APPENDED:
        fits[name][: len(weights[name])] = weights[name]
    num_symbols = len(weights[_SYMBOL])
    names = [context.name for context in contexts()]
    for row, context in enumerate(contexts(), start=1):
        if row >= num_symbols and context.like:
            fits[_SYMBOL][row] = weights[_SYMBOL][names.index(context.like) + 1]
    # The row of the start lies behind those of the productions.
    fits[_PREVIOUS][:num_productions] = weights[_PREVIOUS][:-1]
    fits[_PREVIOUS][-1] = weights[_PREVIOUS][-1]
    old = torch.as_tensor(columns(num_productions).column)
    new = torch.as_tensor(columns().column[:num_productions])
    weighted = old < columns(num_productions).num_weighted
    fits["head.columns.bias"][:] = _NEVER
    for name in ("head.columns.weight", "head.columns.bias"):
        fits[name][new[weighted]] = weights[name][old[weighted]]
    return fits


def _sizes() -> dict[str, int]:
    """Return how many rows the tables have that grow with the language."""
    num_weighted = columns().num_weighted
    return {
        "encoder.kind.weight": len(node_kinds()) + 1,
        "encoder.constant.weight": len(constants()) + 1,
        _SYMBOL: len(contexts()) + 1,
        _PREVIOUS: len(language().kinds) + 1,
        "head.columns.weight": num_weighted,
        "head.columns.bias": num_weighted,
    }
