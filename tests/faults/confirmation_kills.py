"""Kills `tuner promote` at random moments of its confirmation and after, until it comes to its end.

    PYTHONPATH=. python tests/faults/confirmation_kills.py --kills 3 --seed 0

Run it where no network but loopback exists. After each kill presets must be whole or not there, and
at last every training must have been done once, whatever was killed. Prints what it saw as JSON.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from search_kills import moment
from search_machine import Machine
from tuner_process import FAKE_MODEL, PATIENCE_S

sys.path.insert(0, FAKE_MODEL)
import fake_model

from models.presets import find_preset, survey_presets
from models.registry import MODELS
from models.training.checkpoints import read_checkpoint
from tuner.record.confirmations import read_confirmations
from tuner.record.events import TrialCreated, read_events
from tuner.record.paths import RunPaths
from tuner.record.promotions import read_promotions
from tuner.record.results import read_run

EPOCHS = 6
SEARCH = f"""
model: fake
preset: plain
fixed: {{epoch_s: 0.1, noise: 0.4}}
space: {{lr: {{uniform: [0.6, 1.0]}}}}
searcher: {{sampler: random, seed: 1}}
scheduler: {{name: fifo, max_epochs: {EPOCHS}}}
budget: {{num_trials: 3}}
"""
PROMOTE = ["promote", "first", "--top", "2", "--confirm_seeds", "2"]
INTO = ["--into", "presets/fake/mine.yaml"]
MINE = "# mine\nzeta: {lr: 0.7}  # keep\n"


class Campaign:
    """A search, and promotions of it that are killed."""

    def __init__(self, folder: Path, rng: random.Random, span_s: float) -> None:
        self.folder = folder
        self.machine = Machine(folder, argparse.Namespace())
        self.rng = rng
        self.span_s = span_s
        self.moments: Counter[str] = Counter()
        self.paths = self.machine.paths("first")
        self.mine = folder / "presets" / "fake" / "mine.yaml"

    def search(self) -> None:
        (self.folder / "tiny.yaml").write_text(SEARCH)
        self.mine.parent.mkdir(parents=True)
        self.mine.write_text(MINE)
        assert self.machine.ends_well(self.machine.start("search", "tiny.yaml", "--name", "first"))

    def interrupt(self) -> None:
        """End a confirmation with Ctrl-C, which says how to go on."""
        process = self.machine.start(*PROMOTE, *INTO)
        self.machine.wait_until(self._reports, "report", alive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        said = self.machine.said
        assert f"`tuner {' '.join([*PROMOTE, *INTO])}` goes on with it" in said, said

    def kill(self) -> None:
        process = self.machine.start(*PROMOTE, *INTO)
        try:
            process.wait(self.rng.uniform(0.0, self.span_s))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        folders = list(self.paths.confirmations.glob("*"))
        self.moments[moment(RunPaths(folders[0])) if folders else "before the record"] += 1
        assert self.machine.left(str(self.machine.ray_folder)) == 0
        self.check_presets()

    def check_presets(self) -> list[str]:
        """Return the presets that are there, each of them whole."""
        survey = survey_presets([MODELS["fake"]])
        assert not survey.mistakes
        assert self.mine.read_text().startswith(MINE)
        made = [one for one in survey.presets if one.provenance and not one.built_in]
        for preset in made:
            assert len(preset.checkpoints) == 2, preset
            for file in preset.checkpoints:
                read_checkpoint(file)
        names = [one.name for one in made]
        assert {one.preset for one in read_promotions(self.paths)} <= set(names)
        return names

    def finish(self) -> int:
        """Promote to the end, and check all that is left; return how many epochs came twice."""
        assert self.machine.ends_well(self.machine.start(*PROMOTE, *INTO))
        (confirmation,) = read_confirmations(self.paths)
        (folder,) = self.paths.confirmations.iterdir()
        assert folder.name == confirmation.id
        own = read_run(RunPaths(folder))
        assert [(row.state, row.num_epochs) for row in own.rows] == [("done", EPOCHS)] * 6
        events = read_events(own.paths.events_file)
        created = [event.number for event in events if isinstance(event, TrialCreated)]
        assert created == list(range(6)), created
        assert self.check_presets() == ["first-1", "first-2"]
        assert [one.preset for one in confirmation.candidates] == ["first-1", "first-2"]
        for one in confirmation.candidates:
            proof = find_preset(MODELS["fake"], str(one.preset)).provenance or {}
            assert proof["confirmation"]["values"] == dict(one.values)
        for name in ("first", confirmation.id):
            assert self.machine.ends_well(self.machine.start("doctor", name, "--check"))
        before = self.mine.read_bytes()
        assert self.machine.ends_well(self.machine.start(*PROMOTE, *INTO))
        assert "nothing is trained again" in self.machine.said
        assert self.mine.read_bytes() == before
        return sum(getattr(e, "epoch", 0) > 0 for e in events) - 6 * EPOCHS

    def _reports(self) -> int:
        logs = self.paths.confirmations.glob("*/events.jsonl")
        return sum(log.read_text().count('"event": "report"') for log in logs)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--span-s", type=float, default=12.0, help="a kill comes within so long")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        MODELS["fake"] = fake_model.fake_spec(folder / "built_in.yaml")
        campaign = Campaign(folder, random.Random(options.seed), options.span_s)
        try:
            campaign.search()
            campaign.interrupt()
            for _ in range(options.kills):
                campaign.kill()
            again = campaign.finish()
        finally:
            shutil.rmtree(campaign.machine.ray_folder, ignore_errors=True)
    print(json.dumps({"kills": options.kills, "again": again, "moments": campaign.moments}))


if __name__ == "__main__":
    main()
