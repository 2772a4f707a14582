"""A search of the model that trains in no time: what benchmarks of drivers and clusters run.

    PYTHONPATH=.:tests/tuner python tests/benchmarks/fake_search.py FOLDER NAME ADDRESS SETTING ...

ADDRESS is that of a Ray cluster, or `local` for a Ray of its own.

Trials take as long as `epoch_s` says and hardly any processor, so that cores that are not there do
not set the pace of hundreds of workers.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SEARCH = """
model: fake
preset: plain
fixed: {epoch_s: 1.0}
space: {lr: {uniform: [0.1, 1.0]}}
objective: {metric: val/score, mode: max}
scheduler: {name: fifo, max_epochs: 4}
budget: {num_trials: 4}
keep: {top_k: 2}
"""


def environment() -> dict[str, str]:
    """Return what nodes and drivers need to find the model, and a Ray that stays here."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("RAY_ADDRESS")}
    own = [str(ROOT), str(ROOT / "tests" / "tuner")]
    path = os.pathsep.join([*own, *filter(None, [os.environ.get("PYTHONPATH")])])
    return kept | {
        "PYTHONPATH": path,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "of-a-benchmark",
        "OMP_NUM_THREADS": "1",
    }


LOCAL = "local"


def start_search(
    folder: Path, name: str, address: str, settings: list[str]
) -> "subprocess.Popen[bytes]":
    """Start a search as `tuner search` does; its output goes to `NAME.txt`.

    Args:
        folder: of the search, its output and its runs.
        name: of the run.
        address: of a cluster with the token of `environment`; LOCAL for a Ray of its own.
        settings: changes to the search, as `--set` takes them.
    """
    command = [sys.executable, __file__, str(folder), name, address, *settings]
    with (folder / f"{name}.txt").open("wb") as output:
        return subprocess.Popen(
            command,
            env=environment() | {"TUNER_RUNS": str(folder / "runs")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def main() -> None:
    """Register the model and run its search."""
    import fake_model  # pyright: ignore[reportMissingImports]  (of the tests)

    from models.registry import MODELS
    from tuner.cli import main as tuner

    folder, name, address, *settings = sys.argv[1:]
    MODELS["fake"] = fake_model.fake_spec(Path(folder) / f"{name}-presets.yaml")  # pyright: ignore
    file = Path(folder) / f"{name}.yaml"
    file.write_text(_SEARCH)
    changes = [word for setting in settings for word in ("--set", setting)]
    where = [] if address == LOCAL else ["--address", address]
    sys.exit(tuner(["search", str(file), "--name", name, *where, *changes]))


if __name__ == "__main__":
    main()
