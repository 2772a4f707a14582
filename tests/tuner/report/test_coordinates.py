import math
import random

import numpy as np
import pytest

from tuner.report.coordinates import axes_of, nearest_points, places, random_points
from tuner.search.domains import Choice
from tuner.search.loading import load_search
from tuner.search.space import flatten


@pytest.fixture
def space(synthetic, tmp_path, monkeypatch):
    monkeypatch.delenv("TUNER_PRESETS", raising=False)
    file = tmp_path / "search.yaml"
    file.write_text(synthetic.SEARCH)
    return load_search(file).space


def axis(space, name):
    return next(axis for axis in axes_of(space) if axis.name == name)


def test_a_list_has_an_axis_for_every_item_that_it_may_have(space):
    names = {axis.name: axis.conditional for axis in axes_of(space)}
    items = {f"encoder_kernel[{i}]": i >= 2 for i in range(4)}  # two layers at least
    assert {n: c for n, c in names.items() if n.startswith("encoder_kernel")} == items
    assert names["cycle_epochs"]
    assert not names["lr"]


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [("lr", 1e-4, 0.0), ("lr", 1e-3, 0.5), ("lr", 1e-2, 1.0), ("lr", 1.0, 1.0), ("z_dim", 40, 0.5),
     ("encoder_kernel[0]", 9, 1.0), ("encoder_kernel[0]", 5, 1 / 3), ("cyclical_beta", False, 1.0)],
)  # fmt: skip
def test_places_are_shares_of_the_range(space, name, value, place):
    assert axis(space, name).place(value) == pytest.approx(place)


def test_a_key_that_is_not_active_has_no_place(space):
    where = places([axis(space, "cycle_epochs"), axis(space, "z_dim")], [{"z_dim": 16}])
    assert np.isnan(where[0, 0])
    assert where[0, 1] == 0.0


def test_random_points_are_legal_and_spread_as_random_search_draws(space):
    points = random_points(space, 2000, random.Random(0))
    for point in points[:50]:
        values = {}
        for parameter in space.parameters:
            items = [point[n] for n in point if n.startswith(f"{parameter.key}[")]
            if parameter.key in point or items:
                values[parameter.key] = items or point[parameter.key]
        located, illegal = space.locate({**space.preset, **values})
        assert not illegal
        assert flatten(located, space) == point
    where = places(axes_of(space), points)
    lr = where[:, 0]
    assert np.quantile(lr, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.05)
    active = np.mean(["cycle_epochs" in point for point in points])
    assert active == pytest.approx(0.5, abs=0.05)


def test_points_that_break_a_constraint_are_not_drawn(synthetic, tmp_path, monkeypatch):
    monkeypatch.delenv("TUNER_PRESETS", raising=False)
    file = tmp_path / "search.yaml"
    file.write_text(synthetic.SEARCH + 'constraints: ["beta * free_bits < 0.01"]\n')
    points = random_points(load_search(file).space, 300, random.Random(0))
    assert len(points) == 300
    assert max(point["beta"] * point["free_bits"] for point in points) < 0.01


def test_the_nearest_point_is_that_of_the_smallest_distance(space):
    rng = random.Random(3)
    axes = axes_of(space)
    drawn, known = (places(axes, random_points(space, n, rng)) for n in (40, 15))

    def distance(one, other):
        total = 0.0
        for axis, a, b in zip(axes, one, other, strict=True):
            if math.isnan(a) or math.isnan(b):
                total += math.isnan(a) != math.isnan(b)
            elif isinstance(axis.domain, Choice):
                total += a != b
            else:
                total += (a - b) ** 2
        return total

    by_hand = [min(range(15), key=lambda k: distance(one, known[k])) for one in drawn]
    assert nearest_points(axes, drawn, known).tolist() == by_hand
