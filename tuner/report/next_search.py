"""The next search as a file ready to run: the same, with ranges widened where the best values lie.

It begins with what the run found out, as trials of the same training are known results to it. What
is written has been read as `tuner check` reads it; where the model forbids a value, a range is
widened by less.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from models.config_file import dump_yaml
from models.errors import UserError, unknown_name
from models.presets import Preset
from models.training.contracts import ModelSpec
from tuner.report.material import Material
from tuner.search.domains import Domain, FloatRange, IntRange, ListOf
from tuner.search.reader import SearchReader

_PARTS = (0.5, 0.25, 0.1)
"""By how much of its width a range grows: the first that is allowed."""


@dataclass(frozen=True, kw_only=True)
class NextSearch:
    """A search file, or why there is none.

    Attributes:
        text: of the file; empty without one.
        widened: the old and the new ends by key.
        problems: ranges that cannot grow, and why.
    """

    text: str
    widened: Mapping[str, tuple[Sequence[Any], Sequence[Any]]]
    problems: tuple[str, ...] = ()


def next_search(material: Material, ends: Mapping[str, Literal["low", "high"]]) -> NextSearch:
    """Widen the ranges of some keys at the given ends."""
    content = material.search.to_mapping()
    content["searcher"].pop("seed")  # which it then has of its own
    content["searcher"]["warm_start"].append({"run": material.run.paths.handle})
    content["data"] = {key: value for key, value in content["data"].items() if value is not None}
    widened: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {}
    problems: list[str] = []
    if mistake := _mistake(material, content):
        return NextSearch(
            text="", widened={}, problems=(f"This search would be refused today: {mistake}",)
        )
    for key, end in ends.items():
        old, mistake = content["space"][key], None
        for part in _PARTS:
            domain = widen(material.search.space.parameter(key).domain, end, part)
            content["space"][key] = {**old, **domain.to_mapping()}
            mistake = _mistake(material, content)
            if mistake is None:
                widened[key] = (_ends(old), _ends(content["space"][key]))
                break
        else:
            content["space"][key] = old
            problems.append(f"{key} cannot go further at its {end} end: {mistake}")
    text = dump_yaml(content, _header(material, widened)) if widened else ""
    return NextSearch(text=text, widened=widened, problems=tuple(problems))


def widen(domain: Domain, end: Literal["low", "high"], part: float) -> Domain:
    """Return a range that goes further at one end, by a part of its width (of decades, if log)."""
    if isinstance(domain, ListOf):
        item = widen(domain.item, end, part)
        assert not isinstance(item, ListOf)
        return ListOf(item=item, length=domain.length)
    assert isinstance(domain, FloatRange | IntRange)
    low, high = float(domain.low), float(domain.high)
    if domain.log:
        factor = (high / low) ** part
        low, high = (low / factor, high) if end == "low" else (low, high * factor)
    else:
        width = (high - low) * part
        low, high = (low - width, high) if end == "low" else (low, high + width)
    if isinstance(domain, IntRange):
        steps = max(1, round(abs((low - domain.low) + (high - domain.high)) / domain.step))
        new_low = domain.low - steps * domain.step if end == "low" else domain.low
        new_high = domain.high + steps * domain.step if end == "high" else domain.high
        return IntRange(low=new_low, high=new_high, log=domain.log, step=domain.step)
    if domain.step is not None:
        steps = max(1, round(abs((low - domain.low) + (high - domain.high)) / domain.step))
        low = domain.low - steps * domain.step if end == "low" else domain.low
        high = domain.high + steps * domain.step if end == "high" else domain.high
        return FloatRange(low=_short(low), high=_short(high), log=domain.log, step=domain.step)
    low = domain.low if end == "high" else float(f"{low:.2g}")
    high = domain.high if end == "low" else float(f"{high:.2g}")
    return FloatRange(low=low, high=high, log=domain.log)


def _mistake(material: Material, content: Mapping[str, Any]) -> str | None:
    """Return what a check would say of a search, or None."""
    search = material.search
    known = search.presets

    def find(spec: ModelSpec, name: str) -> Preset:
        if name not in known:
            raise unknown_name(f"{spec.name} preset", name, known)
        return known[name]

    try:
        SearchReader(content, "next.yaml", find).read()
    except UserError as error:
        return "; ".join(map(str, error.mistakes))
    return None


def _header(material: Material, widened: Mapping[str, Any]) -> str:
    best = material.best
    assert best is not None
    return (
        f"After the run {material.run.name}: wider in {', '.join(widened)}.\n"
        f"Best so far: {material.metric} {best.value:.4f}, trial {best.row.number}."
    )


def _ends(domain: Mapping[str, Any]) -> Sequence[Any]:
    inner = domain.get("list", domain)
    return next(
        value for key, value in inner.items() if key in ("uniform", "log_uniform", "int", "log_int")
    )


def _short(value: float) -> float:
    return float(f"{value:.12g}") if math.isfinite(value) else value
