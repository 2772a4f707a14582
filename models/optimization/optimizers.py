"""Optimizers without torch's compiler, which nothing here uses."""

import inspect

import torch


class _Uncompiled:
    """Methods of torch's own optimizers without their wrappers, so with the same numbers.

    The wrappers load `torch._dynamo` at the first call, 2 to 4 s in every process, to have
    themselves left out of compiled code.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class Adam(_Uncompiled, torch.optim.Adam):
    """`torch.optim.Adam`."""


class AdamW(_Uncompiled, torch.optim.AdamW):
    """`torch.optim.AdamW`."""
