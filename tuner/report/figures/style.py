"""What all figures have in common: width, colours and how a specification is made.

Colours are variables of the page's style, which differ in light and dark.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt

BEST, GOOD, PLAIN, BAD, QUIET = (
    f"var(--{name})" for name in ("best", "good", "plain", "bad", "quiet")
)
GROUPS = {"best trial": BEST, "among the best": GOOD, "others": PLAIN}
"""How trials are told apart where their values matter."""


def colours(names: Mapping[str, str], there: Iterable[object]) -> alt.Color:
    """Return an encoding that gives the kinds that are there their colours."""
    found = set(there)
    kinds = [name for name in names if name in found]
    scale = alt.Scale(domain=kinds, range=[names[kind] for kind in kinds])
    legend = alt.Legend(orient="top", symbolOpacity=1) if len(kinds) > 1 else None
    return alt.Color("kind:N", scale=scale, title=None, legend=legend)


def rows(name: str) -> alt.NamedData:
    """Return the rows of this name, which the page holds."""
    return alt.NamedData(name=name)


def finish(chart: Any, height: int) -> dict[str, Any]:
    """Return the specification of a chart as wide as its place; the page has its style."""
    spec = chart.properties(width="container", height=height).to_dict()
    for key in ("$schema", "config"):
        spec.pop(key, None)
    return spec


def value_scale(domain: tuple[float, float] | None) -> alt.Scale:
    """Return the scale of an objective; with a domain, values beyond it are cut off."""
    if domain is None:
        return alt.Scale(zero=False, nice=True)
    return alt.Scale(domain=list(domain), zero=False, clamp=True)
