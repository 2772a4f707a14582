"""What it takes to begin one more training on programs that the process has trained on before.

Builds the task of `ast_autoencoder` on the same programs twice, the second time with what the
first made of them and then without, in processor time:

    PYTHONPATH=. python tests/benchmarks/trial_starts.py --num_programs 2000
"""

import argparse
import statistics
import time

from models.ast_autoencoder import prepared
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.data import DataConfig, load_dataset
from models.ast_autoencoder.task import AstAutoencoderTask


def start_s(dataset, device):
    """Return the processor time of building a task, s."""
    begin = time.process_time()
    AstAutoencoderTask(AstAutoencoderConfig(), dataset, device)
    return time.process_time() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_programs", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    flags = parser.parse_args()
    dataset = load_dataset(DataConfig(num_programs=flags.num_programs, seed=1))
    start_s(dataset, flags.device)  # tables of the language, which every process makes once
    kept, anew = [], []
    for _ in range(flags.repeats):
        kept.append(start_s(dataset, flags.device))
        prepared._last.clear()
        anew.append(start_s(dataset, flags.device))
    for name, found in (("made anew", anew), ("kept", kept)):
        print(
            f"{name}: {statistics.median(found):.3f} s "
            f"({min(found):.3f} to {max(found):.3f}) of processor time a training"
        )
    print(f"ratio of made anew: {statistics.median(kept) / statistics.median(anew):.3f}")


if __name__ == "__main__":
    main()
