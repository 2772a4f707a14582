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
        """Return what the next step depends on, for `legal` and `take`."""
        ...

    def legal(self, state: Any, at: Any) -> Tensor:
        """Return bool (batch, productions): what is legal where the grammar allows it."""
        ...

    def most_steps(self, state: Any) -> Tensor:
        """Return int64 (batch,): more steps than the grammar's fewest that `plan` may take."""
        ...

    def plan(self, state: Any, at: Any, legal: Tensor) -> Tensor:
        """Return int64 (batch,): of what is legal and fits the grammar, the way to the end."""
        ...

    def take(self, state: Any, at: Any, ids: Tensor) -> Any:
        """Return the state behind one production in each row, int64 (batch,)."""
        ...
