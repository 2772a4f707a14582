"""Use a trained Grammar-VAE.

    python -m models.grammar_vae.use reconstruct --model quickstart-1 --prod data/ids.npy
    python -m models.grammar_vae.use sample --model best.ckpt --num 20
    python -m models.grammar_vae.use interpolate --model best.ckpt --first "x" --last "sin( x )"
    python -m models.grammar_vae.use evaluate --model training_artifacts/RUN --split test
    python -m models.grammar_vae.use export --model training_artifacts/RUN --out model.safetensors

`--model` takes a checkpoint, an export, the folder of a training run, or a promoted preset's name.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro

from models import model_files
from models.command import run_command
from models.config_file import to_config
from models.errors import UserError
from models.flags import read_command
from models.grammar_vae.data import DataConfig, DerivationDataset, load_dataset
from models.grammar_vae.data_flags import DataFlags
from models.progress import show_progress
from models.run_folder import read_settings, run_folder_of

if TYPE_CHECKING:
    from models.grammar_vae.trained import TrainedModel


_COMMAND = "python -m models.grammar_vae.use"


@dataclass(frozen=True, kw_only=True)
class _Model:
    model: str
    """Checkpoint file, export, folder of a training run, or name of a promoted preset."""


@dataclass(frozen=True, kw_only=True)
class Encode(_Model):
    """Write the latents of texts as an .npz with `latents` (rows, z_dim) and `texts`."""

    text: tuple[str, ...] = ()
    """Texts to encode."""
    file: Path | None = None
    """Or a file with one text a line."""
    out: Path = Path("latents.npz")
    """Where to write."""


@dataclass(frozen=True, kw_only=True)
class Decode(_Model):
    """Decode the latents of an .npz or .npy; one text a line."""

    latents: Path
    """`latents` (rows, z_dim)."""
    temperature: float = 0.0
    """0 decodes the most likely text, above 0 samples."""
    seed: int = 0
    """Seeds the sampling."""


@dataclass(frozen=True, kw_only=True)
class Reconstruct(_Model):
    """Show texts beside what they decode to."""

    text: tuple[str, ...] = ()
    """Texts to reconstruct."""
    prod: str | None = None
    """Or rows of these ids on disk."""
    split: Literal["train", "val", "test"] = "val"
    """Which rows of --prod."""
    num: int = 10
    """How many rows of --prod."""


@dataclass(frozen=True, kw_only=True)
class Sample(_Model):
    """Decode standard normal latents; one text a line."""

    num: int = 10
    """How many."""
    temperature: float = 0.0
    """0 decodes the most likely text of a latent, above 0 samples."""
    seed: int = 0
    """Seeds latents and sampling."""


@dataclass(frozen=True, kw_only=True)
class Interpolate(_Model):
    """Decode points between two texts; one a line."""

    first: str
    """Where to start."""
    last: str
    """Where to end."""
    num: int = 7
    """Points, both ends included."""


@dataclass(frozen=True, kw_only=True)
class Neighbours(_Model):
    """Show the rows of a data set that lie nearest to a text in latent space."""

    text: str
    """What to look for."""
    prod: str
    """Ids on disk to look among."""
    num: int = 5
    """How many."""


@dataclass(frozen=True, kw_only=True)
class Evaluate(_Model):
    """Report accuracies, baselines, coefficient errors and prior samples, as training does."""

    data: tyro.conf.OmitArgPrefixes[DataFlags] = field(default_factory=DataFlags)
    split: Literal["train", "val", "test"] = "test"
    """Which rows."""
    out: Path | None = None
    """Folder for report.json and prior_samples.txt; default: nothing is written."""


@dataclass(frozen=True, kw_only=True)
class Export(_Model):
    """Write the weights as a safetensors file, with settings, grammar and sizes as metadata."""

    out: Path
    """File to write; its name ends with .safetensors."""


Command = (
    Annotated[Encode, tyro.conf.subcommand("encode")]
    | Annotated[Decode, tyro.conf.subcommand("decode")]
    | Annotated[Reconstruct, tyro.conf.subcommand("reconstruct")]
    | Annotated[Sample, tyro.conf.subcommand("sample")]
    | Annotated[Interpolate, tyro.conf.subcommand("interpolate")]
    | Annotated[Neighbours, tyro.conf.subcommand("neighbours")]
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
    return model_files.find_checkpoint("grammar_vae", name, _best_of_run)


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
    import torch

    from models.grammar_vae import trained

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = trained.load_model(find_checkpoint(command.model), device)
    match command:
        case Encode():
            texts = _texts(command)
            latents = trained.encode(model, texts)
            _write(command.out, latents, texts)
            print(f"{command.out}: latents {latents.shape}, texts ({len(texts)},)")
        case Decode():
            latents = model_files.read_latents(command.latents)
            _show(trained.decode(model, latents, command.temperature, command.seed))
        case Reconstruct():
            originals = _originals(command, model.num_steps)
            _show_pairs(originals, trained.reconstruct(model, originals))
        case Sample():
            _show(trained.sample(model, command.num, command.temperature, command.seed))
        case Interpolate():
            _show(trained.interpolate(model, command.first, command.last, command.num))
        case Neighbours():
            corpus = _load(command.prod)
            _check_grammar(corpus, model, command.prod)
            for distance, text in trained.neighbours(model, command.text, corpus.ids, command.num):
                print(f"{distance:8.3f}  {text}")
        case Evaluate():
            _evaluate(command, model)
        case Export():
            trained.export_model(model, command.out)
            size = command.out.stat().st_size / 1e6
            print(f"wrote {command.out} ({size:.1f} MB, {model.network.num_parameters:,} numbers)")


def _best_of_run(path: Path) -> Path:
    folder = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    best = model_files.best_in("grammar_vae", folder)
    if best is None:
        raise UserError(f"{path}: holds no best-*.ckpt: give a checkpoint file")
    return best


def _evaluate(command: Evaluate, model: "TrainedModel") -> None:
    from models.grammar_vae.report_metrics import report_on
    from models.grammar_vae.report_text import report_lines, write_report

    flags = command.data if command.data.given else _training_data(model.source)
    with show_progress() as progress:
        dataset = load_dataset(flags.config, progress)
    report = report_on(model, dataset, command.split)
    for line in report_lines(report, model, dataset, all_families=True):
        print(line)
    for path in write_report(command.out, report, model, dataset) if command.out else ():
        print(f"wrote {path}")


def _training_data(checkpoint: Path) -> DataFlags:
    """Return the data of the run that wrote a checkpoint."""
    try:
        settings = read_settings(run_folder_of(checkpoint))
    except UserError as error:
        raise UserError(
            f"no data: pass --prod ids.npy or --dataset, since {checkpoint} does not lie in the "
            "folder of its run"
        ) from error
    return to_config(DataFlags, settings["data"], str(checkpoint))


def _texts(command: Encode) -> list[str]:
    if (command.file is None) == (not command.text):
        raise UserError("pass either --text TEXT ... or --file FILE")
    if command.file is None:
        return list(command.text)
    try:
        texts = command.file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{command.file}: cannot be read: {error}") from error
    if not texts:
        raise UserError(f"{command.file}: holds no text: give one a line")
    return texts


def _write(path: Path, latents: np.ndarray, texts: Sequence[str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:  # numpy would add .npz to another name
            np.savez(file, latents=latents, texts=np.array(texts))
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error


def _originals(command: Reconstruct, num_steps: int) -> list[str]:
    if (command.prod is None) == (not command.text):
        raise UserError("pass either --text TEXT ... or --prod ids.npy")
    if command.prod is None:
        return list(command.text)
    from models.grammar.derivation import to_text

    dataset = _load(command.prod)
    if dataset.grammar is None:
        raise UserError(f"{command.prod}: has no grammar, so its rows have no text")
    rows = dataset.ids[getattr(dataset, command.split)[: command.num]]
    if len(rows) and int((rows >= 0).sum(1).max()) > num_steps:
        raise UserError(f"{command.prod}: rows longer than the {num_steps} steps of the model")
    return [to_text(dataset.grammar, row[row >= 0]) for row in rows]


def _check_grammar(corpus: DerivationDataset, model: "TrainedModel", prod: str) -> None:
    known = model.grammar
    if (
        known is None
        or corpus.num_productions != known.num_productions
        or (corpus.grammar is not None and corpus.grammar.digest != known.digest)
    ):
        raise UserError(
            f"{prod}: these rows are not in the model's grammar: give rows of the data that the "
            "model was trained on"
        )


def _load(prod: str) -> DerivationDataset:
    return load_dataset(DataConfig(prod=prod))


def _show(texts: Sequence[str]) -> None:
    for text in texts:
        print(text)


def _show_pairs(originals: Sequence[str], decoded: Sequence[str]) -> None:
    width = max(map(len, (*originals, "original")))
    print(f"   {'original':<{width}}  decoded")
    for original, text in zip(originals, decoded, strict=True):
        print(f"{'=' if original == text else 'x'}  {original:<{width}}  {text}")
    right = sum(a == b for a, b in zip(originals, decoded, strict=True))
    print(f"{right} of {len(originals)} exact")


if __name__ == "__main__":
    main()
