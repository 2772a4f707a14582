"""What MOSES (Polykovskiy et al. 2020, section 4) measures of molecules beside the data's own.

Needs RDKit; the Frechet ChemNet distance needs `fcd_torch`, too, and is left out without it. Ring
sizes are no metric of theirs: its filters take no ring of eight atoms or more.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import wasserstein_distance

FILTERS = ("mcf.csv", "wehi_pains.csv")
"""Files of the wheel: structures that no drug should hold."""
_ATOMS = {"C", "N", "S", "O", "F", "Cl", "Br", "H"}
_LARGEST_RING = 7


def molecule_facts(text: str, folder: Path) -> dict[str, float] | None:
    """Return what is told of one molecule by itself, or None of what RDKit refuses.

    Args:
        text: SMILES.
        folder: holds FILTERS.
    """
    from rdkit import Chem, RDLogger
    from rdkit.Chem import QED, Crippen, Descriptors

    RDLogger.DisableLog("rdApp.*")
    molecule = Chem.MolFromSmiles(text)
    if molecule is None:
        return None
    odd = any(not 3 <= len(ring) <= _LARGEST_RING for ring in molecule.GetRingInfo().AtomRings())
    hydrogens = Chem.AddHs(molecule)
    atoms = list(molecule.GetAtoms())
    passes = (
        not odd
        and all(atom.GetSymbol() in _ATOMS and not atom.GetFormalCharge() for atom in atoms)
        and not any(map(hydrogens.HasSubstructMatch, _filters(folder)))
    )
    return {
        "odd rings": odd,
        "filters": passes,
        "logP": Crippen.MolLogP(molecule),
        "QED": QED.qed(molecule),
        "weight": Descriptors.MolWt(molecule),
    }


@cache
def _filters(folder: Path) -> list[Any]:
    from rdkit import Chem

    found = []
    for name in FILTERS:
        with (folder / name).open(encoding="utf-8") as file:
            rows = list(csv.reader(file))
        found += [row[1] for row in rows[1:]] if name == FILTERS[0] else [row[0] for row in rows]
    return [Chem.MolFromSmarts(smarts.strip()) for smarts in found]


def compared(
    samples: Sequence[Mapping[str, float]], reference: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Return shares and distances of samples' properties from those of test molecules."""
    found = {name: float(np.mean([s[name] for s in samples])) for name in ("odd rings", "filters")}
    for name in ("logP", "QED", "weight"):
        sides = [[one[name] for one in part] for part in (samples, reference)]
        found[f"mean {name}"] = float(np.mean(sides[0]))
        found[f"{name}, Wasserstein"] = float(wasserstein_distance(*sides))
    return found


def chemnet_distance(samples: Sequence[str], reference: Sequence[str]) -> float | None:
    """Return the Frechet ChemNet distance, or None without `fcd_torch`."""
    if find_spec("fcd_torch") is None:
        return None
    from fcd_torch import FCD  # pyright: ignore[reportMissingImports]

    distance: Callable[..., float] = FCD(device="cpu", n_jobs=1)
    return float(distance(list(samples), list(reference)))
