"""Generated PDE operators: 16 families, evenly, as in the published data."""

import csv
import gzip
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.derivation import to_text
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.datasets.pde import FAMILIES, Family, generate_pdes

MOST = 78_420
NUMBER = re.compile(r"\d+\.\d{3}")


def dimension(text):
    return 1 + ("y" in text) + ("z" in text)


def skeleton(text):
    return NUMBER.sub("#", text.replace(" ", ""))


@pytest.fixture(scope="module")
def rows_of_48000():
    return generate_pdes(48_000, 42)


@given(num_rows=st.integers(1, 400), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_rows_are_distinct_and_families_differ_by_one_row_at_most(num_rows, seed):
    rows = generate_pdes(num_rows, seed)
    assert len(set(rows.texts)) == num_rows
    counts = np.bincount(rows.labels, minlength=16)
    assert counts.max() - counts.min() <= 1
    assert rows.texts == generate_pdes(num_rows, seed).texts


@given(num_rows=st.integers(1, 300), more=st.integers(1, 3000), seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_a_smaller_draw_is_part_of_a_larger_one(num_rows, more, seed):
    smaller = generate_pdes(num_rows, seed)
    assert set(smaller.texts) <= set(generate_pdes(num_rows + more, seed).texts)


def test_another_seed_gives_other_rows():
    assert generate_pdes(160, 1).texts != generate_pdes(160, 2).texts


def test_48000_rows_are_3000_of_each_of_16_families(rows_of_48000):
    assert rows_of_48000.label_names == tuple(family.name for family in FAMILIES)
    assert np.bincount(rows_of_48000.labels).tolist() == [3000] * 16
    assert len(set(rows_of_48000.texts)) == 48_000


def test_families_without_a_third_dimension_have_two_rows_in_2d_for_one_in_1d(rows_of_48000):
    counts = defaultdict(Counter)
    for text, label in zip(rows_of_48000.texts, rows_of_48000.labels, strict=True):
        counts[rows_of_48000.label_names[label]][dimension(text)] += 1
    assert counts["heat"] == {1: 1000, 2: 1000, 3: 1000}
    assert counts["cahn_hilliard"] == counts["biharmonic"] == {1: 1000, 2: 2000}
    assert counts["beam_plate"] == {1: 1000, 2: 2000}
    assert counts["airy"] == {1: 3000}


def test_no_coefficient_is_zero_and_all_have_three_decimals(rows_of_48000):
    for text in rows_of_48000.texts:
        numbers = NUMBER.findall(text)
        assert "0.000" not in numbers
        assert len(numbers) == text.count(".")


def test_2d_plates_double_the_mixed_term():
    for text in generate_pdes(1600, 0).texts:
        if match := re.search(r"dtt\(u\) \+ (\S+)\*dxxxx\(u\) \+ (\S+)\*dxxyy\(u\)", text):
            assert float(match[2]) == pytest.approx(2 * float(match[1]))


def test_every_row_is_a_text_of_the_grammar_in_its_canonical_spacing():
    grammar = load_grammar("pde")
    parser = TextParser(grammar)
    for text in generate_pdes(480, 4).texts:
        assert to_text(grammar, parser.derive(text)) == text


def test_the_most_rows_are_given_and_one_more_is_refused_with_the_maximum():
    assert len(set(generate_pdes(MOST, 0).texts)) == MOST
    message = f"{MOST + 1}.*4902 .* 'burgers', which has at most 4901: ask for {MOST} rows or fewer"
    with pytest.raises(UserError, match=message):
        generate_pdes(MOST + 1, 0)


@pytest.mark.parametrize(
    ("templates", "most"),
    [(("a{k}",), 10), (("a{k}", "b{k}"), 20), (("a{k}", "b{k}", "b{k}"), 16), (("a{k}{l}",), 50)],
)
def test_max_rows_counts_what_the_templates_can_give(templates, most):
    ranges = {"k": (0.001, 0.010), "l": (-0.002, 0.003)}  # 10 values; 5, since 0 is no term
    assert Family(name="toy", templates=templates, ranges=ranges).max_rows() == most


@pytest.mark.parametrize(
    ("num_rows", "seed", "message"),
    [(0, 1, r"num_rows \(0\) must be at least 1"), (5, -1, r"seed \(-1\) must not be negative")],
)
def test_values_out_of_range_are_refused(num_rows, seed, message):
    with pytest.raises(UserError, match=message):
        generate_pdes(num_rows, seed)


@pytest.fixture(scope="module")
def published(reference_data):
    with gzip.open(reference_data / "pde" / "pde_48000.csv.gz", "rt", encoding="utf-8") as file:
        return [(row["family"], row["pde"]) for row in csv.DictReader(file)]


def test_families_have_the_published_skeletons_in_the_published_shares(published, rows_of_48000):
    names = [rows_of_48000.label_names[label] for label in rows_of_48000.labels]
    ours = Counter(zip(names, map(skeleton, rows_of_48000.texts), strict=True))
    theirs = Counter((family, skeleton(text)) for family, text in published)
    assert ours.keys() == theirs.keys()
    for key, count in theirs.items():
        # signs are coin flips: five standard deviations of the difference of two counts
        assert abs(ours[key] - count) <= 5 * np.sqrt(2 * count), key


def test_coefficients_have_the_published_range_and_mean(published, rows_of_48000):
    names = [rows_of_48000.label_names[label] for label in rows_of_48000.labels]
    ours, theirs = defaultdict(list), defaultdict(list)
    for values, rows in ((ours, zip(names, rows_of_48000.texts, strict=True)), (theirs, published)):
        for family, text in rows:
            for place, number in enumerate(NUMBER.findall(text)):
                values[family, dimension(text), place].append(float(number))
    assert ours.keys() == theirs.keys()
    for key, values in theirs.items():
        spread = np.std(values)
        tolerance = 5 * spread * np.sqrt(2 / len(values)) + 1e-12
        assert abs(np.mean(ours[key]) - np.mean(values)) <= tolerance, key
        assert abs(np.std(ours[key]) - spread) <= tolerance, key
        assert np.max(ours[key]) == pytest.approx(np.max(values), abs=0.1)
        assert np.min(ours[key]) == pytest.approx(np.min(values), abs=0.1)
