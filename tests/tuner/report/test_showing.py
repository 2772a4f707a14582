import dataclasses
import json
import shutil
import subprocess
import sys

import pytest

from models.config_file import to_mapping
from models.errors import UserError
from models.registry import MODELS
from models.training.checkpoints import write_checkpoint
from models.training.showcase import DecodedRow, LatentPlane, Showcase
from tuner.record.paths import RunPaths
from tuner.report.material import read_material
from tuner.report.showing import Shown, find_shown, nearest_share, showing_section

PLANE = LatentPlane(
    x=(0.0, 0.1, 5.0, 5.1), y=(0.0, 0.0, 1.0, 1.0), explained=(0.6, 0.2),
    labels=("heat", "heat", "wave", "wave"), labelled_by="family",
)  # fmt: skip
SHOWCASE = Showcase(
    what="rows", num_val=4, plane=PLANE,
    decoded=(DecodedRow(original="x + 1", decoded="x + 1", exact=True),
             DecodedRow(original="x + 2", decoded="x * 2", exact=False)),
)  # fmt: skip


@pytest.fixture
def shows(fake_spec, monkeypatch):
    """Let the fake model show itself; return the checkpoints that it was asked to show."""
    asked = []

    def show(checkpoint, data):
        if not checkpoint.exists():
            raise UserError(f"{checkpoint}: no such checkpoint")
        asked.append(checkpoint)
        return SHOWCASE

    monkeypatch.setitem(MODELS, "fake", dataclasses.replace(fake_spec, showcase=show))
    return asked


def find(run, *, fresh=True):
    return find_shown(run.material, fresh=fresh, say=lambda line: None)


def with_checkpoint(run, name, epoch):
    folder = f"checkpoints/{name}/checkpoint_{epoch:06d}"
    write_checkpoint(run.paths.folder / folder / "checkpoint.ckpt", {"epoch": epoch})
    return folder


def trial(run, name, number, values, kept):
    run.log.trial(name, number, {"lr": 0.5})
    run.log.start(name)
    for epoch, value in enumerate(values, 1):
        folder = with_checkpoint(run, name, epoch) if epoch in kept else f"checkpoints/{name}/gone"
        run.log.report(name, epoch, {"val/score": value}, folder)
    run.log.end(name, "done", cause="epochs")


def test_the_best_checkpoint_on_disk_is_shown_and_kept(hand_made, shows):
    run = hand_made()
    trial(run, "a", 0, [0.9, 0.95], kept=())  # the best trial lost its own
    trial(run, "b", 1, [0.5, 0.8, 0.7], kept=(2, 3))
    found, why = find(run)
    assert why is None
    assert (found.number, found.epoch, found.showcase) == (1, 2, SHOWCASE)
    assert [path.parent.name for path in shows] == ["checkpoint_000002"]
    again, _ = find(run)
    assert again == found
    assert len(shows) == 1


def test_what_is_better_by_now_is_shown_anew(hand_made, shows):
    run = hand_made()
    trial(run, "a", 0, [0.5], kept=(1,))
    find(run)
    trial(run, "b", 1, [0.9], kept=(1,))
    assert find(run)[0].number == 1
    assert len(shows) == 2


def test_what_was_kept_is_shown_where_the_checkpoints_are_gone(hand_made, shows):
    run = hand_made()
    trial(run, "a", 0, [0.5], kept=(1,))
    find(run)
    (run.paths.folder / "checkpoints" / "a" / "checkpoint_000001" / "checkpoint.ckpt").unlink()
    found, why = find(run)
    assert (found.number, why) == (0, None)


def test_the_reason_is_said_where_nothing_can_be_shown(hand_made, shows, monkeypatch):
    run = hand_made()
    assert find(run) == (
        None, "No checkpoint of a trial with a value is on disk, so none can decode.",
    )  # fmt: skip
    trial(run, "a", 0, [0.5], kept=(1,))
    assert find(run, fresh=False) == (None, "Decoding was left out (`--no_decoding`).")

    def gone(checkpoint, data):
        raise UserError("data/mine.npy: no such file")

    monkeypatch.setitem(MODELS, "fake", dataclasses.replace(MODELS["fake"], showcase=gone))
    assert find(run) == (None, "Trial 0 cannot be shown: data/mine.npy: no such file.")

    def beyond_memory(checkpoint, data):
        raise MemoryError

    monkeypatch.setitem(MODELS, "fake", dataclasses.replace(MODELS["fake"], showcase=beyond_memory))
    assert find(run) == (None, "Trial 0 cannot be shown on this machine: MemoryError.")
    monkeypatch.setitem(MODELS, "fake", dataclasses.replace(MODELS["fake"], showcase=None))
    assert "does not say how its rows are shown" in find(run)[1]


def test_words_count_what_comes_back_and_what_lies_together(hand_made, shows):
    run = hand_made()
    trial(run, "a", 0, [0.5], kept=(1,))
    section = showing_section(*find(run))
    assert section.words == (
        "1 of 2 validation rows taken at random come back exactly from trial 0 (epoch 1).",
        "The plane holds 80 % of the latents' variance.",
        "Of 4 points 100 % have one of the same family next to them; 50 % would by chance.",
    )
    assert section.tables[0].rows == (("=", "x + 1", "x + 1"), ("", "x + 2", "x * 2"))
    mixed = LatentPlane(
        x=(0.0, 0.1, 0.2), y=(0.0, 0.0, 0.0), explained=(1, 0), labels=("a", "b", "a")
    )
    assert nearest_share(mixed) == 0.0


def test_a_report_of_what_was_kept_loads_no_torch(run_of_64, tmp_path):
    paths = RunPaths(shutil.copytree(run_of_64.folder, tmp_path / "copy"))
    best = read_material(paths).best
    kept = Shown(number=best.row.number, trial=best.row.trial, epoch=best.epoch, showcase=SHOWCASE)
    paths.showcase_file.write_text(json.dumps(to_mapping(kept)))
    code = (
        "import sys\nfrom tuner.cli import main\n"
        f"main(['report', {str(paths.folder)!r}])\n"
        "print(sorted({'torch', 'ray'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Latents by family" in paths.report_file.read_text()


def test_a_run_that_takes_nothing_is_shown_all_the_same(hand_made, shows, monkeypatch):
    def refuse(path, text):
        raise UserError(f"{path}: cannot be written: Read-only file system")

    monkeypatch.setattr("tuner.report.showing.write_text", refuse)
    run = hand_made()
    trial(run, "a", 0, [0.5], kept=[1])
    shown, why = find(run)
    assert shown is not None
    assert why is not None
    assert why.startswith("It is not kept for the next report: ")
