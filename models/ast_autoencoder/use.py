"""Use a trained AST autoencoder.

    python -m models.ast_autoencoder.use reconstruct --model training_artifacts/RUN --file f.py
    python -m models.ast_autoencoder.use interpolate --model best_model.pt --first a.py --last b.py
    python -m models.ast_autoencoder.use evaluate --model program_best --data_dir DATA
    python -m models.ast_autoencoder.use synthesize --example "([1, 2],) -> 3" "([],) -> 0"

`--model` takes a checkpoint, an export, the folder of a training run, or the name of a preset that
was promoted or ships with weights (program_best); `synthesize` does without.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from models.ast_autoencoder import searching
from models.ast_autoencoder.data import DataConfig, ProgramDataset, load_dataset
from models.ast_autoencoder.data_to_judge import data_of
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.ast_autoencoder.trial_runs import trial_line
from models.commands import model_files
from models.commands.flags import build_flags, read_command
from models.commands.folder_writing import check_output_folder
from models.commands.latents import nearest_latents
from models.commands.process import run_command
from models.commands.progress import show_progress
from models.commands.shown_texts import show_texts
from models.commands.standard_input import check_read_once
from models.commands.use_flags import Points, Positive, Seed, Temperature, checked
from models.errors import UserError
from models.programs.execution.example_text import Example
from models.programs.language.from_source import file_to_ids
from models.programs.language.to_source import ids_to_source
from models.wording import count

if TYPE_CHECKING:
    from models.ast_autoencoder.trained import TrainedModel


IN_VAIN = 1
"""Exit code of `synthesize` where no program was found that satisfies all examples."""
_COMMAND = "python -m models.ast_autoencoder.use"
_MOST_LATENTS = 4096


@dataclass(frozen=True, kw_only=True)
class _Model:
    model: str
    """Checkpoint file, export, folder of a training run, or name of a preset that has weights."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto: cuda or mps where torch sees one, else cpu."""


@dataclass(frozen=True, kw_only=True)
class Encode(_Model):
    """Write the latents of programs as an .npz with `latents` (rows, latent_dim) and `sources`."""

    file: tuple[Path, ...]
    """Python files with one function each, - for standard input; the flag may be repeated."""
    out: Path = Path("latents.npz")
    """Where to write."""


@dataclass(frozen=True, kw_only=True)
class Decode(_Model):
    """Decode the latents of an .npz or .npy."""

    latents: Path
    """`latents` (rows, latent_dim)."""
    temperature: Temperature = 0.0
    """0 decodes the most likely program, above 0 samples."""
    top_k: Positive | None = None
    """Sample among so many of the best productions."""
    seed: Seed = 0
    """Seeds the sampling."""


@dataclass(frozen=True, kw_only=True)
class Reconstruct(_Model):
    """Show programs beside what they decode to."""

    file: tuple[Path, ...] = ()
    """Python files with one function each, - for standard input; the flag may be repeated."""
    data_dir: Path | None = None
    """Or programs of this data set."""
    split: Literal["train", "val", "test"] = "val"
    """Which programs of --data_dir."""
    num: Positive = 5
    """How many programs of --data_dir."""


@dataclass(frozen=True, kw_only=True)
class Interpolate(_Model):
    """Decode points between two programs."""

    first: Path
    """Where to start: a Python file, or - for standard input."""
    last: Path
    """Where to end."""
    num: Points = 7
    """Points, both ends included."""


@dataclass(frozen=True, kw_only=True)
class Nearest(_Model):
    """Show the programs of a data set that lie nearest to one in latent space."""

    file: Path
    """What to look for: a Python file, or - for standard input."""
    data_dir: Path
    """Where to look."""
    num: Positive = 5
    """How many."""


@dataclass(frozen=True, kw_only=True)
class Sample(_Model):
    """Decode random latents."""

    num: Positive = 5
    """How many."""
    data_dir: Path | None = None
    """Draw latents as those of this data set's training programs lie; default: anywhere."""
    temperature: Temperature = 0.0
    """0 decodes the most likely program of a latent, above 0 samples."""
    top_k: Positive | None = None
    """Sample among so many of the best productions."""
    seed: Seed = 0
    """Seeds latents and sampling."""


