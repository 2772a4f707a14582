"""What TensorBoard and W&B get of a search, read back from their own files."""

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models.training.ranking import Ranking
from tuner.cli import main
from tuner.record.events import EventLog, read_events
from tuner.record.past import past_of
from tuner.running.following import following
from tuner.running.trial_logs import TrialLogs, tensorboard_log

sys.path.insert(0, str(Path(__file__).parent))
from wandb_files import offline_parts

REPOSITORY = Path(__file__).parents[3]
RANKING = Ranking(metric="val/score", mode="max")
PATIENCE_S = 60.0


class Session:
    """What follows a run for a while, as the process beside a search does."""

    def __init__(self, run, builders=None):
        self.run = run
        self.said = []
        usual = {"TensorBoard": partial(tensorboard_log, run.paths, RANKING)}
        self.logs = TrialLogs(builders or usual, self.said.append)
        self.num_taken = 0

    def follow(self):
        for event in read_events(self.run.paths.events_file)[self.num_taken :]:
            self.logs.take(event)
            self.num_taken += 1
        self.logs.tick()

    def close(self):
        self.follow()
        self.logs.close(PATIENCE_S)


def curve_of(run, number, metric="val/score"):
    folder = run.paths.logs / "tensorboard" / f"trial-{number:04d}"
    found = EventAccumulator(str(folder)).Reload()
    if metric not in found.Tags()["scalars"]:
        return []
    # Files of one second are read in the order of their names, where 10 comes before 9.
    return sorted((scalar.step, round(scalar.value, 4)) for scalar in found.Scalars(metric))


def begin(log, trial="a", number=0, values=(0.25, 0.5), first=1):
    if first == 1:
        log.trial(trial, number, {"lr": 0.5})
    log.start(trial)
    for epoch, value in enumerate(values, first):
        log.report(trial, epoch, {"val/score": value, "val/cost": math.inf})


class TestTensorBoard:
    def test_a_folder_a_trial_with_its_curve(self, fake_run):
        session = Session(fake_run)
        session.close()
        assert session.said == []
        assert curve_of(fake_run, 1) == [(1, 0.5), (2, 0.9), (3, 0.7)]
        assert curve_of(fake_run, 3) == [(1, 1.5)]  # it failed

    def test_hyperparameters(self, new_run):
        run = new_run("first")
        with EventLog(run.paths.events_file) as log:
            log.trial("a", 0, {"lr": 0.5, "kernel": [3, 5], "on": True, "kind": None})
            log.start("a")
            log.end("a", "done", "epochs")
        Session(run).close()
        file = next((run.paths.logs / "tensorboard" / "trial-0000").iterdir())
        data = EventAccumulator(str(file)).Reload().PluginTagToContent("hparams")
        content = data["_hparams_/session_start_info"]
        for part in (b"lr", b"kernel", b"[3, 5]", b"kind", b"null"):
            assert part in content

    def test_it_is_there_while_the_trial_runs(self, new_run):
        run = new_run("first")
        session = Session(run)
        with EventLog(run.paths.events_file) as log:
            begin(log)
            session.follow()
            ledger = run.paths.logs / "tensorboard" / "logged.jsonl"
            deadline = time.monotonic() + PATIENCE_S
            while not ledger.exists() or '["a", 2, "running"]' not in ledger.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert curve_of(run, 0) == [(1, 0.25), (2, 0.5)]
            log.end("a", "done")
        session.close()

    def test_a_resumed_trial_has_no_step_twice(self, new_run):
        run = new_run("first")
        with EventLog(run.paths.events_file) as log:
            begin(log)
            log.end("a", "interrupted")
            Session(run).close()
            begin(log, values=(0.5, 0.75, 1.0), first=2)  # epoch 2 once more
            log.end("a", "done", "epochs")
            Session(run).close()
        assert curve_of(run, 0) == [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)]

    def test_what_was_written_but_not_noted_is_not_there_twice(self, new_run):
        run = new_run("first")
        with EventLog(run.paths.events_file) as log:
            begin(log)
            log.end("a", "interrupted")
            Session(run).close()
            ledger = run.paths.logs / "tensorboard" / "logged.jsonl"
            ledger.write_text('["a", 1, "running"]\n["a", 2, "run')  # it was killed
            begin(log, values=(0.75,), first=3)
            log.end("a", "done", "epochs")
            Session(run).close()
        assert curve_of(run, 0) == [(1, 0.25), (2, 0.5), (3, 0.75)]

    def test_what_is_finished_is_not_opened_again(self, fake_run):
        Session(fake_run).close()
        files = sorted(fake_run.paths.logs.rglob("events.out*"))
        Session(fake_run).close()
        assert sorted(fake_run.paths.logs.rglob("events.out*")) == files

    def test_trials_of_a_driver_that_is_gone_are_closed(self, new_run):
        run = new_run("first")
        with EventLog(run.paths.events_file) as log:
            begin(log)
        Session(run).close()
        ledger = run.paths.logs / "tensorboard" / "logged.jsonl"
        assert json.loads(ledger.read_text().splitlines()[-1]) == ["a", 2, "interrupted"]


