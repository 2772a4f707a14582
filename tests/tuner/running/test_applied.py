"""What is searched reaches the model and acts there, or the search ends at its first trial."""

import copy
import dataclasses
import io
import json
import pickle

import pytest

from models.config_file import to_mapping
from models.effects import Applies
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from models.registry import MODELS
from tuner.cli import main
from tuner.record.paths import find_run
from tuner.record.results import read_run
from tuner.running.applied import AppliedCheck, Watch
from tuner.running.runner import RunOptions, run_search
from tuner.search.space_check import NOT_SEARCHABLE


class TestWatch:
    def test_keys_that_are_read_are_known_and_the_rest_is_not(self):
        watch = Watch(GrammarVaeConfig())
        assert watch.settings.beta == 1.0
        assert watch.settings.kernels == (3, 5, 7)
        assert watch.unread(["beta", "lr", "encoder_kernel", "z_dim"], ()) == ["lr", "z_dim"]

    def test_a_checkpoint_leaves_no_trace(self):
        watch = Watch(GrammarVaeConfig())
        with watch.paused():
            assert to_mapping(watch.settings) == to_mapping(GrammarVaeConfig())
        assert watch.unread(["lr"], ()) == ["lr"]

    def test_all_keys_are_read_where_all_are_copied(self):
        watch = Watch(GrammarVaeConfig())
        dataclasses.asdict(watch.settings)
        assert watch.unread(["lr", "beta"], ()) == []

    def test_a_key_that_waits_for_another_one_is_not_missed(self):
        declared = Applies(key="cycle_epochs", on="cyclical_beta", values=(True,), why="cycles")
        assert Watch(GrammarVaeConfig()).unread(["cycle_epochs"], [declared]) == []
        cyclical = GrammarVaeConfig(cyclical_beta=True)
        assert Watch(cyclical).unread(["cycle_epochs"], [declared]) == ["cycle_epochs"]

    def test_watched_settings_are_settings_that_can_be_copied_and_sent(self):
        settings = Watch(GrammarVaeConfig()).settings
        assert isinstance(settings, GrammarVaeConfig)
        for other in (copy.deepcopy(settings), pickle.loads(pickle.dumps(settings))):
            assert type(other) is GrammarVaeConfig
            assert other == GrammarVaeConfig()
        assert dataclasses.replace(settings, lr=0.5).lr == 0.5


class TestCheck:
    def test_what_was_drawn_and_built_is_sound(self):
        drawn = {"lr": 1, "kernel": [3, 5], "on": True}
        assert AppliedCheck().built(0, drawn, {"lr": 1.0, "kernel": (3, 5), "on": True}) is None

    def test_another_value_is_an_error_that_names_both(self):
        error = AppliedCheck().built(4, {"lr": 0.5, "z": 3}, {"lr": 0.25})
        assert "trial 4 was built with lr = 0.25 instead of 0.5, z = 'nothing' instead of 3" in str(
            error
        )

    def test_the_first_trial_that_ends_tells_of_keys_that_change_nothing(self):
        check = AppliedCheck()
        assert "searching a and b changes nothing" in str(check.done(0, ["a", "b"]))
        assert check.done(1, ["a"]) is None
        assert AppliedCheck(is_judged=True).done(0, ["a"]) is None


SETTINGS = {
    "grammar_vae": (
        {"z_dim": 4, "encoder_hidden": 8, "encoder_conv_layers": 2, "encoder_kernel": 3,
         "decoder_hidden": 8, "decoder_layers": 2, "batch_size": 16},
        {"dataset": "equations", "num_rows": 60},
    ),
    "ast_autoencoder": (
        {"hidden_dim": 32, "latent_dim": 24, "place_dim": 8}, {"num_programs": 30},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("extra", [{}, {"cyclical_beta": True}, {"decoder_kind": "transformer"}])
def test_every_key_of_every_model_is_read_in_its_first_epoch(name, extra):
    spec = MODELS[name]
    settings, data = SETTINGS[name]
    known = spec.config_type.__dataclass_fields__
    config = spec.config_type(**settings, **{k: v for k, v in extra.items() if k in known})
    watch = Watch(config)
    task = spec.build_task(watch.settings, spec.load_data(spec.data_type(**data), None), "cpu")
    task.train_epoch(1)
    task.evaluate()
    by_the_loop = {"early_stop_patience"}
    keys = [key for key in known if key not in NOT_SEARCHABLE and key not in by_the_loop]
    assert watch.unread(keys, spec.applies) == []


@pytest.mark.ray
@pytest.mark.usefixtures("ray_instance")
class TestWithRay:
    def test_a_key_that_no_model_reads_ends_the_search_at_its_first_trial(
        self, make_search, capsys
    ):
        search = make_search("space.unused={uniform: [0, 1]}", "resources.cpu=2")
        words = r"searching unused changes nothing: the model did not read unused in all of trial 0"
        with pytest.raises(UserError, match=words):
            run_search(search, RunOptions(stream=io.StringIO(), name="tiny"))
        run = read_run(find_run("tiny"))
        assert (run.status, len(run.rows)) == ("failed", 1)
        assert "searching unused changes nothing" in run.message
        assert run.rows[0].num_epochs == 4
        assert main(["doctor", "tiny", "--check"]) == 0, capsys.readouterr().out

    def test_a_key_that_does_not_reach_the_model_ends_the_search_at_its_first_report(
        self, make_search
    ):
        search = make_search("fixed={deaf: true}", "resources.cpu=2")
        with pytest.raises(UserError, match=r"trial 0 was built with lr = 0.25 instead of 0\.\d+"):
            run_search(search, RunOptions(stream=io.StringIO(), name="tiny"))
        run = read_run(find_run("tiny"))
        assert (run.status, len(run.rows)) == ("failed", 1)

    def test_every_trial_writes_back_what_its_model_was_built_from(self, make_search, capsys):
        search = make_search("space.peak={int: [1, 3]}")
        run = run_search(search, RunOptions(stream=io.StringIO(), name="tiny"))
        for row in run.rows:
            assert row.config == search.space.complete(row.params)
        assert main(["show", "tiny", "--trial", "2", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["config"] == run.rows[2].config
