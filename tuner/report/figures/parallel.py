"""Draws parallel coordinates from top to bottom, so that they fit a phone."""

from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt

from tuner.report.figures.style import GROUPS, colours, finish, rows


def draw_parallel(names: Sequence[str], kinds: Iterable[object]) -> dict[str, Any]:
    """Return the specification over the data `parallel`, with the ranges' ends of `ends`."""
    y = alt.Y(
        "key:N",
        sort=list(names),
        title=None,
        axis=alt.Axis(labelLimit=130, domain=False),
        scale=alt.Scale(padding=0.35),
    )
    x = alt.X("place:Q", scale=alt.Scale(domain=[-0.12, 1.05]), axis=None)
    base = alt.Chart(rows("parallel")).encode(x=x, y=y, tooltip=["trial:N", "key:N", "text:N"])
    lines = [
        base.transform_filter(f"datum.kind == '{kind}'")
        .mark_line(opacity=opacity, strokeWidth=width)
        .encode(detail="trial:N", order="order:Q", color=colours(GROUPS, kinds))
        for kind, opacity, width in (
            ("others", 0.4, 1.0),
            ("among the best", 0.7, 1.6),
            ("best trial", 1.0, 3.0),
        )
    ]
    ends = alt.Chart(rows("ends")).encode(x=x, y=y, text="text:N")
    # Two long names share the line of a phone.
    style = {"dy": 14, "fontSize": 11, "limit": alt.ExprRef("0.41 * width")}
    # Beside the ends, where lines go straight from key to key.
    low = ends.transform_filter("datum.place == 0").mark_text(align="left", dx=5, **style)
    high = ends.transform_filter("datum.place == 1").mark_text(align="right", dx=-5, **style)
    return finish(alt.layer(*lines, low, high), 50 + 52 * len(names))
