import dataclasses
import json
import resource
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import tuner.commands.search
from models.effects import Applies
from models.errors import UserError
from models.registry import MODELS
from tuner.cli import build_parser, main
from tuner.record.environment import render
from tuner.record.events import EventLog
from tuner.record.paths import RunPaths
from tuner.record.search_copy import write_search
from tuner.record.trial_checkpoints import CHECKPOINT_FILE

REPOSITORY = Path(__file__).parents[2]
COMMANDS = (
    "check search resume schema show list dashboard export doctor promote presets completion"
).split()


@pytest.fixture
def tiny_run(make_search, tmp_path):
    """A run of three trials that somebody made earlier."""
    paths = RunPaths(tmp_path / "runs" / "tiny")
    paths.folder.mkdir(parents=True)
    write_search(make_search(), paths)
    paths.environment_file.write_text(render({"commit": "abc"}))
    with EventLog(paths.events_file) as log:
        log.run("running")
        for number, values in enumerate([[0.1, 0.2], [0.5, 0.9, 0.7], []]):
            name = "abc"[number]
            log.trial(name, number, {"lr": 0.25 + number / 8})
            log.start(name, "10.0.0.7")
            for epoch, value in enumerate(values, 1):
                folder = paths.trial_checkpoints(name) / f"checkpoint_{epoch:06d}"
                folder.mkdir(parents=True)
                _write_checkpoint(folder / CHECKPOINT_FILE)
                metrics = {"val/score": value, "val/cost": 1 / epoch, "seconds": 0.5}
                log.report(name, epoch, metrics, paths.relative(folder))
            if values:
                log.end(name, "done", "epochs", "in half micro-batches")
            else:
                log.end(name, "failed", "error", "KeyError: 'lr'")
        log.run("finished")
    return paths


def _write_checkpoint(file):
    from models.training.checkpoints import write_checkpoint

    write_checkpoint(file, {"epoch": 1})


def run(capsys, *arguments):
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("command", [[], *[[command] for command in COMMANDS], ["presets", "show"]])
def test_every_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    assert "example: tuner " in capsys.readouterr().out


def test_the_help_is_quick():
    """Half a second is promised; of it a processor may take half, as others keep it busy, too."""
    seconds = []
    for _ in range(3):
        command = [sys.executable, "-m", "tuner", "--help"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, cwd=REPOSITORY)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.25


def test_importing_the_command_loads_nothing_heavy():
    code = "import sys, tuner.cli; print({'ray', 'torch', 'optuna', 'rich'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == "set()"


def test_a_mistake_is_one_message_and_exit_code_2(capsys):
    code, out, err = run(capsys, "check", "no_such_search")
    assert code == 2
    assert out == ""
    assert err.startswith("error: unknown search file 'no_such_search'")


@pytest.mark.parametrize("arguments", [[], ["serch"], ["promote"]])
def test_a_wrong_command_line_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_an_interrupted_search_is_exit_code_130(make_search, monkeypatch, capsys):
    def interrupt(search, options):
        raise KeyboardInterrupt("All is kept in runs/tiny")

    monkeypatch.setattr(tuner.commands.search, "run_search", interrupt)
    code, _, err = run(capsys, "search", make_search().source)
    assert code == 130
    assert "interrupted. All is kept in runs/tiny" in err


def test_search_passes_its_flags_on(make_search, monkeypatch, capsys):
    seen = []

    def remember(search, options):
        seen.append((search.budget.num_trials, search.searcher.seed, options))
        raise UserError("enough")

    monkeypatch.setattr(tuner.commands.search, "run_search", remember)
    flags = ["--trials", "9", "--set", "searcher.seed=5", "--name", "n", "--address", "auto"]
    assert run(capsys, "search", make_search().source, *flags)[0] == 2
    num_trials, seed, options = seen[0]
    assert (num_trials, seed) == (9, 5)
    assert (options.name, options.address, options.dashboard) == ("n", "auto", False)


