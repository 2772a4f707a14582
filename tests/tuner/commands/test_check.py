"""What `tuner check` measures on a machine with cards, of which this one needs none."""

import pytest

from tuner.commands import check as checking
from tuner.search.machine import Machine
from tuner.search.pace import Pace


@pytest.fixture
def check_on_cards(monkeypatch, capsys):
    """Return a function that checks a search on two cards: what trains there, and what it says."""

    def check(*overrides):
        asked = []

        def pace(search, configs, dataset, num_on_card, *, say):
            asked.append((num_on_card, len(configs)))
            return Pace(epochs_s=[0.5, 1.5] * (len(configs) // 2), trial_s=2.0)

        machine = Machine(cpu=16, gpu=2, memory_gb=64, card_gb=80)
        monkeypatch.setattr(checking, "this_machine", lambda: machine)
        monkeypatch.setattr(checking, "_device", lambda search: "cuda")
        monkeypatch.setattr(checking, "shared_pace", pace)
        data = "data={dataset: equations, num_rows: 60}"
        checking.check("grammar_vae/quickstart", [data, *overrides], measure=True, address=None)
        return asked, capsys.readouterr().out

    return check


@pytest.mark.parametrize(
    ("share", "trials", "on_card", "configs"),
    [("0.25", 64, 4, 8), ("0.125", 64, 8, 8), ("0.5", 64, 2, 6), ("0.125", 6, 3, 6)],
)
def test_trials_are_measured_beside_as_many_as_will_run_on_a_card(
    check_on_cards, share, trials, on_card, configs
):
    resources = f"resources={{cpu: 1, gpu: {share}}}"
    asked, said = check_on_cards(resources, f"budget.num_trials={trials}")
    assert asked == [(on_card, configs)]
    assert f"measured: {configs} points of the space, 0.5 to 1.5 s an epoch with" in said
    assert f"with {min(trials, 2 * on_card)} trials side by side" in said
