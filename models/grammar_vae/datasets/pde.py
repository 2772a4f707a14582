"""Partial differential operators of 16 named families with random coefficients.

The families, ranges and the order of terms are those of the symbolic-GED data (48,000 rows,
3,000 a family). Coefficients are uniform, rounded to three decimals; a coefficient that rounds
to zero is no term and is drawn again, as is a row that occurred before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

import numpy as np

from models.errors import UserError
from models.grammar_vae.datasets.rows import LabelledRows, check_request

MILLI = 1000  # coefficients are whole thousandths: round(uniform, 3)


@dataclass(frozen=True, kw_only=True)
class Family:
    """One named operator: a template for each dimension in turn, and its coefficients.

    In a template `{k}` is a coefficient's magnitude, `{2k}` its double; a coefficient whose range
    holds both signs prints its own sign (`{f}` becomes `- 3.935`). Dimensions are cycled over
    `templates`; a template may stand there twice (the published data give two rows in 2-D for one
    in 1-D where a family has no 3-D form).
    """

    name: str
    templates: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]

    def coefficients(self, template: str) -> list[str]:
        """Return the names of the coefficients that occur in `template`, in the ranges' order."""
        used = {field for _, field, _, _ in Formatter().parse(template) if field}
        return [name for name in self.ranges if name in used]

    def num_distinct(self, template: str) -> int:
        """Return how many distinct rows `template` can give."""
        return int(np.prod([_num_values(*self.ranges[c]) for c in self.coefficients(template)]))

    def max_rows(self) -> int:
        """Return the largest count of distinct rows the family can give, dimensions cycled."""
        period = len(self.templates)
        limits = []
        for template in dict.fromkeys(self.templates):
            positions = [i for i, other in enumerate(self.templates) if other == template]
            cycles, rest = divmod(self.num_distinct(template), len(positions))
            limits.append(cycles * period + positions[rest])
        return min(limits)


def generate_pdes(num_rows: int, seed: int) -> LabelledRows:
    """Draw distinct operators, family after family, evenly spread; the label is the family.

    Every family has its own random stream, so the rows of a smaller draw with the same seed are
    among those of a larger one.

    Raises:
        UserError: A family cannot give that many distinct rows, or a value is negative.
    """
    check_request(num_rows, seed)
    counts = [len(range(i, num_rows, len(FAMILIES))) for i in range(len(FAMILIES))]
    _check_counts(num_rows, counts)
    texts: list[str] = []
    for index, (family, count) in enumerate(zip(FAMILIES, counts, strict=True)):
        texts += _family_rows(family, count, (seed, index))
    labels = np.repeat(np.arange(len(FAMILIES), dtype=np.int16), counts)
    return LabelledRows(
        texts=texts, labels=labels, label_names=tuple(family.name for family in FAMILIES)
    )


def max_pdes() -> int:
    """Return how many distinct operators can be drawn evenly over the families."""
    limits = [family.max_rows() for family in FAMILIES]
    return min(limits[i] * len(FAMILIES) + i for i in range(len(FAMILIES)))


def _check_counts(num_rows: int, counts: list[int]) -> None:
    limits = [family.max_rows() for family in FAMILIES]
    worst = min(range(len(FAMILIES)), key=lambda i: limits[i] * len(FAMILIES) + i)
    if counts[worst] > limits[worst]:
        most = limits[worst] * len(FAMILIES) + worst
        raise UserError(
            f"num_rows ({num_rows}) asks for {counts[worst]} distinct rows of the family "
            f"'{FAMILIES[worst].name}', which has at most {limits[worst]}: "
            f"ask for {most} rows or fewer"
        )


def _family_rows(family: Family, count: int, stream: tuple[int, int]) -> list[str]:
    """Return `count` distinct rows of `family`, its templates taken in turn."""
    period = len(family.templates)
    rows = [""] * count
    for number, template in enumerate(dict.fromkeys(family.templates)):
        slots = [i for i in range(count) if family.templates[i % period] == template]
        rng = np.random.default_rng((*stream, number))
        names = family.coefficients(template)
        drawn = _distinct_thousandths([family.ranges[name] for name in names], len(slots), rng)
        for slot, values in zip(slots, drawn.tolist(), strict=True):
            rows[slot] = _fill(template, dict(zip(names, values, strict=True)), family.ranges)
    return rows


def _distinct_thousandths(
    ranges: list[tuple[float, float]], count: int, rng: np.random.Generator
) -> np.ndarray:
    """Return `(count, len(ranges))` distinct rows of non-zero whole thousandths.

    Draws are taken from one stream in order, so the batch size does not change the rows.
    """
    low, high = np.array(ranges).T
    kept = np.empty((0, len(ranges)), dtype=np.int64)
    while len(kept) < count:
        uniform = rng.random((max(count, 64), len(ranges)))
        drawn = np.rint((low + (high - low) * uniform) * MILLI).astype(np.int64)
        pool = np.concatenate([kept, drawn[(drawn != 0).all(axis=1)]])
        _, first_seen = np.unique(pool, axis=0, return_index=True)
        kept = pool[np.sort(first_seen)]
    return kept[:count]