class TestShow:
    def test_the_leaderboard(self, tiny_run, capsys):
        code, out, _ = run(capsys, "show", "tiny")
        assert code == 0
        assert out.splitlines()[0].startswith("tiny: finished; 2 done, 1 failed")
        assert out.index("0.9000") < out.index("0.2000")
        assert "failed (error)" in out

    def test_the_best_few(self, tiny_run, capsys):
        _, out, _ = run(capsys, "show", "tiny", "--top", "1")
        assert "0.9000" in out
        assert "0.2000" not in out

    def test_another_metric(self, tiny_run, capsys):
        _, out, _ = run(capsys, "show", "tiny", "--metric", "val/cost", "--json")
        content = json.loads(out)
        assert content["mode"] == "min"
        assert [trial["number"] for trial in content["trials"]] == [1, 0, 2]

    def test_an_unknown_metric(self, tiny_run, capsys):
        code, _, err = run(capsys, "show", "tiny", "--metric", "val/scor")
        assert code == 2
        assert "Did you mean 'val/score'?" in err

    def test_json(self, tiny_run, capsys):
        _, out, _ = run(capsys, "show", "tiny", "--json", "--top", "2")
        content = json.loads(out)
        assert content["status"] == "finished"
        best = content["trials"][0]
        assert (best["rank"], best["number"], best["value"], best["epoch"]) == (1, 1, 0.9, 2)
        assert [trial["last"] for trial in content["trials"]] == [0.7, 0.2]
        assert best["params"] == {"lr": 0.375}

    def test_a_trial_with_its_curve(self, tiny_run, capsys):
        _, out, _ = run(capsys, "show", "tiny", "--trial", "1")
        assert "trial 1 of tiny (b): done (epochs), 3 epochs" in out
        assert "on 10.0.0.7" in out
        assert "lr: 0.375" in out
        assert out.index("0.5000") < out.index("0.9000") < out.index("0.7000")
        assert "checkpoints/b/checkpoint_000002" in out
        assert out.splitlines()[-1] == (
            "val/score: best 0.9000 after epoch 2 (*), last 0.7000 after epoch 3"
        )
        marked = [line.split()[:2] for line in out.splitlines() if line.lstrip().startswith("*")]
        assert marked == [["*2", "0.9000"]]

    def test_what_a_trial_says_of_itself_sends_nobody_to_a_traceback(self, tiny_run, capsys):
        _, out, _ = run(capsys, "show", "tiny", "--trial", "1")
        assert "in half micro-batches\n" in out
        assert "traceback" not in out

    def test_only_checkpoints_on_disk_are_listed(self, tiny_run, capsys):
        shutil.rmtree(tiny_run.trial_checkpoints("b") / "checkpoint_000002")
        _, out, _ = run(capsys, "show", "tiny", "--trial", "1")
        assert "checkpoint_000002" not in out
        assert "checkpoint_000003" in out
        _, out, _ = run(capsys, "show", "tiny", "--trial", "1", "--json")
        curve = json.loads(out)["curve"]
        assert [point["checkpoint"] is not None for point in curve] == [True, False, True]

    def test_failures_come_with_their_remedy(self, tiny_run, capsys):
        _, out, _ = run(capsys, "show", "tiny")
        (line,) = [line for line in out.splitlines() if line.startswith("error ")]
        assert "KeyError: 'lr'" in line
        _, out, _ = run(capsys, "show", "tiny", "--trial", "2")
        assert "what to do: mend the code" in out

    def test_a_failed_trial_says_why(self, tiny_run, capsys):
        _, out, _ = run(capsys, "show", "tiny", "--trial", "2")
        assert "KeyError: 'lr'" in out
        assert "search.log" in out

    @pytest.mark.parametrize(
        ("host", "node", "where"),
        [
            (socket.gethostname(), "127.0.0.1", "1 start, on this machine"),
            ("another", "127.0.0.1", "1 start, on 127.0.0.1"),
            (socket.gethostname(), "203.0.113.9", "1 start, on 203.0.113.9"),
        ],
    )
    def test_this_machine_is_not_called_by_an_address(self, tiny_run, capsys, host, node, where):
        log = tiny_run.events_file
        log.write_text(log.read_text().replace("10.0.0.7", node))
        tiny_run.environment_file.write_text(render({"host": host}))
        _, out, _ = run(capsys, "show", "tiny", "--trial", "1")
        assert where in out

    def test_a_trial_as_json(self, tiny_run, capsys):
        _, out, _ = run(capsys, "show", "tiny", "--trial", "1", "--json")
        assert [point["epoch"] for point in json.loads(out)["curve"]] == [1, 2, 3]

    def test_no_such_trial(self, tiny_run, capsys):
        code, _, err = run(capsys, "show", "tiny", "--trial", "7")
        assert (code, "has 3 trials, and none is 7" in err) == (2, True)

    def test_no_such_run(self, tiny_run, capsys):
        code, _, err = run(capsys, "show", "tinny")
        assert (code, "Did you mean 'tiny'?" in err) == (2, True)


