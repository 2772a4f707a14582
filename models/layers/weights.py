"""Weights: drawn, counted, and loaded with a message of one line where they do not fit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load weights that must fit in every name and shape.

    Raises:
        ValueError: they do not; torch's own message has a line for each tensor, this one names
            the first.
    """
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    wrong = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if wrong:
        name = wrong[0]
        raise ValueError(
            f"{len(wrong)} of {len(ours)} tensors differ, first {name}: "
            f"{theirs.get(name, 'missing')} in the file, {ours.get(name, 'missing')} here"
        )
    network.load_state_dict(weights)


def first(tensor: Tensor, count: int, dim: int = 0) -> Tensor:
    """Return the first entries along a dimension; where these are all, without a copy backward."""
    return tensor if tensor.shape[dim] <= count else tensor.narrow(dim, 0, count)


def drawn_normal(*shape: int, scale: float) -> Tensor:
    """Return `scale` times what `torch.randn` draws; nothing is drawn in `sizes_only`."""
    numbers = torch.empty(*shape)
    return numbers if numbers.is_meta else numbers.normal_().mul_(scale)


@contextmanager
def sizes_only() -> Iterator[None]:
    """Let networks built in the block have weights that take no memory and are not drawn.

    To draw them, torch's device `meta` would import the compiler: a second of a core.
    """
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leaves tensors as they are that `torch.nn.init` is called for."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else named["tensor"]
        return func(*args, **named)
