"""What the build command says when it is done."""

import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from models.programs.data.dataset import ProgramDataset
from models.programs.data.derive import count_nodes
from models.programs.data.examples import NUM_HIDDEN, NUM_VISIBLE
from models.programs.data.source_functions import SourceReport
from models.programs.language.tree import parameter_types, return_type
from models.wording import are, count

_BIN = 10
_BAR = 40
_TOP_REASONS = 12
_SHORT = 40


def summary(dataset: ProgramDataset, folder: Path) -> str:
    """Describe a data set that was written: sizes, lengths, twins and the command to type next."""
    nodes = [count_nodes(ids[ids >= 0].tolist()) for ids in dataset.ids]
    parts = [f"{len(dataset.train):,} for training", f"{len(dataset.val):,} for validation"]
    if len(dataset.test):
        parts.append(f"{len(dataset.test):,} for the test")
    lines = [
        f"programs   {dataset.num_rows:,}: {', '.join(parts)}",
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
    lines = [f"drawn      {count(num_drawn, 'random program')}, of which were rejected:"]
    for reason, num in Counter(rejected).most_common():
        lines.append(f"  {num:>10,}  {reason}")
    return lines


def source_lines(report: SourceReport, num_kept: int) -> list[str]:
    """Say which files could not be read, how many functions fit and why the others did not."""
    lines = [f"files      {report.num_read:,} of {report.num_files:,} read"]
    if report.unread:
        lines[0] += "; left out are:"
        lines += [f"              {file}: {reason}" for file, reason in report.unread.items()]
    lines.append(
        f"found      {count(report.num_functions, 'function')}, of which {num_kept:,} "
        f"{are(num_kept)} kept" + ("; the others by reason:" if report.refused else "")
    )
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
    lines = [
        f"  different up to names: {counts['different_programs']:,} of {counts['programs']:,}; "
        f"different in behaviour: {counts['different_behaviours']:,}; largest class of twins: "
        f"{counts['largest_class']}",
        f"  validation programs with a twin in training: "
        f"{counts['val_with_program_in_train']:,} up to names, "
        f"{counts['val_with_behaviour_in_train']:,} in behaviour, "
        f"{counts['val_with_skeleton_in_train']:,} up to names and constants (these may be)",
    ]
    if len(dataset.test):
        lines.append(
            f"  test programs with a twin elsewhere: {counts['test_with_program_elsewhere']:,} up "
            f"to names, {counts['test_with_behaviour_elsewhere']:,} in behaviour"
        )
    return lines