class TestFailures:
    def test_one_that_fails_is_said_once_and_spares_the_other(self, fake_run, caplog):
        class Broken:
            name = "W&B"

            def open(self, row, first_epoch):
                raise RuntimeError("no such project\nand more")

        def broken():
            log = tensorboard_log(fake_run.paths, RANKING)
            log.target = Broken()
            log.ledger._known.clear()
            return log

        good = partial(tensorboard_log, fake_run.paths, RANKING)
        session = Session(fake_run, {"W&B": broken, "TensorBoard": good})
        session.close()
        assert session.said == ["W&B takes no more of this search, which goes on: no such project"]
        assert "RuntimeError" in caplog.text
        assert len(curve_of(fake_run, 1)) == 3

    def test_one_that_cannot_be_built_spares_the_other(self, fake_run):
        good = partial(tensorboard_log, fake_run.paths, RANKING)
        session = Session(fake_run, {"W&B": lambda: 1 / 0, "TensorBoard": good})
        session.close()
        assert session.said[0].startswith(
            "W&B takes no more of this search, which goes on: division by zero"
        )
        assert len(curve_of(fake_run, 1)) == 3

    def test_a_server_that_hangs_holds_nothing_up_for_long(self, fake_run):
        def hang():
            threading.Event().wait(20)

        session = Session(fake_run, {"W&B": hang})
        session.follow()
        session.logs.close(0.1)
        assert session.said == ["what was logged is not written whole within 0 s"]


