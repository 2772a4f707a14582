"""Labels of Ray's nodes, by which a search says where its trials run.

A node has the labels it was started with (`ray start --labels accelerator=H100`), and those that
Ray gives it, of which the kind of its accelerator goes by a short name here as well.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from models.errors import Mistake, UserError

ACCELERATOR = "accelerator"
_RAYS_ACCELERATOR = "ray.io/accelerator-type"
_NAMES_ONE_NODE = "ray.io/node-id"


def labelled_nodes(
    label: Mapping[str, str], nodes: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the nodes that have these labels."""
    wanted = ray_label(label, nodes)
    return [node for node in nodes if wanted.items() <= node.get("Labels", {}).items()]


def check_label(label: Mapping[str, str], nodes: Sequence[dict[str, Any]]) -> None:
    """Check that there is a node with these labels.

    Raises:
        UserError: there is none; the message has the labels there are.
    """
    if label and not labelled_nodes(label, nodes):
        raise UserError(_no_such_node(label, nodes))


def ray_label(label: Mapping[str, str], nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the labels by their names in Ray: the short one, where no node has it, is Ray's."""
    if any(ACCELERATOR in node.get("Labels", {}) for node in nodes):
        return dict(label)
    return {_RAYS_ACCELERATOR if key == ACCELERATOR else key: label[key] for key in label}


def _no_such_node(label: Mapping[str, str], nodes: Sequence[Mapping[str, Any]]) -> Mistake:
    seen = sorted(
        {
            f"{key}={value}"
            for node in nodes
            for key, value in node.get("Labels", {}).items()
            if key != _NAMES_ONE_NODE
        }
    )
    there = f"labels there are {', '.join(seen)}" if seen else "no node has any labels"
    return Mistake(
        key="resources.label",
        value=dict(label),
        rule=f"none of {len(nodes)} nodes has all of these labels; {there}",
        remedy="name labels of one node, or start nodes with `ray start --labels KEY=VALUE`",
    )
