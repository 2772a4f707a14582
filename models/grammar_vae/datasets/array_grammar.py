"""Finds the grammar of derivations on disk and checks ids and masks against it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import UserError
from models.grammar.derivation import check_ids
from models.grammar.grammar import Grammar, begins_with, load_grammar
from models.grammar.masks import check_masks, tables
from models.grammar_vae.datasets.files import DatasetFiles
from models.grammar_vae.datasets.mask_table import MaskTable, mask_table
from models.grammar_vae.datasets.reading import read_array


@dataclass(frozen=True, kw_only=True)
class ArraySource:
    """Where derivations come from: the ids, the masks where given, the metadata, the setting.

    `grammar` is a setting (a name or a file), or the grammar of the model that takes the rows.
    """

    files: DatasetFiles
    prod: Path
    masks: Path | None
    grammar: str | Grammar | None
    meta: Mapping[str, Any]


def find_grammar(ids: np.ndarray, source: ArraySource) -> Grammar | MaskTable:
    """Return the grammar of the metadata, else of the setting, else the table of the masks.

    A model's grammar goes before all: then the rows must be in it.

    Raises:
        UserError: Ids are no derivations of the grammar, masks disagree with it, metadata and
            setting contradict each other, or there is neither grammar nor masks.
    """
    packed = None if source.masks is None else read_array(source.masks)
    grammar = _known_grammar(source)
    if grammar is None:
        _check_padding(ids, source.prod)
        return _table_of_masks(ids, packed, source)
    _check_ids(ids, grammar, source)
    if packed is not None:
        try:
            check_masks(ids, packed, tables(grammar))
        except UserError as error:
            raise UserError(f"{source.masks}: {error}") from error
    return grammar


def _known_grammar(source: ArraySource) -> Grammar | None:
    """Return the grammar of the metadata or of the setting, which must not contradict it."""
    if isinstance(source.grammar, Grammar):
        return _models_grammar(source.grammar, source)
    chosen = None if source.grammar is None else load_grammar(source.grammar)
    if source.meta.get("grammar") is None:
        return chosen
    own = Grammar.from_mapping(source.meta["grammar"], str(source.files.meta))
    if chosen is not None and chosen.digest != own.digest:
        raise UserError(
            f"grammar ({source.grammar}) is not the grammar in {source.files.meta} ({own.name}): "
            "remove the setting, or tokenise the text again with the grammar you want"
        )
    return own


def _models_grammar(grammar: Grammar, source: ArraySource) -> Grammar:
    """Return a model's grammar if the metadata name the same, or one that goes on behind it."""
    stored = source.meta.get("grammar")
    own = grammar if stored is None else Grammar.from_mapping(stored, str(source.files.meta))
    if not begins_with(own, grammar):
        raise UserError(
            f"{source.prod}: these rows are not in the model's grammar: give rows of the data "
            "that the model was trained on"
        )
    return grammar


def _check_ids(ids: np.ndarray, grammar: Grammar, source: ArraySource) -> None:
    stated = source.meta.get("P", grammar.num_productions)
    # A model that was trained on masks may know less than all productions.
    if stated != grammar.num_productions and not isinstance(source.grammar, Grammar):
        raise UserError(
            f"{source.files.meta} says P = {stated}, but the grammar {grammar.name} has "
            f"{grammar.num_productions} productions: give the grammar these ids were made with"
        )
    try:
        check_ids(ids, grammar)
    except UserError as error:
        raise UserError(f"{source.prod}: {error}") from error


def _table_of_masks(ids: np.ndarray, packed: np.ndarray | None, source: ArraySource) -> MaskTable:
    if packed is None:
        neighbour = source.files.masks
        beside = f" ({neighbour})" if neighbour.is_file() else ""
        raise UserError(
            f"the grammar of {source.prod} is unknown, as no metadata beside it hold it: pass "
            "grammar (a built-in name or a YAML file), or "
            f"masks{beside} to train without a grammar"
        )
    try:
        return mask_table(ids, packed, source.meta.get("P"))
    except UserError as error:
        raise UserError(f"{source.masks}: {error}") from error


def _check_padding(ids: np.ndarray, path: Path) -> None:
    """Check without a grammar that rows are not empty and that -1 stands at their end only."""
    real = ids >= 0
    lengths = real.sum(axis=1)
    wrong = (real != (np.arange(ids.shape[1]) < lengths[:, None])) | (ids < -1)
    wrong[:, 0] |= lengths == 0
    if wrong.any():
        row, step = np.argwhere(wrong)[0]
        raise UserError(
            f"{path}: row {row}, step {step} holds {ids[row, step]}: rows start with a production "
            "and are padded with -1 at the end only; write the ids again"
        )
