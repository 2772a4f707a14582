"""Draws how many slots train, by what became of the trials."""

from collections.abc import Iterable
from typing import Any

import altair as alt

from tuner.report.figures.curves import KIND_COLOURS
from tuner.report.figures.style import colours, finish, rows


def draw_slots(unit: str, kinds: Iterable[object]) -> dict[str, Any]:
    """Return the specification over the data `slots`: areas on top of each other."""
    chart = alt.Chart(rows("slots")).mark_area(interpolate="step-after", opacity=0.85)
    return finish(
        chart.encode(
            x=alt.X("at:Q", title=unit, axis=alt.Axis(grid=False, labelFlush=False)),
            y=alt.Y("busy:Q", title="slots", stack="zero", axis=alt.Axis(tickMinStep=1)),
            color=colours(KIND_COLOURS, kinds),
            order="layer:Q",
            tooltip=["kind:N", alt.Tooltip("busy:Q", format=".2f")],
        ),
        200,
    )
