"""What decoding keeps to beyond the grammar."""

from typing import Any, Protocol

from torch import Tensor


class Machine(Protocol):
    """Rules beyond the grammar, for a batch at once; `models.molecules.machine` has some.

    Attributes:
        spare_steps: steps behind the last one of the logits, in which rows only close what is open.
    """

    spare_steps: int

    def start(self, batch: int) -> Any:
        """Return the state before the first step."""
        ...

    def look(self, state: Any) -> Any:
        """Return what the next step depends on, for `ranks` and `take`."""
        ...

    def ranks(self, state: Any, at: Any) -> Tensor:
        """Return int8 (batch, productions): 0 is illegal, all else legal if in the grammar.

        Of what is legal and fits the grammar the highest is the way to the end, first of equals.
        """
        ...

    def most_steps(self, state: Any) -> Tensor:
        """Return int64 (batch,): by how much that way may exceed the grammar's fewest steps."""
        ...

    def take(self, state: Any, at: Any, ids: Tensor) -> Any:
        """Return the state behind one production in each row, int64 (batch,)."""
        ...
