"""What W&B takes as the name of a project."""

import re

from models.errors import UserError

_REFUSED = re.compile(r"[/\\#?%:]")
_LONGEST = 128


def check_project(name: str, what: str) -> None:
    """Check the name of a project.

    Args:
        name: the name.
        what: the flag or the key that gives it, for the message.

    Raises:
        UserError: W&B refuses it.
    """
    if refused := _REFUSED.search(name):
        raise UserError(
            f"{what} {name}: W&B refuses {refused[0]!r} in the name of a project: leave it out"
        )
    if not 0 < len(name) <= _LONGEST:
        raise UserError(f"{what}: W&B takes a name of 1 to {_LONGEST} letters, not {len(name)}")
