"""Loading weights into a network, with a message of one line where they do not fit."""

from collections.abc import Mapping

from torch import Tensor, nn


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
