"""How both models train: batches, learning rates, optimizer steps one by one or as CUDA graphs."""
