"""Draws the importance of keys with intervals, and what chance would give."""

from collections.abc import Iterable
from typing import Any

import altair as alt

from tuner.report.figures.style import GOOD, PLAIN, colours, finish, rows

_COLOURS = {"more than chance": GOOD, "within chance": PLAIN}


def draw_importance(num_keys: int, kinds: Iterable[object]) -> dict[str, Any]:
    """Return the specification over the data `importance`: a bar a key, the longest on top."""
    base = alt.Chart(rows("importance")).encode(
        y=alt.Y("key:N", sort=None, title=None, axis=alt.Axis(labelLimit=170, grid=False)),
        tooltip=[
            "key:N",
            *(
                alt.Tooltip(f"{name}:Q", format=".1%")
                for name in ("share", "low", "high", "chance")
            ),
        ],
    )
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("share:Q", title="share of importance", axis=alt.Axis(format="%"), scale=scale)
    bars = base.mark_bar(height={"band": 0.62}, cornerRadiusEnd=3).encode(
        x=x, color=colours(_COLOURS, kinds)
    )
    lines = base.mark_rule(color="var(--text)", strokeWidth=1.5).encode(x="low:Q", x2="high:Q")
    ticks = base.mark_tick(color="var(--best)", thickness=2.5, size=16).encode(x="chance:Q")
    return finish(alt.layer(bars, lines, ticks), 40 + 30 * num_keys)
