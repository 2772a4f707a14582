"""Draws two objectives against each other with the Pareto front."""

from typing import Any

import altair as alt

from tuner.report.figures.style import BEST, PLAIN, colours, finish, rows, value_scale

_COLOURS = {"on the front": BEST, "beaten": PLAIN}


def draw_front(
    first: str,
    second: str,
    first_domain: tuple[float, float] | None,
    second_domain: tuple[float, float] | None,
) -> dict[str, Any]:
    """Return the specification over the data `front`: a point a trial, steps along the front."""
    base = alt.Chart(rows("front")).encode(
        x=alt.X("second:Q", title=second, scale=value_scale(second_domain)),
        y=alt.Y("first:Q", title=first, scale=value_scale(first_domain)),
    )
    on_front = base.transform_filter("datum.kind == 'on the front'")
    points = base.mark_circle(size=50, opacity=0.8).encode(
        color=colours(_COLOURS, _COLOURS),
        tooltip=[
            "trial:N",
            alt.Tooltip("first:Q", title=first),
            alt.Tooltip("second:Q", title=second),
        ],
    )
    line = on_front.mark_line(strokeWidth=1.2, opacity=0.6, color=BEST).encode(order="second:Q")
    return finish(alt.layer(line, points), 320)
