"""One run from settings to checkpoints: device, interrupts, full disks."""

import errno
from dataclasses import replace

import pytest
import torch

from models.checkpoints import read_checkpoint
from models.command import run_command
from models.errors import UserError
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.training_run import TrainingRun, choose_device
from models.logging_sinks import LogSettings
from models.memory import SAYS_SO, OutOfMemory
from models.run_folder import RunFolder


@pytest.fixture
def make_run(equations, tiny, tmp_path):
    """Build a run of two epochs in a new folder; `written` counts its settings files."""

    def make(dataset=equations, **changes):
        folder = RunFolder(path=tmp_path / "run")
        folder.checkpoints.mkdir(parents=True)
        return TrainingRun(
            config=tiny(**({"epochs": 2} | changes)),
            dataset=dataset,
            log=LogSettings(),
            folder=folder,
            write_settings=lambda: folder.settings.write_text("written"),
            resume=None,
            device="cpu",
            name="tiny",
        )

    return make


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


def test_a_gpu_is_taken_where_there_is_one_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [choose_device(number) for number in (None, 0, 1)] == ["cuda", "cpu", "cuda"]


def test_without_a_gpu_only_asking_for_one_is_a_mistake(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [choose_device(number) for number in (None, 0)] == ["cpu", "cpu"]
    with pytest.raises(UserError, match="--gpus 1: torch sees no GPU on this machine"):
        choose_device(1)


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
