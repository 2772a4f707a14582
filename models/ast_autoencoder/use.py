"""Use a trained AST autoencoder.

    python -m models.ast_autoencoder.use reconstruct --model training_artifacts/RUN --file f.py
    python -m models.ast_autoencoder.use interpolate --model best_model.pt --first a.py --last b.py
    python -m models.ast_autoencoder.use synthesize --model RUN --example "([1, 2],) -> 3"

`--model` takes a checkpoint, the folder of a training run, or a promoted preset's name.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro

from models import model_files
from models.ast_autoencoder.data import DataConfig, ProgramDataset, load_dataset
from models.ast_autoencoder.example_text import parse_example, read_examples
from models.ast_autoencoder.language.from_source import source_to_ids
from models.ast_autoencoder.language.program import Program
from models.ast_autoencoder.language.to_source import ids_to_source
from models.command import run_command
from models.errors import UserError
from models.flags import read_command

if TYPE_CHECKING:
    from models.ast_autoencoder.trained import TrainedModel


_COMMAND = "python -m models.ast_autoencoder.use"

Files = Annotated[tuple[tuple[Path, ...], ...], tyro.conf.UseAppendAction]
"""Of a flag that takes one or more and may be repeated."""


@dataclass(frozen=True, kw_only=True)
class _Model:
    model: str
    """Checkpoint file, folder of a training run, or name of a promoted preset."""


@dataclass(frozen=True, kw_only=True)
class Encode(_Model):
    """Write the latents of programs as an .npz with `latents` (rows, latent_dim) and `sources`."""

    file: Files
    """Python files with one function each."""
    out: Path = Path("latents.npz")
    """Where to write."""


@dataclass(frozen=True, kw_only=True)
class Decode(_Model):
    """Decode the latents of an .npz or .npy."""

    latents: Path
    """`latents` (rows, latent_dim)."""
    temperature: float = 0.0
    """0 decodes the most likely program, above 0 samples."""
    top_k: int | None = None
    """Sample among so many of the best productions."""
    seed: int = 0
    """Seeds the sampling."""


@dataclass(frozen=True, kw_only=True)
class Reconstruct(_Model):
    """Show programs beside what they decode to."""

    file: Files = ()
    """Python files with one function each."""
    data_dir: Path | None = None
    """Or programs of this data set."""
    split: Literal["train", "val"] = "val"
    """Which programs of --data_dir."""
    num: int = 5
    """How many programs of --data_dir."""


@dataclass(frozen=True, kw_only=True)
class Interpolate(_Model):
    """Decode points between two programs."""

    first: Path
    """Where to start: a Python file."""
    last: Path
    """Where to end."""
    num: int = 7
    """Points, both ends included."""


@dataclass(frozen=True, kw_only=True)
class Nearest(_Model):
    """Show the programs of a data set that lie nearest to one in latent space."""

    file: Path
    """What to look for: a Python file."""
    data_dir: Path
    """Where to look."""
    num: int = 5
    """How many."""


@dataclass(frozen=True, kw_only=True)
class Sample(_Model):
    """Decode random latents."""

    num: int = 5
    """How many."""
    data_dir: Path | None = None
    """Draw latents as those of this data set's training programs lie; default: anywhere."""
    temperature: float = 0.0
    """0 decodes the most likely program of a latent, above 0 samples."""
    top_k: int | None = None
    """Sample among so many of the best productions."""
    seed: int = 0
    """Seeds latents and sampling."""


@dataclass(frozen=True, kw_only=True)
class Synthesize(_Model):
    """Search a program that satisfies examples."""

    example: Annotated[tuple[tuple[str, ...], ...], tyro.conf.UseAppendAction] = ()
    """Examples as Python values: "([1, 2], 0) -> 3"; one or more, and the flag may be repeated."""
    examples: Path | None = None
    """Or a JSON file: [{"inputs": [[1, 2], 0], "output": 3}, ...]."""
    data_dir: Path | None = None
    """Draw latents as those of this data set's training programs lie; default: anywhere."""
    max_candidates: int = 20_000
    """Different programs to try at most."""
    beam: int = 8
    """Programs decoded from each latent."""
    seed: int = 0
    """Seeds the latents."""


Command = (
    Annotated[Encode, tyro.conf.subcommand("encode")]
    | Annotated[Decode, tyro.conf.subcommand("decode")]
    | Annotated[Reconstruct, tyro.conf.subcommand("reconstruct")]
    | Annotated[Interpolate, tyro.conf.subcommand("interpolate")]
    | Annotated[Nearest, tyro.conf.subcommand("nearest")]
    | Annotated[Sample, tyro.conf.subcommand("sample")]
    | Annotated[Synthesize, tyro.conf.subcommand("synthesize")]
)


def main() -> None:
    """Run the command."""
    raise SystemExit(run_command(lambda: _run(sys.argv[1:])))


def find_checkpoint(name: str) -> Path:
    """Return the checkpoint that a file name, a run's folder or a preset's name stands for.

    Raises:
        UserError: it stands for none.
    """
    return model_files.find_checkpoint("ast_autoencoder", name, _best_of_run)


