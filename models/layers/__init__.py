"""Layers that the models share: a GRU of our own on CPUs and GPUs, and what runs its kernels.

Start with `gru.py`; `fast_path.py` says when kernels take the place of plain PyTorch.
"""
