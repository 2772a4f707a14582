"""Draws the search against replayed random search."""

from typing import Any

import altair as alt

from tuner.report.figures.style import BEST, PLAIN, finish, rows


def draw_worth(metric: str) -> dict[str, Any]:
    """Return the specification over the data `worth`: a line with a band, and a line."""
    color = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["this search", "random search"], range=[BEST, PLAIN]),
        title=None,
        legend=alt.Legend(orient="top"),
    )
    base = alt.Chart(rows("worth")).encode(
        x=alt.X("epochs:Q", title="epochs spent", axis=alt.Axis(grid=False))
    )
    scale = alt.Scale(zero=False)
    band = base.mark_area(opacity=0.25, color=PLAIN, interpolate="step-after").encode(
        y=alt.Y("low:Q", title=metric, scale=scale), y2="high:Q"
    )
    middle = base.transform_calculate(kind="'random search'").mark_line(
        strokeWidth=2, interpolate="step-after"
    )
    search = base.transform_calculate(kind="'this search'").mark_line(
        strokeWidth=2.6, interpolate="step-after"
    )
    return finish(
        alt.layer(
            band,
            middle.encode(y=alt.Y("middle:Q", scale=scale), color=color),
            search.encode(y=alt.Y("search:Q", scale=scale), color=color),
        ),
        280,
    )
