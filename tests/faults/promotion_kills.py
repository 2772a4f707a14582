"""Promotes a run in processes that are killed, before every change to a file and at random.

    python tests/faults/promotion_kills.py FOLDER --random 30 [--into]

With --into the winners of a confirmation are added to a file that somebody keeps by hand.

After each kill a preset must be there whole or not at all, and repeating the command must come to
the same end as a promotion that nobody disturbed. Prints what it saw as JSON.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from models.presets import survey_presets
from models.registry import model_spec
from models.training.checkpoints import read_checkpoint, write_checkpoint
from tuner.promotion.promotion import promote
from tuner.record.confirmations import (
    Confirmation,
    Confirmed,
    read_confirmations,
    write_confirmations,
)
from tuner.record.environment import render
from tuner.record.events import EventLog
from tuner.record.paths import RunPaths
from tuner.record.promotions import read_promotions
from tuner.record.search_copy import write_search
from tuner.search.loading import load_search

MINE = Path("presets/grammar_vae/mine.yaml")
TEXT = "# mine\nzeta: {z_dim: 8}  # keep\n"
STEPS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "fcntl.flock"}
WRITING = os.O_WRONLY | os.O_RDWR


def make_run(folder):
    """Write a run of three trials, of which the best two are promoted."""
    paths = RunPaths(folder / "runs" / "first")
    paths.folder.mkdir(parents=True)
    search = load_search("grammar_vae/quickstart", [])
    write_search(search, paths)
    paths.environment_file.write_text(render({}))
    params = {one.key: search.space.preset[one.key] for one in search.space.parameters}
    with EventLog(paths.events_file) as log:
        for number, value in enumerate((0.5, 0.9, 0.7)):
            log.trial(f"t{number}", number, params)
            log.start(f"t{number}")
            for epoch in (1, 2):
                metrics = {"val/seq_acc": value - epoch / 100, "val/elbo": -1.0}
                place = f"checkpoints/t{number}/checkpoint_{epoch:06d}"
                log.report(f"t{number}", epoch, metrics, place)
                write_checkpoint(paths.folder / place / "checkpoint.ckpt", {"epoch": epoch})
            log.end(f"t{number}", "done", "epochs")
        log.run("finished")


def confirm(paths):
    """Write the record of a confirmation that trials 1 and 2 have won."""

    def confirmed(name, value, number=None):
        values = {"7": value, "8": value}
        wins = number is not None
        return Confirmed(name=name, number=number, values=values, failures={}, wins=wins)

    confirmation = Confirmation(
        id="2x2-00000000",
        metric="val/seq_acc",
        mode="max",
        seeds=(7, 8),
        epochs=2,
        hours=0.0,
        gpu_hours=0.0,
        baseline=confirmed("minimal", 0.1),
        candidates=(confirmed("trial 1", 0.8, 1), confirmed("trial 2", 0.7, 2)),
        ended=0.0,
    )
    write_confirmations(paths, [confirmation])


def promote_here(folder):
    """Promote the best two trials of the run in a folder, or the winners into the file there."""
    os.environ["TUNER_PRESETS"] = str(folder / "presets")
    paths = RunPaths(folder / "runs" / "first")
    mine = folder / MINE
    if not mine.exists():
        return promote(paths, top=2)
    (confirmation,) = read_confirmations(paths)
    return promote(paths, top=2, into=mine, confirmation=confirmation)


def killed_at_step(folder, step):
    """Promote in a child that dies before its step of this number; return whether it did."""
    child = os.fork()
    if child == 0:
        left = step

        def count(event, arguments):
            nonlocal left
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
            if event in STEPS or writes:
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        sys.addaudithook(count)
        promote_here(folder)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def killed_after(folder, seconds):
    """Promote in a child that is killed after so many seconds; return whether it was."""
    child = os.fork()
    if child == 0:
        promote_here(folder)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def check(folder):
    """Check what a kill left, repeat the command, check again; return how many presets it left."""
    os.environ["TUNER_PRESETS"] = str(folder / "presets")
    paths = RunPaths(folder / "runs" / "first")
    survey = survey_presets([model_spec("grammar_vae")])
    assert not survey.mistakes
    left = [one for one in survey.presets if one.provenance and not one.built_in]
    if (folder / MINE).exists():
        assert (folder / MINE).read_text().startswith(TEXT)
    for preset in left:
        assert len(preset.checkpoints) == 2, preset
        for file in preset.checkpoints:
            read_checkpoint(file)
    recorded = [entry.preset for entry in read_promotions(paths)]
    assert set(recorded) <= {one.name for one in left}, recorded
    if len(recorded) < 2 or (folder / MINE).exists():  # the confirmation is told last
        promoted = promote_here(folder)
        assert len(recorded) == 2 or [one.row.number for one in promoted] == [1, 2], promoted
    assert [entry.preset for entry in read_promotions(paths)] == ["first-1", "first-2"]
    found = sorted(one.name for one in (folder / "presets" / "grammar_vae").iterdir())
    if (folder / MINE).exists():
        assert found == ["first-1", "first-2", "mine.yaml"], found
        assert (folder / MINE).read_text().startswith(TEXT)
        (confirmation,) = read_confirmations(paths)
        assert [one.preset for one in confirmation.candidates] == ["first-1", "first-2"]
    else:
        assert found == ["first-1", "first-1.yaml", "first-2", "first-2.yaml"], found
    return len(left)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--random", type=int, default=30)
    parser.add_argument("--into", action="store_true")
    options = parser.parse_args()
    template = options.folder / "template"
    make_run(template)
    if options.into:
        confirm(RunPaths(template / "runs" / "first"))
        (template / MINE).parent.mkdir(parents=True)
        (template / MINE).write_text(TEXT)

    def fresh(name):
        folder = options.folder / name
        shutil.copytree(template, folder)
        return folder

    seen, step = Counter(), 0
    promote_here(fresh("first"))  # the first one takes longer
    begun = time.monotonic()
    promote_here(fresh("second"))
    lasts = 2 * (time.monotonic() - begun)  # a child is slower
    while killed_at_step(folder := fresh(f"step-{step}"), step):
        seen[check(folder)] += 1
        step += 1
    rng = random.Random(0)
    killed = 0
    for number in range(options.random):
        folder = fresh(f"random-{number}")
        killed += killed_after(folder, rng.uniform(0.0, lasts))
        seen[check(folder)] += 1
    print(json.dumps({"steps": step, "killed": killed, "left": dict(sorted(seen.items()))}))


if __name__ == "__main__":
    main()
