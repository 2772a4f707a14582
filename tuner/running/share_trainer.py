"""Process that trains one model for as long as it is told; started by `SideBySide`, never by hand.

It says in a line of JSON what memory it took, then for each line with a number of seconds how many
rows a second it trained, validation included.
"""

import dataclasses
import json
import os
import pickle
import resource
import sys
import time
from pathlib import Path
from typing import Any

from models.registry import model_spec
from tuner.running.mps import CUDA_CONTEXT_BYTES
from tuner.search.compared_rows import part_of

_NUM_BATCHES = 32
"""Of an epoch: a part of the data that has seen every length of batch soon."""
_EPOCHS = 100_000
"""More than are ever trained: schedules by the step go on."""
_MB = 1e6


def main() -> None:
    """Train on demand until there is no demand any more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print is no answer
    import torch

    model, config, dataset, device, cores = pickle.loads(Path(sys.argv[1]).read_bytes())
    torch.set_num_threads(max(1, int(cores)))
    part = part_of(dataset, _NUM_BATCHES * getattr(config, "batch_size", 1))
    task = model_spec(model).build_task(dataclasses.replace(config, epochs=_EPOCHS), part, device)
    epochs = 0

    def train() -> int:
        nonlocal epochs
        epochs += 1
        task.train_epoch(epochs)
        task.evaluate()
        return len(part.train)

    train()  # compiles and captures
    train()
    _say(answers, _memory(torch, device))
    for line in sys.stdin:
        begin, rows = time.perf_counter(), 0
        while time.perf_counter() - begin < float(line):
            rows += train()
        _say(answers, {"rows_per_s": rows / (time.perf_counter() - begin)})


def _memory(torch: Any, device: str) -> dict[str, float]:
    if device == "cpu":
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MB
        total_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _MB
        return {"peak_mb": peak_mb, "total_mb": total_mb}
    peak_mb = (torch.cuda.max_memory_reserved() + CUDA_CONTEXT_BYTES) / _MB
    return {"peak_mb": peak_mb, "total_mb": torch.cuda.mem_get_info()[1] / _MB}


def _say(answers: Any, content: dict[str, float]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