def _fill(
    template: str, thousandths: Mapping[str, int], ranges: Mapping[str, tuple[float, float]]
) -> str:
    fields = {}
    for name, value in thousandths.items():
        sign = ("- " if value < 0 else "+ ") if ranges[name][0] < 0 else ""
        fields[name] = f"{sign}{abs(value) / MILLI:.3f}"
        fields[f"2{name}"] = f"{2 * abs(value) / MILLI:.3f}"
    return template.format(**fields)


def _num_values(low: float, high: float) -> int:
    zero = low <= 0 <= high
    return round(high * MILLI) - round(low * MILLI) + 1 - zero


def _by_axis(template: str) -> tuple[str, str, str]:
    """Return `template` in one, two and three dimensions: `[...]` repeats with @ = x, y, z."""
    head, rest = template.split("[")
    repeated, tail = rest.split("]")
    one, two, three = (
        head + "".join(repeated.replace("@", axis) for axis in axes) + tail
        for axes in ("x", "xy", "xyz")
    )
    return one, two, three


_SMALL_TO_5 = (0.1, 5.0)
_BOTH_SIGNS = (-5.0, 5.0)
_CAHN_HILLIARD_2D = (
    "dt(u) + {g}*dxxxx(u) + {g}*dyyyy(u) + {2g}*dxxyy(u) + dxx(u) + dyy(u) - dxx(u^3) - dyy(u^3)"
)
_BIHARMONIC_2D = "dxxxx(u) + dyyyy(u) + 2.000*dxxyy(u) {f}"
_PLATE = "dtt(u) + {k}*dxxxx(u) + {2k}*dxxyy(u) + {k}*dyyyy(u)"

FAMILIES: tuple[Family, ...] = (
    Family(
        name="heat",
        templates=_by_axis("dt(u)[ - {k}*d@@(u)]"),
        ranges={"k": _SMALL_TO_5},
    ),
    Family(
        name="wave",
        templates=_by_axis("dtt(u)[ - {c}*d@@(u)]"),
        ranges={"c": _SMALL_TO_5},
    ),
    Family(
        name="poisson",
        templates=(
            "dxx(u) {f}",
            "dxx(u) + dyy(u) {f}",
            "dxx(u) + dyy(u) + dzz(u) {f}",
        ),
        ranges={"f": _BOTH_SIGNS},
    ),
    Family(
        name="advection",
        templates=_by_axis("dt(u)[ {v@}*d@(u)]"),
        ranges={"vx": _BOTH_SIGNS, "vy": _BOTH_SIGNS, "vz": _BOTH_SIGNS},
    ),
    Family(
        name="burgers",
        templates=("dt(u) + u*dx(u) - {nu}*dxx(u)",),
        ranges={"nu": _SMALL_TO_5},
    ),
    Family(
        name="kdv",
        templates=("dt(u) + u*dx(u) + {d}*dxxx(u)",),
        ranges={"d": _SMALL_TO_5},
    ),
    Family(
        name="reaction_diffusion_cubic",
        templates=_by_axis("dt(u)[ - d@@(u)] {g}*u^3"),
        ranges={"g": _BOTH_SIGNS},
    ),
    Family(
        name="allen_cahn",
        templates=_by_axis("dt(u)[ - {e}*d@@(u)] - u + u^3"),
        ranges={"e": (0.01, 2.0)},
    ),
    Family(
        name="cahn_hilliard",
        templates=(
            "dt(u) + {g}*dxxxx(u) + dxx(u) - dxx(u^3)",
            _CAHN_HILLIARD_2D,
            _CAHN_HILLIARD_2D,
        ),
        ranges={"g": _SMALL_TO_5},
    ),
    Family(
        name="fisher_kpp",
        templates=_by_axis("dt(u)[ - {D}*d@@(u)] - {r}*u + {r}*u^2"),
        ranges={"D": _SMALL_TO_5, "r": (0.1, 2.0)},
    ),
    Family(
        name="kuramoto_sivashinsky",
        templates=("dt(u) + {nu}*dxx(u) + {g}*dxxxx(u) + {a}*u*dx(u)",),
        ranges={"nu": (0.1, 3.0), "g": (0.01, 2.0), "a": (0.1, 2.0)},
    ),
    Family(
        name="telegraph",
        templates=_by_axis("dtt(u) + {a}*dt(u)[ - {b}*d@@(u)]"),
        ranges={"a": (0.1, 3.0), "b": _SMALL_TO_5},
    ),
    Family(
        name="biharmonic",
        templates=("dxxxx(u) {f}", _BIHARMONIC_2D, _BIHARMONIC_2D),
        ranges={"f": _BOTH_SIGNS},
    ),
    Family(
        name="sine_gordon",
        templates=_by_axis("dtt(u)[ - {c}*d@@(u)] + {b}*sin(u)"),
        ranges={"c": _SMALL_TO_5, "b": _SMALL_TO_5},
    ),
    Family(
        name="airy",
        templates=("dt(u) + {a}*dxxx(u)",),
        ranges={"a": _SMALL_TO_5},
    ),
    Family(
        name="beam_plate",
        templates=("dtt(u) + {k}*dxxxx(u)", _PLATE, _PLATE),
        ranges={"k": _SMALL_TO_5},
    ),
)
