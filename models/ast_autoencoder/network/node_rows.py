"""The graphs of some programs, walked along their derivations on any device.

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
_OF_COUNTER, _INHERITED = -2, -1


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeWalk:
    """What productions are in graphs, on a device; P productions of up to R children.

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
    def on(device: torch.device) -> "NodeWalk":
        """Return the tables on a device."""
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
            of_production=of_production.to(device),
            counts=torch.from_numpy(tables.counts).to(device),
            steps=torch.from_numpy(tables.steps).to(device),
            beside=torch.from_numpy(tables.continues).to(device),
            role=torch.from_numpy(tables.role << _ROLE_SHIFT).to(device),
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
        steps_counter = self.steps[ids]
        entries, before = self._walk(
            ids,
            is_node,
            number,
            slot=torch.where(steps_counter, _OF_COUNTER, slot),
            counter=torch.where(self.counts[ids], following + 1, _INHERITED),
            opened=opened * is_real,
        )
        slot = torch.where(steps_counter, (entries & _BYTE) - 1, slot)
        parent = (entries >> _PARENT_SHIFT) - 1
        depth = (entries >> _DEPTH_SHIFT & _DEPTH_MASK).clamp(max=MAX_DEPTH)
        found = {
            "kind": kind,
            "slot": slot,
            "constant": constant,
            "place": depth * NUM_ROLES + (entries >> _ROLE_SHIFT & _BYTE),
            "parent": parent,
            "sibling": torch.where(parent >= 0, before[..., 0] - 1, NOWHERE),
            "use": torch.where(slot >= 0, before[..., 1] - 1, NOWHERE),
        }
        step, program = is_node.nonzero(as_tuple=True)
        where = rows[program], number[step, program] - 1
        for name, values in found.items():
            arrays[name][where] = values[step, program].to(arrays[name].dtype)
        arrays["num_nodes"][rows] = number[-1].to(torch.int32) if len(number) else 0

    def _walk(
        self,
        ids: Tensor,
        is_node: Tensor,
        number: Tensor,
        *,
        slot: Tensor,
        counter: Tensor,
        opened: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Run the stacks of some programs; all arguments are (steps, n).

        Args:
            ids: productions, 0 at padding.
            is_node: which make a node.
            number: nodes made so far, with that of the step.
            slot: of each step, -1 for none, _OF_COUNTER for that of the counter around it.
            counter: one more than the slot of the counter that it opens, else _INHERITED.
            opened: places opened less the one taken.

        Returns:
            int64 (steps, n), the entry that each step takes, and (steps, n, 2), the numbers of the
            nodes before it with the same parent and with the same slot, 0 for none; of no meaning
            where there is no parent or no slot.
        """
        num_steps, num_rows = ids.shape
        width = self.role.shape[1]
        places = torch.arange(width, device=ids.device)
        stack = ids.new_zeros(num_rows, num_steps + width + 1)
        # The last child of each node, and the last use of each slot; the first of each are none's.
        last = ids.new_zeros(num_rows, num_steps + 1 + NUM_SLOTS + 1)
        entries = torch.empty_like(ids)
        before = ids.new_empty(num_steps, num_rows, 2)
        top = ids.new_zeros(num_rows, 1)
        for step in range(num_steps):
            entry = stack.gather(1, top)
            taken = entries[step] = entry[:, 0]
            around = taken & _BYTE
            own = torch.where(slot[step] == _OF_COUNTER, around - 1, slot[step])
            group = torch.stack([taken >> _PARENT_SHIFT, own + num_steps + 2], dim=1)
            before[step] = last.gather(1, group)
            group *= is_node[step][:, None]
            last.scatter_(1, group, number[step][:, None].expand(-1, 2))
            below = torch.where(counter[step] == _INHERITED, around, counter[step])
            below = below | number[step] << _PARENT_SHIFT
            below += (taken & _DEPTH_MASK << _DEPTH_SHIFT) + (1 << _DEPTH_SHIFT)
            below = below[:, None] + self.role.index_select(0, ids[step])
            pushed = torch.where(self.beside.index_select(0, ids[step]), entry, below)
            stack.scatter_(1, top + places, pushed)
            top = (top + opened[step][:, None]).clamp_(min=0)
        return entries, before
