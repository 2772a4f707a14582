"""What the build command says when it is done."""

import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from models.ast_autoencoder.language.tree import parameter_types, return_type
from models.ast_autoencoder.programs.dataset import ProgramDataset
from models.ast_autoencoder.programs.derive import count_nodes
from models.ast_autoencoder.programs.examples import NUM_HIDDEN, NUM_VISIBLE
from models.ast_autoencoder.programs.source_functions import SourceReport

_BIN = 10
_BAR = 40
_TOP_REASONS = 12
_SHORT = 40


def summary(dataset: ProgramDataset, folder: Path) -> str:
    """Describe a data set that was written: sizes, lengths, twins and the command to type next."""
    nodes = [count_nodes(ids[ids >= 0].tolist()) for ids in dataset.ids]
    train, val = len(dataset.train), len(dataset.val)
    lines = [
        f"programs   {dataset.num_rows:,}: {train:,} for training, {val:,} for validation",
        f"examples   {NUM_VISIBLE} visible and {NUM_HIDDEN} hidden ones each",
        f"steps      mean {dataset.lengths.mean():.1f}, at most {dataset.lengths.max()}",
        f"signatures {_signatures(dataset)}",
        "nodes",
        *_histogram(nodes),
        "twins",
        *_twins(dataset),
        f"digest     {dataset.digest}",
        f"wrote      {folder}",
        "",
        f"next: python -m models.ast_autoencoder.train --data_dir {shlex.quote(str(folder))}",
    ]
    return "\n".join(lines)


def rejection_lines(rejected: Mapping[str, int], num_drawn: int) -> list[str]:
    """Say how many programs were drawn and why others were not kept."""
    lines = [f"drawn      {num_drawn:,} random programs, of which were rejected:"]
    for reason, count in Counter(rejected).most_common():
        lines.append(f"  {count:>10,}  {reason}")
    return lines


def source_lines(report: SourceReport, num_kept: int) -> list[str]:
    """Say how many functions fit and why others did not, each reason with an example."""
    lines = [
        f"files      {report.num_files:,} with {report.num_functions:,} functions, "
        f"of which {num_kept:,} are kept; the others by reason:"
    ]
    by_count = sorted(report.refused.items(), key=lambda item: -item[1].count)
    for reason, entry in by_count[:_TOP_REASONS]:
        lines += [f"  {entry.count:>10,}  {reason}", f"              e.g. {entry.example}"]
    rest = sum(entry.count for _, entry in by_count[_TOP_REASONS:])
    return (
        [*lines, f"  {rest:>10,}  {len(by_count) - _TOP_REASONS} other reasons"] if rest else lines
    )


def length_counts(dataset: ProgramDataset) -> dict[str, int]:
    """Return the number of programs by nodes of their graphs, in tens: "11-20", ..."""
    nodes = [count_nodes(ids[ids >= 0].tolist()) for ids in dataset.ids]
    return {_bin_name(number): count for number, count in _bins(nodes).items()}


def _bins(nodes: list[int]) -> dict[int, int]:
    counts = Counter((count - 1) // _BIN for count in nodes)
    return {number: counts[number] for number in range(max(counts) + 1)}


def _bin_name(number: int) -> str:
    return f"{number * _BIN + 1}-{(number + 1) * _BIN}"


def _histogram(nodes: list[int]) -> list[str]:
    bins = _bins(nodes)
    longest = max(bins.values())
    lines = [
        f"  {_bin_name(number):>8} {count:>9,} {'#' * round(_BAR * count / longest)}"
        for number, count in bins.items()
    ]
    short = np.mean(np.array(nodes) <= _SHORT)
    return [*lines, f"  at most {_SHORT}: {short:.1%}; median {np.median(nodes):.0f}"]


def _signatures(dataset: ProgramDataset) -> str:
    """Return the most frequent signatures."""
    counts = Counter(
        f"({', '.join(parameter_types(ids))}) -> {return_type(ids)}"
        for ids in (row[row >= 0].tolist() for row in dataset.ids)
    )
    top = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(4))
    return f"{len(counts)} different; {top}"


def _twins(dataset: ProgramDataset) -> list[str]:
    counts = dataset.twin_counts()
    return [
        f"  different up to names: {counts['different_programs']:,} of {counts['programs']:,}; "
        f"different in behaviour: {counts['different_behaviours']:,}; largest class of twins: "
        f"{counts['largest_class']}",
        f"  validation programs with a twin in training: "
        f"{counts['val_with_program_in_train']:,} up to names, "
        f"{counts['val_with_behaviour_in_train']:,} in behaviour, "
        f"{counts['val_with_skeleton_in_train']:,} up to names and constants (these may be)",
    ]