class TestList:
    def test_runs(self, tiny_run, capsys):
        _, out, _ = run(capsys, "list")
        assert "tiny" in out
        assert "finished" in out
        assert "0.9000" in out

    def test_no_runs(self, fake_spec, capsys):
        assert "no runs yet: tuner search" in run(capsys, "list")[1]

    def test_a_broken_run_does_not_hide_the_others(self, tiny_run, capsys):
        broken = RunPaths(tiny_run.folder.parent / "broken")
        broken.folder.mkdir()
        broken.search_file.write_text("model: fake\n")
        code, out, err = run(capsys, "list")
        assert code == 0
        assert "tiny" in out
        assert err.startswith("broken: ")


class TestPromote:
    def test_the_best_trials(self, tiny_run, capsys):
        code, out, _ = run(capsys, "promote", "tiny", "--top", "3", "--no_confirm")
        assert code == 0
        assert "tiny-1: trial 1, val/score 0.9000 after epoch 2, last 0.7000\n" in out
        assert "no more trials of this run have a checkpoint (2 of 3)" in out
        assert "python -m models.fake.train --config tiny-1" in out


class TestPresets:
    def test_the_list(self, fake_spec, capsys):
        code, out, _ = run(capsys, "presets", "list", "--model", "fake")
        assert code == 0
        assert "plain" in out
        assert "built in" in out
        assert "minimal" in run(capsys, "presets")[1]

    def test_presets_of_one_name_have_their_own_counts(self, fake_spec, capsys):
        _, out, _ = run(capsys, "presets")
        large = [line.split() for line in out.splitlines() if line.startswith("large ")]
        assert [(words[1], words[4]) for words in large] == [
            ("grammar_vae", "21,050,024"),
            ("ast_autoencoder", "2,450,087"),
        ]

    def test_a_broken_file_or_preset_does_not_hide_the_others(self, fake_spec, tmp_path, capsys):
        folder = tmp_path / "presets" / "fake"
        folder.mkdir(parents=True)
        (folder / "a.yaml").write_text("mine: {lr: 0.1}\nwrong: {lrr: 1}\n")
        (folder / "b.yaml").write_text("x: [\n")
        code, out, err = run(capsys, "presets", "list", "--model", "fake")
        assert code == 2
        assert "mine" in out
        assert "plain" in out
        assert "a.yaml, line 2: wrong: unknown key 'lrr'. Did you mean 'lr'?" in err
        assert "b.yaml, line 1, column 4" in err
        assert run(capsys, "presets", "show", "mine")[0] == 0
        code, _, err = run(capsys, "presets", "show", "wrong")
        assert (code, "a.yaml, line 2: wrong: unknown key 'lrr'" in err) == (2, True)

    def test_a_name_of_two_models_needs_the_model(self, fake_spec, capsys):
        code, _, err = run(capsys, "presets", "show", "large")
        assert code == 2
        assert "several models have a preset 'large' (grammar_vae, ast_autoencoder)" in err
        _, out, _ = run(capsys, "presets", "show", "large", "--model", "ast_autoencoder")
        assert "# parameters: 2,450,087" in out

    def test_one_preset(self, fake_spec, capsys):
        _, out, _ = run(capsys, "presets", "show", "quick")
        assert out.startswith("# preset of fake, built in\n")
        assert "\n  lr: 0.25\n" in out
        assert "# parameters: 20, about 1 MB of memory in training" in out
        assert "(for any data; --data KEY=VALUE ... for others)" in out

    def test_its_parameters_for_given_data(self, fake_spec, capsys):
        _, out, _ = run(capsys, "presets", "show", "quick", "--data", "num_rows=9")
        assert "# parameters: 10," in out

    def test_no_such_preset(self, fake_spec, capsys):
        code, _, err = run(capsys, "presets", "show", "quik")
        assert (code, "Did you mean 'quick'?" in err) == (2, True)


