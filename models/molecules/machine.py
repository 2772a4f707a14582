"""The rules of molecules as a machine of tensors: what may follow, for a batch at once.

Whatever is chosen among what it offers ends in a molecule in which every ring bond that is opened
is closed once, between two atoms that are not bonded already, no atom has more bonds than it takes,
and every aromatic atom lies in an aromatic ring that has a Kekule structure. All shapes are fixed
and nothing asks the device for a value, so a CUDA graph can capture a step.

Less is offered than SMILES can say, but all that RDKit writes of MOSES' and ZINC's molecules: ring
bonds go back along the chain or the branches that it came from, never into a branch that has
ended; `classes.py` says what is never taken, and `state.py` how much of all may be open at once.
"""

import torch
from torch import Tensor

from models.grammar.grammar import Grammar
from models.molecules.classes import NUM_DIGITS
from models.molecules.device_tables import device_tables
from models.molecules.legality import legal_classes
from models.molecules.looks import Look, look
from models.molecules.state import MoleculeState, first_state
from models.molecules.steps import take

SPARE_STEPS = 40
"""Steps behind the longest row, in which a row only closes what is open."""
_STEPS_A_DIGIT, _STEPS_A_LEVEL, _STEPS_MORE = 4, 3, 12
_PLAN = (
    "end", "digit ", "bonded digit ", "ring bond ", "atom c", "atom C", "bond 2", "bond 1",
    "element C", "element ", "hydrogens ", "charge ", "atom ", "branch ", "bond ", "never",
)  # fmt: skip
"""What leads to the end: the first of these that is legal.

A digit that opens a ring bond and an aromatic carbon that begins a ring system come last.
"""


def machine_of(grammar: Grammar, device: torch.device | str) -> "MoleculeMachine | None":
    """Return the machine that a grammar asks for.

    Raises:
        UserError: it asks for one and lacks productions that the machine needs.
    """
    return MoleculeMachine(grammar, device) if grammar.constraints == "molecules" else None


class MoleculeMachine:
    """The rules of molecules in a grammar, on a device."""

    spare_steps = SPARE_STEPS

    def __init__(self, grammar: Grammar, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self._tables = device_tables(grammar, self.device)
        classes = self._tables.classes
        ranks = [
            next(r for r, kind in enumerate(_PLAN) if n.startswith(kind)) for n in classes.names
        ]
        exact = {name: rank for rank, name in enumerate(_PLAN)}
        ranks = [exact.get(name, rank) for name, rank in zip(classes.names, ranks, strict=True)]
        ranks = [2 * len(_PLAN) - rank for rank in ranks]
        self._rank = torch.tensor(ranks, device=self.device, dtype=torch.int8)
        # What a class may open: one of the digits, a ring system, or nothing.
        openers = {f"digit {digit + 1}": digit for digit in range(NUM_DIGITS)}
        openers["atom c"] = NUM_DIGITS
        opened = [openers.get(name, NUM_DIGITS + 1) for name in classes.names]
        self._opener = torch.tensor(opened, device=self.device)

    def start(self, batch: int) -> MoleculeState:
        """Return the state before the first step."""
        return first_state(batch, self.device)

    def look(self, state: MoleculeState) -> Look:
        """Return what the next step depends on."""
        return look(state, self._tables)

    def ranks(self, state: MoleculeState, at: Look) -> Tensor:
        """Return int8 (batch, productions): 0 is illegal, the highest leads to the end."""
        begins = ~at.aromatic | state.explicit
        last = torch.cat([~state.is_open, begins[:, None], torch.zeros_like(begins)[:, None]], 1)
        later = last.to(torch.int8).index_select(1, self._opener) * len(_PLAN)
        ranks = legal_classes(state, at, self._tables) * (self._rank - later)
        return ranks.index_select(1, self._tables.class_of)

    def most_steps(self, state: MoleculeState) -> Tensor:
        """Return int64 (batch,): more steps than the grammar's fewest that closing may take."""
        digits = state.is_open.sum(1) * _STEPS_A_DIGIT
        return digits + state.level * _STEPS_A_LEVEL + _STEPS_MORE

    def take(self, state: MoleculeState, at: Look, ids: Tensor) -> MoleculeState:
        """Return the state behind one production in each row, int64 (batch,)."""
        return take(state, at, self._tables.class_of[ids], self._tables)
