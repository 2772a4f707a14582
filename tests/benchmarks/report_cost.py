"""What a report costs: seconds and megabytes at some numbers of trials.

PYTHONPATH=. python tests/benchmarks/report_cost.py --trials 64 500 10000 [--keep FOLDER]
"""

import argparse
import importlib.util
import shutil
import tempfile
import time
from pathlib import Path

from tuner.report.report import write_report

_GENERATOR = Path(__file__).parents[1] / "tuner" / "report" / "synthetic_run.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[64, 500, 10_000])
    parser.add_argument("--keep", type=Path, help="leave the runs here")
    options = parser.parse_args()
    spec = importlib.util.spec_from_file_location("synthetic_run", _GENERATOR)
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="report-cost-"))
    folder.mkdir(parents=True, exist_ok=True)
    for num in options.trials:
        paths = generator.write_run(folder / f"trials-{num}", num)
        since, work = time.perf_counter(), time.process_time()
        file, _ = write_report(paths)
        spent, work = time.perf_counter() - since, time.process_time() - work
        size = file.stat().st_size / 1e6
        log = paths.events_file.stat().st_size / 1e6
        print(f"{num:>6} trials: {spent:6.1f} s ({work:.1f} s of processor time), "
              f"{size:.2f} MB from a log of {log:.1f} MB")  # fmt: skip
    if options.keep is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
