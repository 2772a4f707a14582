"""Draws latents in a plane, by what their rows are."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from tuner.report.figures.style import PLAIN, finish, rows

_COLOURS = (
    "#3b82f6", "#e8590c", "#2f9e44", "#ae3ec9", "#e03131", "#0c8599", "#d6a400", "#868e96",
    "#f06595", "#5c7cfa", "#74b816", "#a9673c", "#15aabf", "#845ef7", "#ff922b", "#20c997",
    "#c2255c", "#4c8a73", "#9c88ff", "#b08900",
)  # fmt: skip
"""Readable on light and dark."""
_SHAPES = ("circle", "triangle-up", "square", "diamond")


def draw_plane(labels: Sequence[str], explained: Sequence[float]) -> dict[str, Any]:
    """Return the specification over the data `plane`: a point a row, colour and shape by label."""
    colours = [
        PLAIN if label == "others" else _COLOURS[index % len(_COLOURS)]
        for index, label in enumerate(labels)
    ]
    shapes = [_SHAPES[index % len(_SHAPES)] for index in range(len(labels))]
    legend = None if len(labels) < 2 else alt.Legend(orient="bottom", symbolOpacity=1)
    chart = alt.Chart(rows("plane")).mark_point(size=22, filled=True, opacity=0.6)
    return finish(
        chart.encode(
            x=alt.X("x:Q", title=f"first component ({explained[0]:.0%})"),
            y=alt.Y("y:Q", title=f"second component ({explained[1]:.0%})"),
            color=alt.Color(
                "label:N", legend=legend, scale=alt.Scale(domain=list(labels), range=colours)
            ),
            shape=alt.Shape(
                "label:N", legend=legend, scale=alt.Scale(domain=list(labels), range=shapes)
            ),
            tooltip=["label:N"],
        ),
        420,
    )
