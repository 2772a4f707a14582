"""Which aromatic atoms still need a double bond, for all Kekule structures at once.

An aromatic ring system has a Kekule structure when its double bonds can be placed so that every
atom that needs one has exactly one: a perfect matching. Only atoms that may still get bonds matter
for what follows, at most SLOTS of a ring system at a time. A way to place the double bonds so far
leaves some of these slots exposed: a subset, as a number below 2^SLOTS. A word is the set of all
such subsets, one bit each. So all ways are followed at once, exactly, with a few bit operations.
"""

import torch
from torch import Tensor

SLOTS = 6


class Words:
    """Operations on words, int64 tensors of any shape, with slots of the same shape.

    An atom that is settled for good needs no slot: its slot is -1, which nothing changes.

    Args:
        device: where the words are.
    """

    def __init__(self, device: torch.device) -> None:
        subsets = range(1 << SLOTS)
        exposed = [sum(1 << m for m in subsets if m >> slot & 1) for slot in range(SLOTS)]
        without = [sum(1 << m for m in subsets if not m & given) for given in subsets]
        self._exposed = torch.tensor([*map(_signed, exposed), 0], device=device)
        self._shift = torch.tensor([*(1 << slot for slot in range(SLOTS)), 0], device=device)
        self._without = torch.tensor([*map(_signed, without)], device=device)

    def bit(self, slot: Tensor) -> Tensor:
        """Return the bit of a slot in a set of slots."""
        return self._shift[slot]

    def expose(self, word: Tensor, slot: Tensor) -> Tensor:
        """Add a slot that needs a double bond; the slot was free."""
        return word << self._shift[slot]

    def flip(self, word: Tensor, slot: Tensor) -> Tensor:
        """Hand a slot on along an aromatic bond, from an atom that gets no more to an exposed one.

        The new atom is exposed just where the old one was not.
        """
        mask, shift = self._exposed[slot], self._shift[slot]
        return (((word & mask) >> shift) & ~mask) | ((word & ~mask) << shift)

    def satisfy(self, word: Tensor, slot: Tensor) -> Tensor:
        """Give a slot what takes the place of a double bond: it has none in its ring."""
        mask = self._exposed[slot]
        return ((word & mask) >> self._shift[slot]) & ~mask

    def join(self, word: Tensor, one: Tensor, other: Tensor) -> Tensor:
        """Add a bond between two slots, which may be double where both are exposed."""
        first, second = self._exposed[one], self._exposed[other]
        double = (word & first & second) >> (self._shift[one] + self._shift[other])
        return word | (double & ~first & ~second)

    def settle(self, word: Tensor, slots: Tensor) -> Tensor:
        """Keep the ways in which none of the slots (bits) is exposed: they get no more bonds."""
        return word & self._without[slots]


def _signed(bits: int) -> int:
    """Return the int64 with the same 64 bits."""
    return bits - (1 << 64) if bits >> 63 else bits
