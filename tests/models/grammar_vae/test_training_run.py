"""One run from settings to checkpoints: device, interrupts, full disks."""

import errno
import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from models.commands.process import run_command
from models.errors import UserError
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.training_run import GRAMMAR_VAE_RUN
from models.training.checkpoints import read_checkpoint
from models.training.layout import RunFolder
from models.training.memory import SAYS_SO, OutOfMemory
from models.training.run import TrainingRun
from models.training.sinks import LogSettings


@pytest.fixture
def make_run(equations, tiny, tmp_path):
    """Build a run of two epochs in a new folder; `written` counts its settings files."""

    def make(dataset=equations, **changes):
        folder = RunFolder(path=tmp_path / "run")
        folder.checkpoints.mkdir(parents=True)
        return TrainingRun(
            model=GRAMMAR_VAE_RUN,
            config=tiny(**({"epochs": 2} | changes)),
            dataset=dataset,
            log=LogSettings(),
            folder=folder,
            run_settings={},
            write_settings=lambda: folder.settings.write_text("written"),
            resume=None,
            device="cpu",
            name="tiny",
        )

    return make


class FakeConsole:
    """Remembers what goes on, without the lines."""

    def __init__(self):
        self.told = []

    def working(self, what, unit="rows"):
        self.told.append(what)

    def on_rows(self, done, total):
        self.told.append(f"{done}/{total}")

    def line(self, text):
        pass


@pytest.fixture
def interrupt(monkeypatch):
    """Press Ctrl-C in the n-th validation."""

    def at(number):
        original, calls = GrammarVaeTask.evaluate, []

        def evaluate(self):
            calls.append(1)
            if len(calls) == number:
                raise KeyboardInterrupt
            return original(self)

        monkeypatch.setattr(GrammarVaeTask, "evaluate", evaluate)

    return at


def test_an_interrupt_before_the_first_checkpoint_says_so(make_run, interrupt):
    interrupt(1)
    run = make_run()
    with pytest.raises(KeyboardInterrupt, match=r"No epoch was complete; .*run holds no checkpo"):
        run.train()
    assert not run.folder.settings.exists()


def test_an_interrupt_names_the_checkpoint_to_go_on_from(make_run, interrupt):
    interrupt(2)
    run = make_run()
    with pytest.raises(KeyboardInterrupt) as caught:
        run.train()
    last = run.folder.checkpoints / "last.ckpt"
    assert str(caught.value) == f"Go on with: python -m models.grammar_vae.train --resume {last}"
    assert read_checkpoint(last)["epoch"] == 1


def test_a_disk_that_is_full_at_a_checkpoint_ends_the_run_and_spares_the_older_one(
    make_run, capsys
):
    run = make_run()
    beside = run.folder.checkpoints / ".last.ckpt.part"
    append = run.folder.append_metrics

    class Filling(RunFolder):
        def append_metrics(self, epoch, metrics):
            append(epoch, metrics)
            if epoch == 2:
                beside.symlink_to("/dev/full")

    run.folder = Filling(path=run.folder.path)
    assert run_command(run.train) == 2
    message = capsys.readouterr().err
    assert "last.ckpt: the checkpoint cannot be written" in message
    assert "No space left on device" in message
    assert read_checkpoint(run.folder.checkpoints / "last.ckpt")["epoch"] == 1


def test_a_disk_that_is_full_at_the_metrics_ends_the_run(make_run, capsys):
    run = make_run()
    run.folder.metrics.symlink_to("/dev/full")
    assert run_command(run.train) == 2
    assert "error: " in capsys.readouterr().err


def test_data_without_a_grammar_train_and_say_what_is_not_available(make_run, equations, capsys):
    last = make_run(replace(equations, grammar=None)).train()
    assert last.finished == "epochs"
    assert "prior samples: not available without a grammar" in capsys.readouterr().out


@pytest.fixture
def script(monkeypatch):
    """Let the validations report these values of a metric."""

    def replace_values(**values):
        original, calls = GrammarVaeTask.evaluate, []

        def evaluate(self):
            calls.append(1)
            return original(self) | {k: v[len(calls) - 1] for k, v in values.items()}

        monkeypatch.setattr(GrammarVaeTask, "evaluate", evaluate)

    return replace_values


