import re

import pytest

from models.config_file import parse_yaml
from tuner.record.paths import find_run
from tuner.report.edges import edges_of, edges_section
from tuner.report.next_search import next_search, widen
from tuner.search.domains import FloatRange, IntRange, ListOf
from tuner.search.loading import load_search


def at_the_edge(run, key="lr", low=True, num=12, span=(0.1, 1.0)):
    for number in range(num):
        share = number / (num - 1)
        value = span[0] + (span[1] - span[0]) * (share if low else 1 - share)
        run.trial([1.0 - share], params={key: value})


def test_the_best_at_an_end_are_told_with_the_next_search(hand_made, tmp_path):
    run = hand_made()
    at_the_edge(run)
    (edge,) = edges_of(run.material)
    assert (edge.axis.name, edge.end, edge.best) == ("lr", "low", 0.1)
    section = edges_section(run.material)
    assert section.words[0].startswith("At an end of the range: lr at its low end (best 0.1, 2 of")
    (code,) = section.codes
    file = tmp_path / "next.yaml"
    file.write_text(code.text)
    search = load_search(file, check_files=True)  # as tuner check does
    assert search.space.parameter("lr").domain == FloatRange(low=-0.35, high=1.0)
    assert section.tables[0].rows == (("lr", "0.1 to 1", "-0.35 to 1"),)
    assert search.seed != run.search.seed
    (start,) = search.searcher.warm_start
    assert find_run(start.run).folder == run.paths.folder  # whose trials it knows


def test_the_best_in_the_middle_are_not_at_an_edge(hand_made):
    run = hand_made()
    for number in range(12):
        run.trial([1 - abs(number - 6)], params={"lr": 0.1 + 0.075 * number})
    assert edges_of(run.material) == []
    assert edges_section(run.material).words == (
        "No key has its best values at an end of its range: no range is too narrow.",
    )


def test_few_trials_say_nothing_of_ranges(hand_made):
    run = hand_made()
    at_the_edge(run, num=5)
    assert edges_of(run.material) == []
    assert "too few" in edges_section(run.material).missing[0]


def test_one_trial_at_the_edge_is_not_enough(hand_made):
    run = hand_made()
    for number in range(12):
        run.trial([1 - number / 12], params={"lr": 0.1 if number == 0 else 0.5})
    assert edges_of(run.material) == []


LOG = FloatRange(low=1e-3, high=1e-1, log=True)


@pytest.mark.parametrize(
    ("domain", "end", "expected"),
    [
        (LOG, "low", FloatRange(low=1e-4, high=1e-1, log=True)),
        (LOG, "high", FloatRange(low=1e-3, high=1.0, log=True)),
        (FloatRange(low=0.0, high=0.5, step=0.1), "high", FloatRange(low=0.0, high=0.7, step=0.1)),
        (IntRange(low=16, high=48, step=8), "high", IntRange(low=16, high=64, step=8)),
        (IntRange(low=1, high=3), "high", IntRange(low=1, high=4)),
        (IntRange(low=32, high=128, log=True), "high", IntRange(low=32, high=256, log=True)),
        (ListOf(item=IntRange(low=1, high=9), length=2), "low",
         ListOf(item=IntRange(low=-3, high=9), length=2)),
    ],
)  # fmt: skip
def test_ranges_grow_by_half_of_their_width_at_one_end(domain, end, expected):
    found = widen(domain, end, 0.5)
    if isinstance(found, FloatRange):
        assert found.high == pytest.approx(expected.high)
        assert found.low == pytest.approx(expected.low)
        assert (found.log, found.step) == (expected.log, expected.step)
    else:
        assert found == expected


VAE = """
model: grammar_vae
preset: minimal
data: {dataset: equations, num_rows: 400}
fixed: {decoder_layers: 2}
space:
  decoder_dropout: {uniform: [0.1, 0.9]}
  encoder_conv_layers: {int: [1, 3]}
  encoder_kernel: {list: {choice: [3, 5, 7]}, length: encoder_conv_layers}
  lr: {log_uniform: [1e-3, 1e-2]}
scheduler: {name: fifo, max_epochs: 4}
budget: {num_trials: 12}
"""


def test_a_range_grows_no_further_than_the_model_allows(hand_made, tmp_path):
    run = hand_made(text=VAE)
    for number in range(12):
        layers = 3 if number < 4 else 1
        params = {
            "decoder_dropout": 0.9 - number / 15,
            "encoder_conv_layers": layers,
            "encoder_kernel": [7 if layers == 3 else 3] * layers,
            "lr": 0.001 + number / 20_000,
        }
        run.trial([{"val/seq_acc": 1 - number / 20}], params=params)
    section = edges_section(run.material)
    assert "encoder_kernel[0]" in section.words[0]
    assert "are choices: which options to add is yours to say" in section.words[1]
    file = tmp_path / "next.yaml"
    file.write_text(section.codes[0].text)
    space = load_search(file).space
    # Half of the width would be 1.3, which is no share.
    assert 0.9 < space.parameter("decoder_dropout").domain.high < 1.0
    assert space.parameter("encoder_conv_layers").domain.high == 4
    assert space.parameter("lr").domain.low == pytest.approx(3.2e-4)
    assert parse_yaml(section.codes[0].text, "x")["data"] == {
        "dataset": "equations", "num_rows": 400, "seed": 42,
    }  # fmt: skip
    assert re.match(r"# After the run first: wider in .*\n# Best so far:", section.codes[0].text)


def test_an_end_that_cannot_move_is_said_with_the_reason(hand_made):
    run = hand_made(text=VAE.replace("[0.1, 0.9]", "[0.0, 0.9]"))
    params = {"decoder_dropout": 0.0, "encoder_conv_layers": 1, "encoder_kernel": [3], "lr": 0.002}
    run.trial([{"val/seq_acc": 1.0}], params=params)
    found = next_search(run.material, {"decoder_dropout": "low"})
    assert found.text == ""
    assert found.widened == {}
    assert found.problems[0].startswith("decoder_dropout cannot go further at its low end:")
