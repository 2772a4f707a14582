"""What is said of a command line whose action does not come first."""

import shlex
from collections.abc import Collection, Sequence

from models.errors import Mistake


def flag_in_front(
    words: Sequence[str], names: Collection[str], command: str, kind: str = "action"
) -> Mistake:
    """Return the mistake of a flag that stands where an action has to be named.

    Args:
        words: what follows the command, the flag first.
        names: of the actions.
        command: what to type for the command.
        kind: what an action is called here.
    """
    flag = words[0].partition("=")[0]
    at = next((place for place, word in enumerate(words) if word in names), None)
    if at is None:
        remedy = f"name it first: {', '.join(sorted(names))}"
        return Mistake(rule=f"{flag} stands where the {kind} has to be named", remedy=remedy)
    in_order = shlex.join([words[at], *words[:at], *words[at + 1 :]])
    return Mistake(rule=f"{flag} stands before the {kind}", remedy=f"write `{command} {in_order}`")