class TestCheck:
    def test_what_a_search_does_and_costs(self, make_search, capsys):
        code, out, _ = run(capsys, "check", make_search().source, "--set", "budget.num_trials=9")
        assert code == 0
        assert "tiny.yaml: no mistakes" in out
        assert "model fake, preset plain" in out
        assert "uniform: [0.1, 1.0]" in out
        assert "data: fake, rows: 6 train, 2 val, sha256 d1..." in out
        assert "10 parameters" in out
        assert "measured: " in out

    def test_a_missing_data_file_is_a_mistake(self, fake_spec, tmp_path, monkeypatch, capsys):
        (tmp_path / "spaces.py").touch()
        file = tmp_path / "a.yaml"
        file.write_text(
            "model: grammar_vae\npreset: minimal\ndata: {prod: ids.npy, masks: m.npy}\n"
            "space: {lr: {uniform: [0.1, 1.0]}, z_dmi: {int: [1, 2]}}\n"
            "objective: {metric: val/seq_acc, mode: max}\n"
            "scheduler: {max_epochs: 3}\nbudget: {num_trials: 2}\n"
        )
        for command in ("check", "search"):
            code, out, err = run(capsys, command, str(file))
            assert (code, out) == (2, "")
            assert f"data.prod: there is no file ids.npy in {tmp_path}.\n" in err
            assert f"data.masks: there is no file m.npy in {tmp_path}.\n" in err
            assert (
                "space.z_dmi: the preset has no such key. Did you mean 'z_dim'? Known: z_d" in err
            )
            assert "3 mistakes" in err

    def test_data_that_cannot_be_loaded_are_not_called_free_of_mistakes(
        self, make_search, monkeypatch, capsys
    ):
        search = make_search()

        def refuse(data, progress):
            raise UserError("the data are damaged")

        spec = dataclasses.replace(search.spec, load_data=refuse)
        monkeypatch.setitem(MODELS, "fake", spec)
        code, out, err = run(capsys, "check", search.source)
        assert (code, out) == (2, "")
        assert err == f"error: {search.source}: a mistake\n  the data are damaged\n"

    def test_advice_is_printed(self, fake_spec, make_search, monkeypatch, capsys):
        applies = (Applies(key="epoch_s", on="fail_epoch", above=2, why="it is slow later on"),)
        monkeypatch.setitem(MODELS, "fake", dataclasses.replace(fake_spec, applies=applies))
        changes = ["space.epoch_s={uniform: [0, 0.001]}", "space.fail_epoch={int: [1, 4]}"]
        sets = [word for change in changes for word in ("--set", change)]
        code, out, _ = run(capsys, "check", make_search().source, "--no_measure", *sets)
        assert code == 0
        assert "advice: space.epoch_s acts only with fail_epoch above 2 (it is slow later" in out
        assert "add `when: {fail_epoch: [3, 4]}`" in out

    def test_without_measuring(self, make_search, capsys):
        _, out, _ = run(capsys, "check", make_search().source, "--no_measure")
        assert "measured" not in out

    def test_rungs_and_warm_starts(self, make_search, capsys):
        search = make_search(
            "scheduler={name: asha, max_epochs: 9, grace_epochs: 1}",
            "searcher.warm_start=[quick]",
        )
        changes = [
            "--set",
            "scheduler={name: asha, max_epochs: 9, grace_epochs: 1, trial_timeout: 90}",
            "--set",
            "searcher.warm_start=[quick]",
        ]
        _, out, _ = run(capsys, "check", search.source, "--no_measure", *changes)
        assert "rungs at 1, 3; a trial may be silent for 90 s" in out
        assert "warm start quick: lr=0.25" in out


def test_the_parser_knows_every_command():
    help_text = build_parser().format_help()
    assert all(command in help_text for command in COMMANDS)
