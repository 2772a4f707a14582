"""Which cluster a search joins; imports nothing that takes time."""

import os

ADDRESS_VARIABLE = "RAY_ADDRESS"


def given_address(address: str | None = None) -> str | None:
    """Return the address of the cluster to join; None for a Ray of our own on this machine."""
    return address or os.environ.get(ADDRESS_VARIABLE) or None