@pytest.mark.parametrize(
    ("accuracy", "elbo", "best"),
    [
        ([0.0, 0.0, 0.0], [-20.0, -13.5, -14.0], 2),
        ([0.25, 0.25, 0.125], [-14.0, -13.5, -13.0], 2),
        ([0.25, 0.25, 0.25], [-14.0, -14.0, -14.0], 3),
    ],
)
def test_the_best_of_equally_accurate_epochs_meets_the_test_rows(
    make_run, script, capsys, accuracy, elbo, best
):
    script(seq_acc=accuracy, elbo=elbo)
    run = make_run(epochs=3, save_top_k=1)
    run.train()
    (kept,) = run.folder.checkpoints.glob("best-seq_acc-*")
    payload = read_checkpoint(kept)
    assert (payload["epoch"], payload["metrics"]["val/elbo"]) == (best, elbo[best - 1])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"best checkpoint: {kept}"
    starred = [line for line in lines if line.startswith("epoch ") and line.endswith(" *")]
    assert starred[-1].startswith(f"epoch {best}/3")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        *(RuntimeError(f"error: {phrase}") for phrase in SAYS_SO),
    ],
    ids=repr,
)
def test_running_out_of_memory_is_one_message(make_run, monkeypatch, error):
    def train_epoch(self, epoch):
        raise error

    monkeypatch.setattr(GrammarVaeTask, "train_epoch", train_epoch)
    with pytest.raises(OutOfMemory, match="out of memory on cpu: tried --batch_size"):
        make_run().train()


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), OSError(errno.EIO, "I/O error")])
def test_other_errors_are_not_taken_for_it(make_run, monkeypatch, error):
    def train_epoch(self, epoch):
        raise error

    monkeypatch.setattr(GrammarVaeTask, "train_epoch", train_epoch)
    with pytest.raises(type(error), match=r"shapes differ|I/O error"):
        make_run().train()


def test_the_last_report_is_returned(make_run):
    last = make_run().train()
    assert (last.epoch, last.finished) == (2, "epochs")


def test_the_closing_report_is_announced_before_it_is_made(make_run, capsys, monkeypatch):
    def report_on(*_):
        raise UserError(f"shown so far: {capsys.readouterr().out}")

    monkeypatch.setattr("models.grammar_vae.training_run.report_on", report_on)
    with pytest.raises(UserError, match=r"report of best-.*\.ckpt on 20 test rows \.\.\.\n$"):
        make_run().train()


def test_an_epoch_is_followed_row_by_row(make_run, monkeypatch):
    console = FakeConsole()
    monkeypatch.setattr("models.training.run.open_console", lambda: nullcontext(console))
    make_run(epochs=2, batch_size=64).train()
    assert console.told[:6] == [
        "building the network",
        "epoch 1/2",
        "64/160",
        "128/160",
        "epoch 1/2, validation of 20 rows",
        "epoch 2/2",
    ]
    assert console.told[-1].startswith("report of best-")


def test_a_row_far_longer_than_the_rest_is_named_before_training(make_run, equations, capsys):
    ids = np.full((equations.num_rows, 60), -1, dtype=np.int16)
    ids[:, : equations.ids.shape[1]] = equations.ids
    ids[3, :60] = 0
    lengths = (ids >= 0).sum(1).astype(np.int32)
    make_run(replace(equations, ids=ids, lengths=lengths, grammar=None), epochs=1).train()
    lines = capsys.readouterr().out.splitlines()
    told = next(i for i, line in enumerate(lines) if line.startswith("row 3 takes 60 steps, but"))
    assert told < next(i for i, line in enumerate(lines) if line.startswith("epoch 1"))


@pytest.mark.parametrize("early", [False, True], ids=["all epochs", "stopped early"])
def test_a_report_that_was_broken_off_is_made_by_a_resume(make_run, monkeypatch, capsys, early):
    def press(*_):
        raise KeyboardInterrupt

    def stale(progress, *_):
        progress.stale_epochs = progress.epoch

    if early:
        monkeypatch.setattr("models.training.loop._watch", stale)
    run = make_run(**({"epochs": 9, "early_stop_patience": 2} if early else {}))
    last, report = run.folder.checkpoints / "last.ckpt", run.folder.path / "report.json"
    with monkeypatch.context() as patched:
        patched.setattr("models.grammar_vae.training_run.report_on", press)
        with pytest.raises(KeyboardInterrupt, match=rf"--resume {last}$"):
            run.train()
    assert not report.exists()
    metrics = run.folder.metrics.read_bytes()
    run.resume = last
    assert run.train().epoch == 2
    assert json.loads(report.read_text())["epoch"] in (1, 2)
    assert run.folder.metrics.read_bytes() == metrics
    assert "epoch 3" not in capsys.readouterr().out
    if not early:
        with pytest.raises(UserError, match="already trained for 2 epochs"):
            run.train()
