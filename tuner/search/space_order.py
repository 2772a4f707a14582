"""The order in which the parameters of a space are drawn: parents first."""

from collections.abc import Sequence

from models.errors import Mistake, UserError
from tuner.search.space import Parameter


def parents_first(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Return the parameters in their own order, but each behind those that it depends on.

    Raises:
        UserError: they depend on each other in a circle, which is named.
    """
    by_key = {parameter.key: parameter for parameter in parameters}
    placed: dict[str, Parameter] = {}

    def place(key: str, path: tuple[str, ...]) -> None:
        if key in path:
            circle = " -> ".join([*path[path.index(key) :], key])
            rule = f"the keys depend on each other in a circle ({circle})"
            remedy = "remove one `when` or `length`"
            raise UserError(Mistake(place=f"space.{key}", rule=rule, remedy=remedy))
        if key in placed or key not in by_key:
            return
        for parent in by_key[key].parents:
            place(parent, (*path, key))
        placed[key] = by_key[key]

    for parameter in parameters:
        place(parameter.key, ())
    return tuple(placed.values())