def _run(arguments: Sequence[str]) -> None:
    spelled = read_command(Command, arguments, _COMMAND)
    command = tyro.cli(
        Command,  # pyright: ignore[reportArgumentType]
        args=spelled,
        prog=_COMMAND,
        description=__doc__,
        use_underscores=True,
    )
    # torch takes seconds to import; mistakes in flags are told before.
    from models.ast_autoencoder import trained

    model = trained.load_model(find_checkpoint(command.model))
    match command:
        case Encode():
            sources = [_program(path) for path in chain.from_iterable(command.file)]
            latents = trained.encode(model, [program.ids for program in sources])
            texts = np.array([ids_to_source(program.ids) for program in sources])
            np.savez(command.out, latents=latents, sources=texts)
            print(f"{command.out}: latents {latents.shape}")
        case Decode():
            options = (command.temperature, command.top_k, command.seed)
            _show(_decode(model, model_files.read_latents(command.latents), *options))
        case Reconstruct():
            originals = _originals(command, model.config.max_decode_steps)
            _show_pairs(originals, trained.reconstruct(model, originals))
        case Interpolate():
            first, last = _program(command.first).ids, _program(command.last).ids
            _show(trained.interpolate(model, first, last, command.num))
        case Nearest():
            _show_nearest(model, command)
        case Sample():
            like = None if command.data_dir is None else _training_latents(model, command.data_dir)
            latents = trained.random_latents(model, command.num, command.seed, like)
            _show(_decode(model, latents, command.temperature, command.top_k, command.seed))
        case Synthesize():
            _synthesize(model, command)


def _best_of_run(path: Path) -> Path:
    if (path / "best_model.pt").is_file():
        return path / "best_model.pt"
    best = model_files.best_in("ast_autoencoder", path)
    if best is None:
        raise UserError(f"{path}: holds no best_model.pt: give a checkpoint file")
    return best


def _decode(
    model: "TrainedModel",
    latents: np.ndarray,
    temperature: float,
    top_k: int | None,
    seed: int,
) -> list[list[int]]:
    from models.ast_autoencoder import trained

    return trained.decode(model, latents, temperature=temperature, top_k=top_k, seed=seed)


def _program(path: Path) -> Program:
    try:
        return source_to_ids(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _load(folder: Path) -> ProgramDataset:
    return load_dataset(DataConfig(data_dir=str(folder)))


def _fitting(dataset: ProgramDataset, rows: np.ndarray, num_steps: int) -> list[list[int]]:
    """Return the programs of some rows that are not longer than the model may write."""
    chosen = rows[np.asarray(dataset.lengths)[rows] <= num_steps]
    return [dataset.ids[row][dataset.ids[row] >= 0].tolist() for row in chosen]


def _training_latents(model: "TrainedModel", folder: Path, limit: int = 4096) -> np.ndarray:
    from models.ast_autoencoder import trained

    dataset = _load(folder)
    programs = _fitting(dataset, dataset.train[:limit], model.config.max_decode_steps)
    return trained.encode(model, programs)


def _originals(command: Reconstruct, num_steps: int) -> list[list[int]]:
    if (command.data_dir is None) == (not command.file):
        raise UserError("pass either --file FILE ... or --data_dir FOLDER")
    if command.data_dir is None:
        return [list(_program(path).ids) for path in chain.from_iterable(command.file)]
    dataset = _load(command.data_dir)
    return _fitting(dataset, getattr(dataset, command.split), num_steps)[: command.num]


def _show_nearest(model: "TrainedModel", command: Nearest) -> None:
    from models.ast_autoencoder import trained

    dataset = _load(command.data_dir)
    corpus = _fitting(dataset, np.arange(len(dataset.ids)), model.config.max_decode_steps)
    latents = trained.encode(model, [_program(command.file).ids, *corpus])
    for distance, row in trained.nearest(latents[0], latents[1:], command.num):
        print(f"# distance {distance:.3f}\n{ids_to_source(corpus[row])}")


def _synthesize(model: "TrainedModel", command: Synthesize) -> None:
    from models.ast_autoencoder.judging import examples_passed
    from models.ast_autoencoder.synthesis import synthesize

    if (command.examples is None) == (not command.example):
        raise UserError('pass either --example "([1, 2],) -> 3" ... or --examples FILE.json')
    examples = (
        read_examples(command.examples)
        if command.examples is not None
        else [parse_example(text) for text in chain.from_iterable(command.example)]
    )
    like = None if command.data_dir is None else _training_latents(model, command.data_dir)
    found = synthesize(
        model,
        examples,
        examples_passed,
        max_candidates=command.max_candidates,
        beam=command.beam,
        seed=command.seed,
        like=like,
    )
    print(ids_to_source(found.program))
    verdict = "satisfies all" if found.num_passed == len(examples) else "the best found satisfies"
    print(f"# {verdict} {found.num_passed} of {len(examples)} examples; ", end="")
    print(f"{found.num_candidates:,} candidates tried")


def _show(programs: Sequence[Sequence[int]]) -> None:
    for program in programs:
        print(ids_to_source(program))


def _show_pairs(originals: Sequence[Sequence[int]], decoded: Sequence[Sequence[int]]) -> None:
    right = 0
    for original, program in zip(originals, decoded, strict=True):
        exact = list(original) == list(program)
        right += exact
        print(f"# original\n{ids_to_source(original)}")
        print("# decoded exactly\n" if exact else f"# decoded\n{ids_to_source(program)}")
    print(f"# {right} of {len(originals)} exact")


if __name__ == "__main__":
    main()
