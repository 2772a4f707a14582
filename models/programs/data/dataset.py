"""Programs with their split, examples and names, as arrays that processes can share."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.programs.data.examples import NUM_VISIBLE, text_to_examples
from models.programs.data.program_digest import program_digest
from models.programs.data.splits import (
    VAL_SHARE,
    hold_out,
    split_classes,
    twin_classes,
    twin_counts,
)
from models.programs.data.text_column import TextColumn
from models.programs.execution.example_text import Example
from models.programs.language.kinds import language
from models.programs.language.program import Program
from models.programs.language.versions import oldest_version


@dataclass(frozen=True, kw_only=True)
class ProgramRecord:
    """One program on its way into a data set.

    Args:
        program: its derivation and, if it has some, its real names.
        behaviour: digest of what it does on the probes of its signature.
        examples_text: visible examples, then hidden ones, as JSON.
        source: where it comes from, for people; "" for generated ones.
    """

    program: Program
    behaviour: int
    examples_text: str
    source: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class ProgramDataset:
    """N programs; the arrays are shared between processes, so only read them.

    Args:
        name: for people; not part of the digest.
        ids: int16 (N, T), production ids padded at the end with -1.
        lengths: int32 (N,), real steps of each.
        train: int64, rows to train on, ascending.
        val: int64, rows to validate on, ascending.
        test: int64, rows held out until a run has ended, ascending; none in most data sets.
        behaviours: uint64 (N,), digest of what each does on the probes of its signature.
        examples: of each as JSON, `[[[input, ...], output], ...]`, the visible ones first.
        names: of each as JSON, "" for programs that never had names.
        digest: SHA-256 over programs, split, examples and language.
    """

    name: str
    ids: NDArray[np.int16]
    lengths: NDArray[np.int32]
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    behaviours: NDArray[np.uint64]
    examples: TextColumn
    names: TextColumn
    digest: str

    @property
    def num_rows(self) -> int:
        """Number of programs, whatever their part of the split."""
        return len(self.ids)

    @property
    def has_examples(self) -> bool:
        """Whether programs have examples."""
        return len(self.examples.text) > 0

    def hidden_examples(self, row: int) -> list[Example]:
        """Return the examples by which what a model writes is judged; they are read once."""
        if row not in self._hidden:
            self._hidden[row] = text_to_examples(self.examples[row])[NUM_VISIBLE:]
        return self._hidden[row]

    @cached_property
    def _hidden(self) -> dict[int, list[Example]]:
        return {}

    def program(self, row: int) -> Program:
        """Return a program with its real names, if it has some."""
        ids = self.ids[row, : self.lengths[row]]
        text = self.names[row]
        names: dict[str, Any] = json.loads(text) if text else {}
        return Program(
            ids=tuple(ids.tolist()),
            name=names.get("name", "program"),
            names=tuple(names.get("names", ())),
        )

    def program_digests(self) -> NDArray[np.uint64]:
        """Return uint64 (N,), the same for programs that are the same up to names."""
        return _digests(self.ids, self.lengths)

    def twin_counts(self) -> dict[str, int]:
        """Count twins, in all and across the split; those of test programs where there are some."""
        classes = twin_classes(self.program_digests(), self.behaviours)
        counts = twin_counts(classes, self.train, self.val)
        skeletons = _digests(without_constants(self.ids), self.lengths)
        shared = np.isin(skeletons[self.val], skeletons[self.train])
        counts["val_with_skeleton_in_train"] = int(shared.sum())
        if len(self.test):
            others = np.concatenate([self.train, self.val])
            for name in ("program", "behaviour"):
                digests = getattr(classes, f"{name}s")
                shared = np.isin(digests[self.test], digests[others])
                counts[f"test_with_{name}_elsewhere"] = int(shared.sum())
        return counts


def dataset_of(
    records: Sequence[ProgramRecord],
    name: str,
    test_share: float = 0.0,
    val_share: float = VAL_SHARE,
) -> ProgramDataset:
    """Return programs as a data set, split by classes of twins.

    Args:
        records: the programs.
        name: of the data set.
        test_share: of the programs, held out of training.
        val_share: of the programs, for validation.

    Raises:
        UserError: there are no two programs that differ, or too few for a test part.
    """
    lengths = np.array([len(record.program.ids) for record in records], dtype=np.int32)
    ids = np.full((len(records), int(lengths.max(initial=0))), -1, dtype=np.int16)
    for row, record in enumerate(records):
        ids[row, : lengths[row]] = record.program.ids
    behaviours = np.array([record.behaviour for record in records], dtype=np.uint64)
    programs = np.array([program_digest(r.program.ids) for r in records], dtype=np.uint64)
    classes = twin_classes(programs, behaviours)
    train, val = split_classes(classes, val_share)
    train, test = hold_out(classes, train, test_share)
    return make_dataset(
        name=name,
        ids=ids,
        train=train,
        val=val,
        test=test,
        behaviours=behaviours,
        examples=TextColumn.of(record.examples_text for record in records),
        names=TextColumn.of(map(_names_text, records)),
    )


def make_dataset(
    *,
    name: str,
    ids: NDArray[np.int16],
    train: NDArray[np.int64],
    val: NDArray[np.int64],
    test: NDArray[np.int64],
    behaviours: NDArray[np.uint64],
    examples: TextColumn,
    names: TextColumn,
) -> ProgramDataset:
    """Put checked arrays together: measures the rows and takes the digest."""
    # Names are not in it: no model sees them.
    content = hashlib.sha256(f"{ids.shape} {oldest_version(int(ids.max(initial=-1)))}".encode())
    # Without a test part the digest is that of versions that knew none.
    tests = (test,) if len(test) else ()
    for array in (ids, train, val, *tests, behaviours, examples.text, examples.starts):
        content.update(f"{array.shape}".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    return ProgramDataset(
        name=name,
        ids=ids,
        lengths=(ids >= 0).sum(axis=1, dtype=np.int32),
        train=train,
        val=val,
        test=test,
        behaviours=behaviours,
        examples=examples,
        names=names,
        digest=content.hexdigest(),
    )


def without_constants(ids: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return derivations with one id for all constants of a type."""
    first: dict[str, int] = {}
    table = [
        kind.id if kind.value is None else first.setdefault(kind.lhs, kind.id)
        for kind in language().kinds
    ]
    return np.array([*table, -1], dtype=np.int16)[ids]


def _digests(ids: NDArray[np.int16], lengths: NDArray[np.int32]) -> NDArray[np.uint64]:
    rows = zip(ids.tolist(), lengths.tolist(), strict=True)
    return np.array([program_digest(row[:length]) for row, length in rows], dtype=np.uint64)


def _names_text(record: ProgramRecord) -> str:
    program = record.program
    if not (program.names or record.source):
        return ""
    content = {"name": program.name, "names": list(program.names), "source": record.source}
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
