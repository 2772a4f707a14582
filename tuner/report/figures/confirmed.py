"""Draws what settings reached on fresh seeds."""

from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt

from tuner.report.figures.style import BEST, GOOD, colours, finish, rows

_COLOURS = {"value on a seed": GOOD, "in the leaderboard": BEST}


def draw_confirmed(
    index: int, metric: str, settings: Sequence[str], kinds: Iterable[object]
) -> dict[str, Any]:
    """Return the specification over the data `confirmed_N` and `means_N`: a row a setting."""
    y = alt.Y("setting:N", sort=list(settings), title=None, axis=alt.Axis(labelLimit=170))
    x = alt.X("value:Q", title=metric, scale=alt.Scale(zero=False), axis=alt.Axis(grid=False))
    points = alt.Chart(rows(f"confirmed_{index}")).encode(
        x=x, y=y, color=colours(_COLOURS, kinds), tooltip=["setting:N", "seed:N", "value:Q"]
    )
    seeds = points.transform_filter("datum.kind == 'value on a seed'").mark_circle(size=60)
    board = points.transform_filter("datum.kind != 'value on a seed'").mark_point(
        size=80, filled=True, shape="diamond"
    )
    means = alt.Chart(rows(f"means_{index}")).mark_tick(thickness=2.5, size=20, color="var(--text)")
    return finish(alt.layer(means.encode(x=x, y=y), seeds, board), 60 + 40 * len(settings))
