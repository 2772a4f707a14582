"""Wheels for a machine without a network: which it needs, made smaller, checked and installed.

Start at `cluster.offline`, the command; `install.py` here is the file that goes along with them.
"""
