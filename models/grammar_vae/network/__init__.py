"""The network of the Grammar-VAE in plain PyTorch, and the kernels that take its place on GPUs.

Start with `network.py`. The files named `fused_...` are the fast path, which
`models.layers.fast_path` chooses; nobody needs them to understand or to change the model, but what
changes in a plain file has to change in its fused twin.
"""