@dataclass(frozen=True, kw_only=True)
class Synthesize:
    """Search a program that satisfies examples, with or without a model."""

    example: tuple[str, ...] = ()
    """Examples as Python values: "([1, 2], 0) -> 3"; one or more, and the flag may be repeated."""
    examples: Path | None = None
    """Or a JSON file, or - for standard input: [{"inputs": [[1, 2], 0], "output": 3}, ...]."""
    seconds: Positive = 60
    """How long to search at most."""
    model: str | None = None
    """Search the last third of the time in this model's latent space, around the best programs:
    a checkpoint file, the folder of a training run, or the name of a promoted preset."""
    device: Literal["auto", "cpu", "cuda", "mps"] | None = None
    """Of the model: auto, the default, is cuda or mps where torch sees one, else cpu."""
    data_dir: Path | None = None
    """Draw latents as those of this data set's training programs lie; default: anywhere."""
    max_candidates: Positive | None = None
    """Different programs of the model to try at most; default: as many as the time allows."""
    beam: Positive | None = None
    """Programs decoded from each latent; default: 8."""
    seed: Seed | None = None
    """Seeds the latents; default: 0. Without a model nothing is drawn."""


@dataclass(frozen=True, kw_only=True)
class Evaluate(_Model):
    """Report exact matches, hidden examples and baselines of programs, as training does."""

    data_dir: Path | None = None
    """Data set; default: that of the run that wrote the checkpoint."""
    split: Literal["train", "val", "test"] = "test"
    """Which programs."""
    num: Positive | None = None
    """At most so many, from the first on; default: all."""
    out: Path | None = None
    """Folder for SPLIT.json, a row for each program; default: nothing is written."""


@dataclass(frozen=True, kw_only=True)
class Export(_Model):
    """Write the weights as a safetensors file, with settings and language as metadata."""

    out: Path
    """File to write; its name ends with .safetensors."""
    half: bool = False
    """Write numbers in half precision: half the size."""


Command = (
    Annotated[Encode, tyro.conf.subcommand("encode")]
    | Annotated[Decode, tyro.conf.subcommand("decode")]
    | Annotated[Reconstruct, tyro.conf.subcommand("reconstruct")]
    | Annotated[Interpolate, tyro.conf.subcommand("interpolate")]
    | Annotated[Nearest, tyro.conf.subcommand("nearest")]
    | Annotated[Sample, tyro.conf.subcommand("sample")]
    | Annotated[Synthesize, tyro.conf.subcommand("synthesize")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Export, tyro.conf.subcommand("export")]
)


def main() -> None:
    """Run the command."""
    raise SystemExit(run_command(lambda: _run(sys.argv[1:])))


def find_checkpoint(name: str) -> Path:
    """Return the checkpoint that a file name, a run's folder or a preset's name stands for.

    Raises:
        UserError: it stands for none.
    """
    return model_files.find_checkpoint(AST_AUTOENCODER, name, _best_of_run)


def _run(arguments: Sequence[str]) -> int:
    """Return 1 where a search was in vain, else 0."""
    spelled = read_command(Command, arguments, _COMMAND)
    command = build_flags(Command, spelled, _COMMAND, __doc__)
    given = _given(checked(command))
    if isinstance(command, Synthesize):
        return _search(command, *given)
    # torch takes seconds to import; mistakes in flags and files are told before.
    from models.ast_autoencoder import trained
    from models.training.devices import device_named

    device = device_named(command.device)
    model = trained.load_model(find_checkpoint(command.model), device)
    match command:
        case Encode():
            latents = trained.encode(model, given)
            texts = np.array([ids_to_source(ids) for ids in given])
            model_files.write_arrays(command.out, latents=latents, sources=texts)
            print(f"{command.out}: latents {latents.shape}")
        case Reconstruct():
            originals = _originals(command, given, model)
            _show_pairs(originals, trained.reconstruct(model, originals))
        case Interpolate():
            first, last = given
            points = trained.interpolate(model, first, last, command.num)
            show_texts([*map(ids_to_source, points)])
        case Nearest():
            _show_nearest(model, command, *given)
        case Decode() | Sample():
            latents = given
            if isinstance(command, Sample):
                like = training_latents(model, given)
                latents = trained.random_latents(model, command.num, command.seed, like)
            top_k, seed = command.top_k, command.seed
            programs = trained.decode(
                model, latents, temperature=command.temperature, top_k=top_k, seed=seed
            )
            show_texts([*map(ids_to_source, programs)])
            if isinstance(command, Sample):
                print(trial_line(programs))
        case Evaluate():
            from models.ast_autoencoder.held_out import part_lines

            with show_progress() as progress:
                dataset = load_dataset(given, progress)
            lines = part_lines(model, dataset, command.split, command.num, command.out)
            print("\n".join(lines))
        case Export():
            trained.export_model(model, command.out, half=command.half)
            size, count = command.out.stat().st_size / 1e6, model.network.num_parameters
            print(f"wrote {command.out} ({size:.1f} MB, {count:,} numbers)")
    return 0


