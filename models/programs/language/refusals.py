"""Refusals of Python that is outside the language, with their place."""

import ast

from models.errors import UserError


class Refusal(Exception):
    """A node outside the language; `source_to_ids` adds its place and turns it into a UserError.

    Args:
        node: what is refused.
        reason: why it is refused, in words that fit all such nodes; `{}` stands for this one.
        allowed: what is allowed instead.
        it: what the message calls the node. It stands for `{}`, or before the reason.
        hint: what else stands behind the reason, from its full stop on.
        text: the message, where it says more of this node than the reason.

    Attributes:
        reason: with dots for the node.
        text: reason and what is allowed, of this node.
    """

    def __init__(
        self,
        node: ast.AST,
        reason: str,
        allowed: str = "",
        *,
        it: str = "",
        hint: str = "",
        text: str = "",
    ) -> None:
        self.reason = reason.replace("{}", "...")
        what = reason.replace("{}", it) if "{}" in reason else f"{it}: {reason}" if it else reason
        self.text = text or (f"{what}: {allowed}" if allowed else what + hint)
        super().__init__(self.text)
        self.line: int = getattr(node, "lineno", 1)
        self.offset: int = getattr(node, "col_offset", 0)
        self.end: tuple[int, int] = (
            getattr(node, "end_lineno", None) or self.line,
            getattr(node, "end_col_offset", None) or self.offset,
        )

    @property
    def progress(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Where it starts and ends: of two refusals, the larger one had more read before it."""
        return (self.line, self.offset), self.end

    def to_error(self, source: str) -> UserError:
        """Return the message with line and column, both from 1."""
        lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        line = lines[self.line - 1] if self.line <= len(lines) else ""
        # Python counts bytes of UTF-8, people count characters.
        column = len(line.encode()[: self.offset].decode(errors="ignore")) + 1
        return UserError(f"line {self.line}, column {column}: {self.text}")


class NeedsTexts(Refusal):
    """A list of str in a function that is read without any: it is read once more, with them."""


def excerpt(node: ast.AST, limit: int = 60) -> str:
    """Return a node's source on one line, cut to `limit` characters, for a message."""
    try:
        text = " ".join(ast.unparse(node).split())
    except RecursionError:
        text = "..."
    return f"`{text if len(text) <= limit else text[: limit - 3] + '...'}`"
