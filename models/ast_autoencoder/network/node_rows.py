"""The graphs of some programs, walked along their derivations.

Nodes stand in the order of the derivation, parents before children. Statements of a block are
children of what owns the block, in order. Edges are linear in the size of the program: from the
parent, from the sibling before, from the last use of the slot.

One stack for each program holds its open places: an entry is one number, with the parent, the
depth, the role and the counter of a place.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.programs.language.graph_tables import graph_tables
from models.programs.language.kinds import NUM_SLOTS

MAX_DEPTH = 31
"""Deeper nodes share an embedding."""

NUM_ROLES = 8

NOWHERE = -1
"""Of a node that has no parent, no sibling before it or no use before it."""

_PARENT_SHIFT, _DEPTH_SHIFT, _ROLE_SHIFT = 32, 16, 8
_DEPTH_MASK, _BYTE = 0xFFFF, 0xFF


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeWalk:
    """What productions are in graphs; P productions of up to R children.

    Args:
        of_production: int64 (P, 5): kind, constant, slot, slots defined, and places opened less
            the one taken; see `GraphTables`.
        counts: bool (P,), whether the first child is a counter.
        steps: bool (P,), whether it changes the counter around it.
        beside: bool (P, R), whether a child stands beside the node.
        role: int64 (P, R), of a child below the node, where an entry has it.
    """

    of_production: Tensor
    counts: Tensor
    steps: Tensor
    beside: Tensor
    role: Tensor

    @staticmethod
    def of_language() -> "NodeWalk":
        """Return the tables of all productions."""
        tables = graph_tables()
        of_production = torch.stack(
            [
                torch.from_numpy(column).long()
                for column in (
                    tables.kind,
                    tables.constant,
                    tables.slot,
                    tables.defines,
                    tables.num_children - 1,
                )
            ],
            dim=1,
        )
        return NodeWalk(
            of_production=of_production,
            counts=torch.from_numpy(tables.counts),
            steps=torch.from_numpy(tables.steps),
            beside=torch.from_numpy(tables.continues),
            role=torch.from_numpy(tables.role << _ROLE_SHIFT),
        )

    def fill(self, arrays: dict[str, Tensor], rows: Tensor, ids: Tensor) -> None:
        """Write the nodes of some programs into the arrays of `NodeTensors`.

        Args:
            arrays: (N, M) each, -1 where there is no node, and `num_nodes`.
            rows: int64 (n,), where in the arrays the programs stand.
            ids: integers (n, steps), complete derivations padded with -1.
        """
        ids = ids.t().long()  # steps first: each is worked on alone
        is_real = ids >= 0
        ids = ids.clamp(min=0).contiguous()
        kind, constant, slot, defined, opened = self.of_production[ids].unbind(-1)
        following = torch.cat([slot[1:], slot[-1:]])
        is_node = is_real & (kind >= 0)
        number = is_node.cumsum(0)
        defined = defined * is_real
        slot = torch.where(defined > 0, defined.cumsum(0) - defined, slot)
        counter = torch.where(self.counts[ids], following + 1, 0)
        entries = self._entries(ids, number, counter, (opened * is_real).cumsum(0))
        slot = torch.where(self.steps[ids], (entries & _BYTE) - 1, slot)
        parent = (entries >> _PARENT_SHIFT) - 1
        sibling = _last_alike(torch.where(is_node, parent, NOWHERE), number, len(ids) + 1)
        use = _last_alike(torch.where(is_node, slot, NOWHERE), number, NUM_SLOTS)
        depth = (entries >> _DEPTH_SHIFT & _DEPTH_MASK).clamp(max=MAX_DEPTH)
        found = {
            "kind": kind,
            "slot": slot,
            "constant": constant,
            "place": depth * NUM_ROLES + (entries >> _ROLE_SHIFT & _BYTE),
            "parent": parent,
            "sibling": sibling,
            "use": use,
        }
        step, program = is_node.nonzero(as_tuple=True)
        where = rows[program], number[step, program] - 1
        for name, values in found.items():
            arrays[name][where] = values[step, program].to(arrays[name].dtype)
        arrays["num_nodes"][rows] = number[-1].to(torch.int32) if len(number) else 0

    def _entries(self, ids: Tensor, number: Tensor, counter: Tensor, opened: Tensor) -> Tensor:
        """Return the entry that each step takes from its program's stack; all are (steps, n).

        Args:
            ids: productions, 0 at padding.
            number: nodes made so far, with that of the step.
            counter: one more than the slot of the counter that it opens, 0 for none.
            opened: places opened so far less those taken, with those of the step.
        """
        places = torch.arange(self.role.shape[1])
        top = torch.cat([torch.zeros_like(opened[:1]), opened])[:-1].clamp(min=0)[..., None]
        # Below a node stands what is made of the entry that it takes: `kept` of it, and `added`.
        depth = _DEPTH_MASK << _DEPTH_SHIFT
        kept = torch.where(counter > 0, depth, depth | _BYTE)[..., None]
        added = ((number << _PARENT_SHIFT) + (1 << _DEPTH_SHIFT) + counter)[..., None]
        stack = ids.new_zeros(ids.shape[1], len(ids) + len(places) + 1)
        entries = [ids.new_zeros(0, ids.shape[1], 1)]
        for chosen, here, keep, add in zip(ids, top, kept, added, strict=True):
            entry = stack.gather(1, here)
            entries.append(entry[None])
            below = self.role.index_select(0, chosen) + ((entry & keep) + add)
            pushed = torch.where(self.beside.index_select(0, chosen), entry, below)
            stack.scatter_(1, here + places, pushed)
        return torch.cat(entries).squeeze(2)


def _last_alike(group: Tensor, number: Tensor, num_groups: int) -> Tensor:
    """Return int64 (steps, n), the last node before each step that is in the same group.

    Args:
        group: int64 (steps, n), of the step's node, NOWHERE for none.
        number: nodes made so far, with that of the step.
        num_groups: one more than the largest.
    """
    last = number.new_zeros(number.shape[1], num_groups + 1)
    found = [number.new_zeros(0, number.shape[1], 1)]
    for column, node in zip((group + 1)[..., None], number[..., None], strict=True):
        found.append(last.gather(1, column)[None])
        last.scatter_(1, column, node)
    # What is in no group shares a column, of which nobody asks.
    return torch.where(group >= 0, torch.cat(found).squeeze(2) - 1, NOWHERE)
