"""Slurm: batch scripts as pure functions of what they run."""
