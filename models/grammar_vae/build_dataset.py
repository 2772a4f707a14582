"""Build a data set for the Grammar-VAE: generate it, or tokenise your own file.

    python -m models.grammar_vae.build_dataset --dataset pde --out data/pde --n 48000 --seed 42
    python -m models.grammar_vae.build_dataset --csv my.csv --column pde --grammar pde --out data/my
    python -m models.grammar_vae.build_dataset --text my.txt --grammar my.yaml --out data/my

Nothing is written unless every row is a text of the grammar.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro

from models.commands.flags import build_flags, read_flags
from models.commands.grammar_files import given_grammar
from models.commands.process import run_command
from models.commands.progress import show_progress
from models.commands.standard_input import check_read_once, name_of
from models.errors import UserError
from models.grammar.grammar import BUILT_IN_GRAMMARS, Grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.data import DerivationDataset, make_dataset
from models.grammar_vae.datasets.ambiguous_rows import ambiguity_notes
from models.grammar_vae.datasets.build_report import summary
from models.grammar_vae.datasets.files import SPLIT_NAMES
from models.grammar_vae.datasets.generators import DatasetName, find_generator
from models.grammar_vae.datasets.illegal_rows import illegal_rows_notes
from models.grammar_vae.datasets.long_rows import long_rows_note
from models.grammar_vae.datasets.random_rows import random_rows
from models.grammar_vae.datasets.splits import Splits, draw_splits, read_index_files
from models.grammar_vae.datasets.text_files import TextRows, read_csv_column, read_lines
from models.grammar_vae.datasets.tokenise import derive_rows, rewrite_rows
from models.grammar_vae.datasets.writing import check_folder, write_dataset
from models.grammar_vae.notation.rewriting import Notation, Rewriter
from models.training.contracts import ProgressCallback

DEFAULT_SEED = 42
RANDOM = "random"
"""The family of rows that were drawn from the grammar."""
_TAB = ("tab", "\\t")
_COMMAND = "python -m models.grammar_vae.build_dataset"


@dataclass(frozen=True, kw_only=True)
class BuildFlags:
    """All flags of the command."""

    out: Path
    """Folder to write; made where missing."""
    dataset: DatasetName | None = None
    """Generate this data set."""
    n: int | None = None
    """Rows to generate (pde: 48000, equations: 100000)."""
    seed: int | None = None
    """Seeds the generated rows and the split (42)."""
    csv: Path | None = None
    """Tokenise a column of this CSV file, plain or gzipped; - is standard input."""
    column: str | None = None
    """Column of --csv that holds the text."""
    delimiter: str | None = None
    """What separates the fields of --csv: a character, or tab (a comma)."""
    label_column: str | None = None
    """Column of --csv by which to stratify the split."""
    text: Path | None = None
    """Tokenise this file with one text a line, plain or gzipped; - is standard input."""
    grammar: str | None = None
    """Grammar of --csv or --text, or of --random rows: a built-in name or a YAML file."""
    random: int | None = None
    """Add so many rows drawn at random from the grammar, some much like the others, some hardly."""
    longest: int | None = None
    """Productions that a --random row may take (as many as the longest of the others)."""
    notation: Notation | None = None
    """Loose takes PDEs as people write them, as u_t = 2u_xx, and says what it rewrote."""
    train_indices: Path | None = None
    """Rows to train on (.npy) instead of a random 80/10/10 split."""
    val_indices: Path | None = None
    """Rows to validate on (.npy)."""
    test_indices: Path | None = None
    """Rows to test on (.npy); without it there are none."""
    masks: bool = False
    """Write packed masks too, for other programs; training here needs only the ids."""
    write_text: bool = False
    """Write the text too, one row a line."""
    overwrite: bool = False
    """Replace the data set that --out holds."""


def main() -> None:
    """Run the command."""
    raise SystemExit(run_command(lambda: _run(sys.argv[1:])))


def _run(arguments: Sequence[str]) -> None:
    given = read_flags(BuildFlags, arguments, _COMMAND, pairs=False)
    no_pairs = (tyro.conf.FlagCreatePairsOff,)
    flags = build_flags(BuildFlags, given.arguments, _COMMAND, __doc__, config=no_pairs)
    _check_flags(flags)
    check_folder(flags.out, flags.overwrite)
    try:
        _build(flags)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"No half-written data set is left in {flags.out}") from None


def _build(flags: BuildFlags) -> None:
    grammar, rows = _source(flags)
    with show_progress() as progress:
        rows = _in_notation(flags, grammar, rows, progress)
        rows = _with_random_rows(flags, grammar, rows, progress)
        dataset = _tokenise(flags, grammar, rows, progress)
        notes = _notes(flags, dataset, rows, progress)
    files = write_dataset(
        dataset,
        flags.out,
        masks=flags.masks,
        texts=rows.texts if flags.write_text else None,
        overwrite=flags.overwrite,
    )
    print(summary(dataset, files, notes))


def _source(flags: BuildFlags) -> tuple[Grammar, TextRows]:
    """Return the grammar and the text, generated or read."""
    if flags.dataset is not None:
        generator = find_generator(flags.dataset)
        generated = generator.generate(
            generator.standard_rows if flags.n is None else flags.n, _seed(flags)
        )
        return given_grammar(flags.grammar or generator.grammar), TextRows(
            texts=generated.texts,
            where=lambda row: f"generated row {row}",
            labels=generated.labels,
            label_names=generated.label_names,
        )
    assert flags.grammar is not None  # _check_flags
    grammar = given_grammar(flags.grammar)
    if flags.text is not None:
        return grammar, read_lines(flags.text)
    assert flags.csv is not None  # _check_flags
    assert flags.column is not None
    delimiter = "\t" if flags.delimiter in _TAB else flags.delimiter or ","
    return grammar, read_csv_column(flags.csv, flags.column, flags.label_column, delimiter)


def _in_notation(
    flags: BuildFlags, grammar: Grammar, rows: TextRows, progress: ProgressCallback
) -> TextRows:
    """Return the rows as the grammar has them, with notes on what was written otherwise."""
    if flags.notation != "loose":
        return rows
    rewriter = Rewriter(grammar)
    texts = rewrite_rows(
        rows.texts, rewriter, grammar, rows.where, progress, remedies=_remedies(flags)
    )
    return replace(rows, texts=texts, notes=(*rows.notes, *rewriter.notes()))


def _with_random_rows(
    flags: BuildFlags, grammar: Grammar, rows: TextRows, progress: ProgressCallback
) -> TextRows:
    """Return the rows and random ones, which are a family of their own where there are families."""
    if flags.random is None:
        return rows
    drawn = random_rows(
        rows.texts, grammar, flags.random, _seed(flags), progress, longest=flags.longest
    )
    num_given, where = len(rows.texts), rows.where
    labels = rows.labels
    if labels is not None:
        added = np.full(len(drawn), len(rows.label_names), labels.dtype)
        labels = np.concatenate([labels, added])
    return replace(
        rows,
        texts=[*rows.texts, *drawn],
        where=lambda row: where(row) if row < num_given else f"random row {row - num_given}",
        labels=labels,
        label_names=(*rows.label_names, RANDOM) if labels is not None else rows.label_names,
    )


def _tokenise(
    flags: BuildFlags, grammar: Grammar, rows: TextRows, progress: ProgressCallback
) -> DerivationDataset:
    splits = _splits(flags, len(rows.texts), rows.labels)
    source = flags.csv or flags.text
    return make_dataset(
        name=flags.dataset or (_stem(source) if source else grammar.name),
        ids=derive_rows(rows.texts, grammar, rows.where, progress, remedies=_remedies(flags)),
        splits=splits,
        grammar=grammar,
        labels=rows.labels,
        label_names=rows.label_names,
    )


def _stem(source: Path) -> str:
    return Path(name_of(source)).name.split(".")[0]


def _remedies(flags: BuildFlags) -> list[str]:
    """Return what may help where rows are outside of the grammar."""
    found = []
    if flags.grammar in ("pde", "pde_wide") and flags.notation != "loose":
        found.append("or --notation loose for PDEs as people write them")
    if flags.text is not None and flags.text.suffix.lower() in (".csv", ".tsv"):
        found.append(f"or --csv {flags.text} --column NAME in place of --text where it is a table")
    return found


def _notes(
    flags: BuildFlags, dataset: DerivationDataset, rows: TextRows, progress: ProgressCallback
) -> list[str]:
    """Return what the user should know of the file and of a grammar of their own."""
    notes = list(rows.notes)
    far = long_rows_note(dataset.lengths, rows.where)
    notes += [far] if far is not None else []
    assert dataset.grammar is not None  # it was built with one
    notes += illegal_rows_notes(dataset.ids, rows.texts, dataset.grammar, rows.where, progress)
    if flags.grammar is not None and flags.grammar not in BUILT_IN_GRAMMARS:
        notes += ambiguity_notes(TextParser(dataset.grammar), rows.texts, rows.where, progress)
    return notes


def _splits(flags: BuildFlags, num_rows: int, labels: np.ndarray | None) -> Splits:
    paths = _index_files(flags)
    if paths:
        return read_index_files(paths, num_rows)
    return draw_splits(num_rows, _seed(flags), labels)


def _index_files(flags: BuildFlags) -> dict[str, Path]:
    given = {name: getattr(flags, f"{name}_indices") for name in SPLIT_NAMES}
    return {name: path for name, path in given.items() if path is not None}


def _seed(flags: BuildFlags) -> int:
    return DEFAULT_SEED if flags.seed is None else flags.seed


def _check_flags(flags: BuildFlags) -> None:
    """Refuse flags that are missing, exclude each other or would be ignored, all at once."""
    sources = {"--dataset": flags.dataset, "--csv": flags.csv, "--text": flags.text}
    given = [name for name, value in sources.items() if value is not None]
    if len(given) != 1:
        raise UserError(
            "give one source of text: --dataset pde|equations, --csv FILE or --text FILE, not "
            f"{' and '.join(given) or 'none'}"
        )
    check_read_once(Path(str(one)) for one in (flags.grammar, flags.csv, flags.text))
    mistakes = [*_missing_flags(flags), *_ignored_flags(flags, given[0])]
    if mistakes:
        raise UserError(*mistakes)


def _missing_flags(flags: BuildFlags) -> list[str]:
    needed = []
    if flags.random is not None and flags.random < 1:
        needed.append(f"--random is {flags.random}: draw at least 1 row, or leave it out")
    if flags.longest is not None and flags.longest < 1:
        needed.append(f"--longest is {flags.longest}: allow at least 1 production")
    if flags.dataset is None and flags.grammar is None:
        needed.append("--grammar is missing: name the grammar of the text, or a YAML file")
    if flags.csv is not None and flags.column is None:
        needed.append("--column is missing: name the column of --csv that holds the text")
    if flags.delimiter not in (None, *_TAB) and len(flags.delimiter or "") != 1:
        needed.append(f"--delimiter {flags.delimiter!r} is no single character: pass one, or tab")
    paths = _index_files(flags)
    if paths and not {"train", "val"} <= paths.keys():
        needed.append("a split needs --train_indices and --val_indices: give both or none")
    return needed


def _ignored_flags(flags: BuildFlags, source: str) -> list[str]:
    """Return a line for each flag that has no meaning beside the others."""
    belongs_to = {
        "n": ("--dataset",),
        "column": ("--csv",),
        "label_column": ("--csv",),
        "delimiter": ("--csv",),
        "grammar": ("--csv", "--text") if flags.random is None else (source,),
        "notation": ("--csv", "--text"),
    }
    mistakes = [
        f"--{flag} {getattr(flags, flag)} would be ignored: it belongs to {' or '.join(sources)}, "
        f"not to {source}; remove it"
        for flag, sources in belongs_to.items()
        if getattr(flags, flag) is not None and source not in sources
    ]
    if flags.longest is not None and flags.random is None:
        mistakes.append(
            f"--longest {flags.longest} would be ignored: it belongs to --random; remove it"
        )
    drawn = flags.dataset is not None or flags.random is not None
    if flags.seed is not None and not drawn and _index_files(flags):
        mistakes.append(
            f"--seed {flags.seed} would be ignored: the rows are your file's and the split is "
            "given; remove it"
        )
    return mistakes


if __name__ == "__main__":
    main()
