"""The rows of validation_epoch_X.json: every held-out program beside what it was decoded to."""

from typing import Any

import numpy as np

from models.ast_autoencoder.data import ProgramDataset
from models.ast_autoencoder.evaluation import Evaluated
from models.ast_autoencoder.language.to_source import ids_to_source
from models.grammar.derivation import PAD_ID


def validation_rows(
    evaluated: Evaluated, dataset: ProgramDataset, sources: dict[int, str]
) -> list[dict[str, Any]]:
    """Return a row for each program, plain values only.

    `decoded` is null for programs that are longer than the decoder may write. Examples are the
    hidden ones; there are none in a data set without examples.

    Args:
        evaluated: the programs.
        dataset: where they come from.
        sources: text of programs by their position in the data set; missing ones are added.
    """
    rows = []
    for number, place in enumerate(evaluated.rows.tolist()):
        if place not in sources:
            ids = np.asarray(dataset.ids[place])
            sources[place] = ids_to_source(ids[ids != PAD_ID].tolist())
        source = sources[place]
        exact = bool(evaluated.exact[number])
        compiled = evaluated.compiled.get(number)
        is_decoded = number < len(evaluated.decoded.ids)
        decoded = None if not is_decoded else source if compiled is None else compiled.source
        row: dict[str, Any] = {
            "row": place,
            "source": source,
            "decoded": decoded,
            "exact": exact,
            "similarity": round(float(evaluated.similarity[number]), 4),
            "compiles": is_decoded and (compiled is None or compiled.compiles),
        }
        if is_decoded:
            row["loss"] = round(float(evaluated.decoded.nats[number]), 4)
        if number < len(evaluated.passed):
            passed = evaluated.passed[number]
            row |= {"examples": len(passed), "examples_passed": int(passed.sum())}
        rows.append(row)
    return rows
