"""What retention costs the driver for every report of a search: its processor time.

    PYTHONPATH=. python tests/benchmarks/retention_speed.py --trials 10000 --max_gb 0.00002

Checkpoints are of 100 bytes; writing them is not counted, deleting them is.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from models.training.ranking import Ranking
from tuner.record.outcomes import Outcome
from tuner.record.paths import RunPaths
from tuner.record.trial_checkpoints import CHECKPOINT_FILE, checkpoint_folder
from tuner.running.retention import Retention
from tuner.search.blocks import Keep, Objective

NUM_EPOCHS = 6
OBJECTIVES = (Objective(metric="acc", mode="max"), Objective(metric="size", mode="min"))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--objectives", type=int, default=1)
    parser.add_argument("--max_gb", type=float)
    return parser.parse_args()


def measure(options: argparse.Namespace, folder: Path) -> tuple[list[float], list[float]]:
    """Play a search; return the seconds of every report and of every end."""
    rng = random.Random(0)
    paths = RunPaths(folder)
    retention = Retention(
        paths,
        Ranking(metric="acc", mode="max"),
        Keep(top_k=3, max_gb=options.max_gb),
        num_per_trial=3,
        objectives=OBJECTIVES[: options.objectives],
        record=lambda said, **deleted: None,
    )
    reports, ends, running, drawn = [], [], {}, 0
    while drawn < options.trials or running:
        while drawn < options.trials and len(running) < options.slots:
            running[f"t{drawn}"] = (0, rng.random())
            retention.created(f"t{drawn}", drawn, {})
            drawn += 1
        name = rng.choice(list(running))
        epoch, quality = running[name][0] + 1, running[name][1]
        running[name] = (epoch, quality)
        checkpoint = paths.trial_checkpoints(name) / checkpoint_folder(epoch)
        checkpoint.mkdir(parents=True)
        (checkpoint / CHECKPOINT_FILE).write_bytes(b"x" * 100)
        metrics = {
            "acc": quality + 0.01 * epoch + 0.05 * rng.random(),
            "size": quality + 0.3 * rng.random() ** 2,
        }
        place = paths.relative(checkpoint)
        began = time.thread_time()
        retention.reported(name, epoch, metrics, place)
        reports.append(time.thread_time() - began)
        if epoch == NUM_EPOCHS:
            del running[name]
            began = time.thread_time()
            retention.ended(name, Outcome(state="done"))
            ends.append(time.thread_time() - began)
    return reports, ends


def words(seconds: list[float]) -> str:
    high = sorted(seconds)[int(0.99 * len(seconds))]
    return f"mean {1e3 * statistics.mean(seconds):.3f} ms, 99 % below {1e3 * high:.3f} ms"


def main() -> None:
    options = parse()
    folder = Path(tempfile.mkdtemp())
    try:
        reports, ends = measure(options, folder)
    finally:
        shutil.rmtree(folder)
    print(f"{len(reports)} reports: {words(reports)}; {len(ends)} ends: {words(ends)}")


if __name__ == "__main__":
    main()
