"""Draws the value at a rung against the value at the end."""

from typing import Any

import altair as alt

from tuner.report.figures.style import GOOD, finish, rows


def draw_rung(name: str, metric: str, rung: str) -> dict[str, Any]:
    """Return the specification over the data `name`: a point a trial."""
    scale = alt.Scale(zero=False)
    chart = alt.Chart(rows(name)).mark_circle(size=45, opacity=0.75, color=GOOD)
    return finish(
        chart.encode(
            x=alt.X(
                "at_rung:Q",
                title=f"{metric} by epoch {rung}",
                scale=scale,
                axis=alt.Axis(tickCount=4),
            ),
            y=alt.Y("at_end:Q", title="in the end", scale=scale, axis=alt.Axis(tickCount=4)),
            tooltip=["trial:N", "at_rung:Q", "at_end:Q"],
        ),
        190,
    )
