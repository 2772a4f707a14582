"""Draws learning curves with the rungs."""

from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt

from tuner.report.figures.style import (
    BAD,
    BEST,
    GOOD,
    PLAIN,
    QUIET,
    colours,
    finish,
    rows,
    value_scale,
)

KIND_COLOURS = {
    "best trial": BEST,
    "trained to the end": GOOD,
    "stopped early": PLAIN,
    "failed": BAD,
    "not ended": QUIET,
}


def draw_curves(
    metric: str,
    rungs: Sequence[float],
    kinds: Iterable[object],
    domain: tuple[float, float] | None,
) -> dict[str, Any]:
    """Return the specification: one line a trial over the data `curves`, rules over `rungs`."""
    base = alt.Chart(rows("curves")).encode(
        x=alt.X(
            "epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, grid=False, labelFlush=False)
        ),
        y=alt.Y("value:Q", title=metric, scale=value_scale(domain)),
        detail="trial:N",
        color=colours(KIND_COLOURS, kinds),
        tooltip=["trial:N", "kind:N", "epoch:Q", alt.Tooltip("value:Q", format=".4~g")],
    )
    is_best = "datum.kind == 'best trial'"
    others = base.transform_filter(f"!({is_best})").mark_line(
        point={"size": 12, "opacity": 0.7}, opacity=0.6, strokeWidth=1.2
    )
    best = base.transform_filter(is_best).mark_line(point={"size": 25}, strokeWidth=2.6)
    layers = [others, best]
    if rungs:
        rule = alt.Chart(rows("rungs")).mark_rule(strokeDash=[4, 4], opacity=0.5, color=QUIET)
        layers.insert(0, rule.encode(x="epoch:Q"))
    return finish(alt.layer(*layers), 340)
