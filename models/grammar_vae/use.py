"""Use a trained Grammar-VAE.

    python -m models.grammar_vae.use reconstruct --model quickstart-1 --prod data/ids.npy
    python -m models.grammar_vae.use sample --model best.ckpt --num 20
    python -m models.grammar_vae.use interpolate --model best.ckpt --first "x" --last "sin( x )"
    python -m models.grammar_vae.use evaluate --model training_artifacts/RUN --split test
    python -m models.grammar_vae.use export --model training_artifacts/RUN --out model.safetensors

`--model` takes a checkpoint, an export, the folder of a training run, or the name of a preset that
was promoted or ships with weights (pde_best, pde_drawn, pde_small, pde_latent, pde_general,
smiles_small).
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from models.commands import model_files
from models.commands.flags import build_flags, read_command
from models.commands.grammar_files import given_grammar
from models.commands.lost_best import note_of_run
from models.commands.process import run_command
from models.commands.progress import show_progress
from models.commands.shown_texts import show_pairs, show_texts
from models.commands.standard_input import check_read_once, name_of
from models.commands.use_flags import Points, Positive, Seed, Temperature, checked
from models.config_file import to_config
from models.errors import UserError
from models.grammar.derivation import check_ids
from models.grammar.grammar import Grammar
from models.grammar.text_errors import OutsideGrammar
from models.grammar_vae.data import DataConfig, DerivationDataset, check_data, load_dataset
from models.grammar_vae.data_flags import DataFlags
from models.grammar_vae.datasets.text_files import read_lines
from models.grammar_vae.late_grammar import no_grammar_error
from models.grammar_vae.notation.rewriting import Notation, Rewriter, is_of_pdes
from models.grammar_vae.spec import GRAMMAR_VAE
from models.training.folders import read_settings, run_folder_of
from models.training.layout import RunFolder

if TYPE_CHECKING:
    from models.grammar_vae.trained import TrainedModel


_COMMAND = "python -m models.grammar_vae.use"


@dataclass(frozen=True, kw_only=True)
class _Model:
    model: str
    """Checkpoint file, export, folder of a training run, or name of a preset that has weights."""
    gpus: Literal[0, 1] | None = None
    """GPUs to use, 0 or 1; default: 1 where there is one."""


@dataclass(frozen=True, kw_only=True)
class _ModelWithGrammar(_Model):
    grammar: str | None = None
    """Built-in name or YAML file, for a model that was trained on ids and masks alone."""


@dataclass(frozen=True, kw_only=True)
class _ModelOfTexts(_ModelWithGrammar):
    notation: Notation = "strict"
    """Loose takes PDEs as people write them, as u_t = 2u_xx, and says what it rewrote."""


@dataclass(frozen=True, kw_only=True)
class Encode(_ModelOfTexts):
    """Write the latents of texts as an .npz with `latents` (rows, z_dim) and `texts`."""

    text: tuple[str, ...] = ()
    """Texts to encode; one or more, and the flag may be repeated."""
    file: Path | None = None
    """Or a file with one text a line, read as build_dataset reads it; - is standard input."""
    out: Path = Path("latents.npz")
    """Where to write."""


@dataclass(frozen=True, kw_only=True)
class Decode(_ModelWithGrammar):
    """Decode the latents of an .npz or .npy; one text a line."""

    latents: Path
    """`latents` (rows, z_dim)."""
    temperature: Temperature = 0.0
    """0 decodes the most likely text, above 0 samples."""
    seed: Seed = 0
    """Seeds the sampling."""


@dataclass(frozen=True, kw_only=True)
class Reconstruct(_ModelOfTexts):
    """Show texts beside what they decode to."""

    text: tuple[str, ...] = ()
    """Texts to reconstruct; one or more, and the flag may be repeated."""
    prod: str | None = None
    """Or rows of these ids on disk."""
    split: Literal["train", "val", "test"] = "val"
    """Which rows of --prod."""
    num: Positive = 10
    """How many rows of --prod."""


@dataclass(frozen=True, kw_only=True)
class Sample(_ModelWithGrammar):
    """Decode standard normal latents; one text a line."""

    num: Positive = 10
    """How many."""
    temperature: Temperature = 0.0
    """0 decodes the most likely text of a latent, above 0 samples."""
    seed: Seed = 0
    """Seeds latents and sampling."""


@dataclass(frozen=True, kw_only=True)
class Interpolate(_ModelOfTexts):
    """Decode points between two texts; one a line."""

    first: str
    """Where to start."""
    last: str
    """Where to end."""
    num: Points = 7
    """Points, both ends included."""


@dataclass(frozen=True, kw_only=True)
class Nearest(_ModelOfTexts):
    """Show the rows of a data set that lie nearest to a text in latent space."""

    text: str
    """What to look for."""
    prod: str
    """Ids on disk to look among."""
    num: Positive = 5
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
class Export(_ModelWithGrammar):
    """Write the weights as a safetensors file, with settings, grammar and sizes as metadata."""

    out: Path
    """File to write; its name ends with .safetensors."""
    half: bool = False
    """Write numbers in half precision: half the size."""


Command = (
    Annotated[Encode, tyro.conf.subcommand("encode")]
    | Annotated[Decode, tyro.conf.subcommand("decode")]
    | Annotated[Reconstruct, tyro.conf.subcommand("reconstruct")]
    | Annotated[Sample, tyro.conf.subcommand("sample")]
    | Annotated[Interpolate, tyro.conf.subcommand("interpolate")]
    | Annotated[Nearest, tyro.conf.subcommand("nearest")]
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
    return model_files.find_checkpoint(GRAMMAR_VAE, name, _best_of_run)


def _run(arguments: Sequence[str]) -> None:
    spelled = read_command(Command, arguments, _COMMAND)
    command = build_flags(Command, spelled, _COMMAND, __doc__)
    given = _given(checked(command))
    # torch takes seconds to import; mistakes in flags and files are told before.
    from models.grammar_vae import trained
    from models.training.devices import device_of_gpus

    device = device_of_gpus(command.gpus)
    model = trained.load_model(find_checkpoint(command.model), device, _given_grammar(command))
    try:
        _act(command, given, model)
    except OutsideGrammar as error:
        raise _with_notation(error, command, model) from error


def _act(command: Command, given: Any, model: "TrainedModel") -> None:
    from models.grammar_vae import trained

    match command:
        case Encode():
            texts = _in_notation(command, given, model)
            latents = trained.encode(model, texts)
            model_files.write_arrays(command.out, latents=latents, texts=np.array(texts))
            print(f"{command.out}: latents {latents.shape}, texts ({len(texts)},)")
        case Decode():
            show_texts(trained.decode(model, given, command.temperature, command.seed))
        case Reconstruct():
            show_pairs(trained.beside_decoded(model, _derivations(command, given, model)))
        case Sample():
            show_texts(trained.sample(model, command.num, command.temperature, command.seed))
        case Interpolate():
            first, last = _in_notation(command, [command.first, command.last], model)
            show_texts(trained.interpolate(model, first, last, command.num))
        case Nearest():
            corpus = _load(command.prod, model)
            [wanted] = _in_notation(command, [command.text], model)
            for distance, text in trained.nearest(model, wanted, corpus.ids, command.num):
                print(f"{distance:8.3f}  {text}")
        case Evaluate():
            _evaluate(command, model)
        case Export():
            trained.export_model(model, command.out, half=command.half)
            size = command.out.stat().st_size / 1e6
            print(f"wrote {command.out} ({size:.1f} MB, {model.network.num_parameters:,} numbers)")


def _given_grammar(command: Command) -> Grammar | None:
    """Return the grammar of --grammar, which `evaluate` has among the flags for its rows."""
    name = command.data.grammar if isinstance(command, Evaluate) else command.grammar
    return None if name is None else given_grammar(name)


def _given(command: Any) -> Any:
    """Return what a command reads: texts or latents; told before the model is loaded.

    Raises:
        UserError: it cannot be read, or what is to be written cannot be.
    """
    match command:
        case Encode():
            check_read_once(Path(str(one)) for one in (command.file, command.grammar))
            model_files.check_output(command.out)
            return _texts(command)
        case Decode():
            return model_files.read_latents(command.latents)
        case Reconstruct():
            return _given_to_reconstruct(command)
        case Nearest():
            check_data(DataConfig(prod=command.prod))
        case Evaluate():
            if command.out is not None:
                model_files.check_output_folder(command.out)
            check_data(_data_of(command, find_checkpoint(command.model)).config)
        case Export():
            model_files.check_export(command.out)
    return None


def _best_of_run(path: Path) -> Path:
    folder = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    best = model_files.best_in(GRAMMAR_VAE, folder)
    if best is None:
        raise UserError(f"{path}: holds no best-*.ckpt: give a checkpoint file")
    note_of_run(GRAMMAR_VAE, RunFolder(path=folder.parent).metrics, best)
    return best


def _data_of(command: Evaluate, checkpoint: Path) -> DataFlags:
    return command.data if command.data.given else _training_data(checkpoint)


def _evaluate(command: Evaluate, model: "TrainedModel") -> None:
    from models.grammar_vae.report_metrics import report_on
    from models.grammar_vae.report_text import report_lines, write_report

    dataset = _evaluated(command, model)
    report = report_on(model, dataset, command.split)
    for line in report_lines(report, model, dataset, all_families=True):
        print(line)
    for path in write_report(command.out, report, model, dataset) if command.out else ():
        print(f"wrote {path}")


def _evaluated(command: Evaluate, model: "TrainedModel") -> DerivationDataset:
    """Return the rows of the flags, or else those of the run that wrote the checkpoint."""
    flags = _data_of(command, model.source)
    with show_progress() as progress:
        # The data of the run itself are read as they were in training: their digest is known.
        grammar = model.grammar if command.data.given else None
        dataset = load_dataset(flags.config, progress, grammar)
    if dataset.grammar is not None or model.grammar is None:
        return dataset
    try:
        check_ids(dataset.ids, model.grammar)
    except UserError as error:
        raise UserError(f"{dataset.name}: not in the grammar that was given: {error}") from error
    return replace(dataset, grammar=model.grammar)


def _training_data(checkpoint: Path) -> DataFlags:
    """Return the data of the run that wrote a checkpoint."""

    def read(checkpoint: Path) -> Any:
        return read_settings(run_folder_of(checkpoint))

    content = model_files.data_of_run(checkpoint, read, "--prod ids.npy or --dataset")
    return to_config(DataFlags, content, str(checkpoint))


def _texts(command: Encode) -> list[str]:
    if (command.file is None) == (not command.text):
        raise UserError("pass either --text TEXT ... or --file FILE")
    if command.file is None:
        return list(command.text)
    rows = read_lines(command.file)
    for note in rows.notes:
        print(f"{name_of(command.file)}: {note}", file=sys.stderr)
    return rows.texts


def _in_notation(command: _ModelOfTexts, texts: list[str], model: "TrainedModel") -> list[str]:
    """Return texts as the grammar has them; what was written otherwise is told."""
    if command.notation == "strict":
        return texts
    if model.grammar is None:
        raise no_grammar_error(model.source)
    rewriter = Rewriter(model.grammar)
    many = len(texts) > 1
    rewritten = [
        rewriter.rewrite(text, f"text {number}" if many else "")
        for number, text in enumerate(texts, start=1)
    ]
    for note in rewriter.notes():
        print(f"note: {note}", file=sys.stderr)
    return rewritten


def _with_notation(error: UserError, command: Command, model: "TrainedModel") -> UserError:
    """Return the error of a text, with the notation that may read it."""
    strict = isinstance(command, _ModelOfTexts) and command.notation == "strict"
    if not strict or model.grammar is None or not is_of_pdes(model.grammar):
        return error
    return UserError(f"{error}. PDEs as people write them, u_t = 2u_xx, want --notation loose")


def _given_to_reconstruct(command: Reconstruct) -> list[str] | None:
    if (command.prod is None) == (not command.text):
        raise UserError("pass either --text TEXT ... or --prod ids.npy")
    if command.prod is not None and command.notation == "loose":
        raise UserError("--notation loose would be ignored: it is for --text; remove it")
    if command.prod is None:
        return list(command.text)
    check_data(DataConfig(prod=command.prod))
    return None


def _derivations(
    command: Reconstruct, given: list[str] | None, model: "TrainedModel"
) -> list[list[int]]:
    if given is not None:
        from models.grammar_vae.trained import derive

        return derive(model, _in_notation(command, given, model))
    assert command.prod is not None  # _given_to_reconstruct
    dataset = _load(command.prod, model)
    rows = dataset.ids[getattr(dataset, command.split)[: command.num]]
    num_steps = model.num_steps
    if len(rows) and int((rows >= 0).sum(1).max()) > num_steps:
        raise UserError(f"{command.prod}: rows longer than the {num_steps} steps of the model")
    return [row[row >= 0].tolist() for row in rows]


def _load(prod: str, model: "TrainedModel") -> DerivationDataset:
    """Return rows on disk, which must be in the model's grammar."""
    if model.grammar is None:
        raise no_grammar_error(model.source)
    return load_dataset(DataConfig(prod=prod), grammar=model.grammar)


if __name__ == "__main__":
    main()