TUNER = """
import sys
from pathlib import Path
import fake_model
from models.registry import MODELS
import models.training.wandb_sink
models.training.wandb_sink.INIT_TIMEOUT_S = 1.0
MODELS["fake"] = fake_model.fake_spec(Path("built_in.yaml"))
from tuner.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def export(fake_run, tmp_path):
    """Export a run to W&B as a user with an empty home and no network; return what is said."""

    def run(*arguments, **variables):
        folders = [str(REPOSITORY), str(REPOSITORY / "tests" / "tuner")]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_")}
        environment |= {"HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(folders)}
        done = subprocess.run(
            [sys.executable, "-c", TUNER, "export", "first", *arguments],
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    (tmp_path / "home").mkdir()
    return run


class TestWandb:
    def test_a_run_a_trial_grouped_and_offline(self, fake_run, export):
        code, out, err = export("--wandb", "tests")
        assert code == 0, err
        where, done = out.splitlines()
        assert where.startswith("W&B: logging offline (not logged in); upload with: wandb sync /")
        assert done == "first: 4 trials logged to the W&B project tests"
        parts = {part["name"]: part for part in offline_parts(fake_run.paths.logs)}
        assert sorted(parts) == ["first-0", "first-1", "first-2", "first-3"]
        assert {part["group"] for part in parts.values()} == {"first"}
        best = parts["first-1"]
        assert best["tags"] == ["fake", "trial 1"]
        assert [(row["epoch"], row["val/score"]) for row in best["history"]] == [
            (1, 0.5),
            (2, 0.9),
            (3, 0.7),
        ]
        assert best["config"]["lr"] == 0.375
        assert best["config"]["epochs"] == 4  # every key
        assert best["config"]["trial"] == 1
        assert (best["summary"]["best/val/score"], best["summary"]["best_epoch"]) == (0.9, 2)
        assert best["exit"] == 0
        assert (parts["first-3"]["exit"], parts["first-3"]["summary"]["state"]) == (1, "failed")
        assert len(parts["first-3"]["history"]) == 1

    def test_what_is_there_is_left_out(self, fake_run, export):
        export("--wandb", "tests")
        with EventLog(fake_run.paths.events_file) as log:
            begin(log, "e", 4)
            log.end("e", "done", "epochs")
            log.run("finished")
        code, out, _ = export("--wandb", "tests")
        assert code == 0
        assert "first: 1 trial logged to the W&B project tests, 4 were there already" in out
        found = Counter(part["id"] for part in offline_parts(fake_run.paths.logs))
        assert len(found) == 5
        assert set(found.values()) == {1}

    def test_a_server_that_cannot_be_reached_means_offline_once(self, fake_run, export):
        key = "0123456789" * 4
        code, out, err = export(
            "--wandb", "tests", WANDB_API_KEY=key, WANDB_BASE_URL="http://127.0.0.1:9"
        )
        assert code == 0, err
        assert out.count("W&B: logging offline (the server cannot be used: ") == 1
        assert key not in out + err
        assert len(offline_parts(fake_run.paths.logs)) == 4

    def test_wandb_that_is_off(self, export):
        code, _, err = export("--wandb", "tests", WANDB_MODE="disabled")
        assert (code, err) == (2, "error: W&B is off, by WANDB_MODE=disabled: unset it\n")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--wandb", "a/b"], "--wandb a/b: W&B refuses '/'"),
            (["--wandb", "a", "--force"], "--force means nothing to --wandb"),
        ],
    )
    def test_what_is_refused(self, fake_run, arguments, said, capsys):
        assert main(["export", "first", *arguments]) == 2
        assert said in capsys.readouterr().err

    def test_a_resumed_search_goes_on_in_the_same_runs(
        self, new_run, make_search, monkeypatch, tmp_path
    ):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        search = make_search("log={wandb: tests, tensorboard: true}")
        run = new_run("first", search)
        said = []
        for values, first, end in [((0.25, 0.5), 1, "interrupted"), ((0.5, 0.75), 2, "finished")]:
            past = past_of(read_events(run.paths.events_file), run.paths.events_file)
            followed = following(search, run.paths, past, said.append)
            with followed, EventLog(run.paths.events_file) as log:
                log.run("running")
                begin(log, values=values, first=first)
                log.end("a", "done" if end == "finished" else end)
                log.run(end)
        assert [line.split(":")[0] for line in said] == ["TensorBoard", "W&B"] * 2
        parts = offline_parts(run.paths.logs)
        assert len({part["id"] for part in parts}) == 1
        assert [[row["_step"] for row in part["history"]] for part in parts] == [[1, 2], [3]]
        assert curve_of(run, 0) == [(1, 0.25), (2, 0.5), (3, 0.75)]


def test_the_search_file_says_where(make_search):
    search = make_search("log={wandb: tests}")
    assert search.to_mapping()["log"] == {"wandb": "tests", "tensorboard": False}
    assert "log" not in make_search().to_mapping()
    with pytest.raises(ValueError, match=r"log: wandb a/b: W&B refuses '/'"):
        make_search("log={wandb: a/b}")
