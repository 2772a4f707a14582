"""Adam on the GPU: the norms of all gradients in one kernel, the update of all weights in another.

The weights that matrix products read are kept in bfloat16 beside the parameters, and gradients may
come for those copies: PyTorch has a conversion for each weight and each gradient instead.
"""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Adam

from models.layers.cuda_kernels import Kernel, load_kernel

MAX_PARAMETERS = 56
"""Their descriptions fill the 4 KB of a kernel's arguments."""
_SOURCE = Path(__file__).with_name("adam_kernels.cu")
_THREADS = 256
_CHUNK = 4096
_ALIGNED, _HALF = 1, 2  # flags
_POINTERS = ("value", "grad", "mean", "square", "count", "copy")
_NUMBERS = ("size", "columns", "grad_columns", "inner", "end", "flags")


class _Parameter(ctypes.Structure):
    """`Parameter` of the kernels."""

    _fields_ = [(name, ctypes.c_void_p) for name in _POINTERS] + [
        (name, ctypes.c_int) for name in _NUMBERS
    ]


class _Parameters(ctypes.Structure):
    """`Parameters` of the kernels."""

    _fields_ = [("of", _Parameter * MAX_PARAMETERS), ("count", ctypes.c_int)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Weight:
    """A parameter, and what takes its place in matrix products.

    Attributes:
        parameter: float32, contiguous.
        copy: bfloat16, of the same shape; the last two dimensions may lie in memory the other way
            round. None: the parameter itself is used.
    """

    parameter: Tensor
    copy: Tensor | None

    def refresh(self) -> None:
        """Bring the copy up to the parameter."""
        if self.copy is not None:
            self.copy.copy_(self.parameter)

    def leaf(self, count: int | None = None, dim: int = 0) -> Tensor:
        """Return what a step differentiates by, of a matrix the first rows or columns alone."""
        whole = (self.parameter if self.copy is None else self.copy).detach()
        return (whole if count is None else whole.narrow(dim, 0, count)).requires_grad_()

    @property
    def is_swapped(self) -> bool:
        """Whether the copy has the last two dimensions the other way round."""
        return self.copy is not None and not self.copy.is_contiguous()


class FusedAdam:
    """What `torch.optim.Adam` does in its fused form, on the same state.

    Args:
        optimizer: keeps the state and the learning rate.
        weights: the parameters, in the optimizer's order.
    """

    def __init__(self, optimizer: Adam, weights: Sequence[Weight]) -> None:
        assert len(weights) <= MAX_PARAMETERS
        (group,) = optimizer.param_groups
        assert not (group["weight_decay"] or group["amsgrad"] or group["maximize"])
        self.optimizer = optimizer
        self.weights = weights
        device = weights[0].parameter.device
        ends, end = [], 0
        for weight in weights:
            end += -(-weight.parameter.numel() // _CHUNK)
            ends.append(end)
        self._ends = ends
        self._partial = torch.zeros(end, device=device)
        self._turns = torch.zeros((), dtype=torch.int32, device=device)

    def norms(self, grads: Sequence[Tensor]) -> Tensor:
        """Count an update and return the norm of each gradient, (parameters,).

        Args:
            grads: of each weight's leaf.
        """
        norms = torch.empty(len(self.weights), device=self._partial.device)
        self._kernel("gradient_norms")(
            self._ends[-1], _THREADS, self._described(grads), self._partial, norms, self._turns
        )
        return norms

    def update(self, grads: Sequence[Tensor], factor: Tensor) -> None:
        """Update weights and copies by gradients times `factor` (), behind `norms` of them."""
        group = self.optimizer.param_groups[0]
        beta1, beta2 = group["betas"]
        lr = torch.as_tensor(group["lr"], dtype=torch.float32, device=factor.device)
        self._kernel("adam")(
            self._ends[-1], _THREADS,
            self._described(grads), factor, lr, float(beta1), float(beta2), float(group["eps"]),
        )  # fmt: skip

    def refresh(self) -> None:
        """Bring the copies up to the parameters, which were loaded."""
        for weight in self.weights:
            weight.refresh()

    def _kernel(self, name: str) -> Kernel:
        return load_kernel((_SOURCE,), name, (), 0, self._partial.device)

    def _described(self, grads: Sequence[Tensor]) -> _Parameters:
        """Return the kernels' argument."""
        described = _Parameters(count=len(grads))
        pieces = zip(self.weights, grads, self._ends, strict=True)
        for number, (weight, grad, end) in enumerate(pieces):
            described.of[number] = _describe(weight, grad, self._state(weight.parameter), end)
        return described

    def _state(self, parameter: Tensor) -> Mapping[str, Tensor]:
        """Return Adam's state of a parameter, made at the first update as torch makes it."""
        state = self.optimizer.state[parameter]
        if not state:
            state["step"] = torch.zeros((), device=parameter.device)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state


def _describe(weight: Weight, grad: Tensor, state: Mapping[str, Tensor], end: int) -> _Parameter:
    parameter, copy = weight.parameter, weight.copy
    inner = parameter.shape[-1] if weight.is_swapped else 1
    assert grad.dtype in (torch.float32, torch.bfloat16)
    assert (grad.mT if inner > 1 else grad).is_contiguous()
    if grad.shape == parameter.shape:
        columns = grad_columns = parameter.numel() if inner == 1 else parameter[0].numel()
    elif grad.shape[1:] == parameter.shape[1:]:  # the first rows: of one long row the first numbers
        columns, grad_columns = parameter.numel(), grad.numel()
    else:
        columns, grad_columns = parameter.shape[-1], grad.shape[-1]
        assert inner == 1
        assert grad.shape[:-1] == parameter.shape[:-1]
    tensors = (parameter, grad, state["exp_avg"], state["exp_avg_sq"], state["step"], copy)
    pointers = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
    whole = all(number % 4 == 0 for number in (columns, grad_columns, parameter.numel()))
    together = all((pointers[place] or 0) % 16 == 0 for place in (0, 1, 2, 3, 5))
    assert all(tensor.is_contiguous() for tensor in tensors[2:4])
    return _Parameter(
        *pointers,
        *(parameter.numel(), columns, grad_columns, inner, end),
        _ALIGNED * (inner == 1 and whole and together) + _HALF * (grad.dtype == torch.bfloat16),
    )
