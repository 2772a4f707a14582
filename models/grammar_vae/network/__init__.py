"""The network of the Grammar-VAE in plain PyTorch, and the kernels that take its place on GPUs.

Start with `network.py`; the files named `fused_...` are the fast path.
"""