def _given(command: Any) -> Any:
    """Return what a command reads: programs, latents, a data set, examples.

    All mistakes in files and flags are told here, before the model is loaded.

    Raises:
        UserError: it cannot be read, or what is to be written cannot be.
    """
    given = None
    match command:
        case Encode():
            if not command.file:
                raise UserError("no program: pass --file FILE ...")
            model_files.check_output(command.out)
            given = _programs(command.file)
        case Decode():
            _check_top_k(command)
            given = model_files.read_latents(command.latents)
        case Reconstruct():
            if (command.data_dir is None) == (not command.file):
                raise UserError("pass either --file FILE ... or --data_dir FOLDER")
            given = _programs(command.file) if command.file else _load(command.data_dir)
        case Interpolate():
            given = _programs([command.first, command.last])
        case Nearest():
            given = file_to_ids(command.file).ids, _load(command.data_dir)
        case Sample():
            _check_top_k(command)
            given = _load(command.data_dir)
        case Synthesize():
            searching.check_model_flags(command)
            given = searching.examples_of(command), _load(command.data_dir)
        case Evaluate():
            if command.out is not None:
                check_output_folder(command.out)
            given = data_of(command.data_dir, find_checkpoint(command.model))
        case Export():
            model_files.check_export(command.out)
    return given


def _check_top_k(command: Decode | Sample) -> None:
    if command.top_k is not None and command.temperature == 0:
        raise UserError(
            f"--top_k {command.top_k} would be ignored: at temperature 0 nothing is sampled: "
            "pass --temperature, for example 1"
        )


def _best_of_run(path: Path) -> Path:
    if (path / "best_model.pt").is_file():
        return path / "best_model.pt"
    best = model_files.best_in(AST_AUTOENCODER, path)
    if best is None:
        raise UserError(f"{path}: holds no best_model.pt: give a checkpoint file")
    return best


def _programs(files: Sequence[Path]) -> list[Sequence[int]]:
    check_read_once(files)
    return [file_to_ids(path).ids for path in files]


def _load(folder: Path | None) -> ProgramDataset | None:
    return None if folder is None else load_dataset(DataConfig(data_dir=str(folder)))


def _fitting(model: "TrainedModel", dataset: ProgramDataset, rows: np.ndarray) -> list[list[int]]:
    """Return the programs of some rows that the model may write and whose productions it knows."""
    chosen = rows[np.asarray(dataset.lengths)[rows] <= model.config.max_decode_steps]
    programs = [dataset.ids[row][dataset.ids[row] >= 0].tolist() for row in chosen]
    known = [program for program in programs if not model.lacks(program)]
    if newer := len(programs) - len(known):
        print(f"note: {count(newer, 'program')} newer than the model left out", file=sys.stderr)
    return known


def training_latents(model: "TrainedModel", dataset: ProgramDataset | None) -> np.ndarray | None:
    """Return the latents of some training programs of a data set, if there is one."""
    if dataset is None:
        return None
    from models.ast_autoencoder import trained

    programs = _fitting(model, dataset, dataset.train[:_MOST_LATENTS])
    return trained.encode(model, programs)


def _originals(
    command: Reconstruct, given: list[Sequence[int]] | ProgramDataset, model: "TrainedModel"
) -> Sequence[Sequence[int]]:
    if isinstance(given, list):
        return given
    rows = getattr(given, command.split)
    if not len(rows):
        raise UserError(
            f"{command.data_dir}: has no {command.split} programs: choose another --split"
        )
    return _fitting(model, given, rows)[: command.num]


def _show_nearest(
    model: "TrainedModel", command: Nearest, program: Sequence[int], dataset: ProgramDataset
) -> None:
    from models.ast_autoencoder import trained

    corpus = _fitting(model, dataset, np.arange(len(dataset.ids)))
    latents = trained.encode(model, [program, *corpus])
    for distance, row in nearest_latents(latents[0], latents[1:], command.num):
        print(f"# distance {distance:.3f}\n{ids_to_source(corpus[row])}")


def _search(
    command: Synthesize, examples: Sequence[Example], dataset: ProgramDataset | None
) -> int:
    checkpoint = None if command.model is None else find_checkpoint(command.model)
    found = searching.search(command, examples, checkpoint, dataset)
    print("\n".join(found.lines), flush=True)
    if found.missed:
        sys.stderr.write(searching.in_vain(found, command.seconds))
    return IN_VAIN if found.missed else 0


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
