"""Layers that the models share: a GRU of our own on CPUs and GPUs, and what runs its kernels."""
