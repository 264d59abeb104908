"""Lesson 10's character model of molecules, trained longer than a lesson can: what becomes valid,
and what is still new.

Also asks RDKit once for what the lesson needs where RDKit is missing: spellings, verdicts and
drawings.
"""

from __future__ import annotations

import itertools
import json

import numpy as np

from course_utils import data, runtime
from course_utils.lesson10 import chemistry
from course_utils.lesson10.taught import (
    SmilesModel,
    add_carbon,
    encode_smiles,
    molecule_report,
    train_smiles,
    write_smiles,
)

EPOCHS, TEMPERATURES = (1, 2, 4, 6, 9, 13, 18, 24), (0.6, 0.8, 1.0)
# after which epoch and at which temperature the strings were written that come with the course
SHIPPED = 9, 0.7


def run() -> dict[str, object]:
    """Rates (epochs, temperatures) of 300 strings each; 500 strings and what RDKit says of them;
    twelve drawings.
    """
    known, alphabet = data.molecules(), ["\n", *sorted(set("".join(data.molecules())))]
    runtime.seed_all(0)
    model, rates, found, epochs = SmilesModel(len(alphabet)), [], {}, itertools.count(1)

    def measure(model: SmilesModel) -> None:
        epoch = next(epochs)
        if epoch in EPOCHS:
            written = {t: write_smiles(model, 300, t, alphabet) for t in TEMPERATURES}
            rates.append([list(molecule_report(written[t], known).values()) for t in TEMPERATURES])
            print(epoch, np.round(rates[-1], 2).tolist(), flush=True)
        if epoch == SHIPPED[0]:
            found.update(shipped(write_smiles(model, 500, SHIPPED[1], alphabet), known))

    train_smiles(model, encode_smiles(known, alphabet), EPOCHS[-1], measure)
    valid, unique, novel = np.moveaxis(np.array(rates), -1, 0)
    return {
        "epochs": EPOCHS,
        "temperatures": TEMPERATURES,
        "valid": valid,
        "unique": unique,
        "novel": novel,
        **found,
        **spellings(known),
        "carbon": carbon(known),
    }


def shipped(written: list[str], known: list[str]) -> dict[str, object]:
    """The strings, their canonical spellings ("" where there is none), twelve new molecules laid
    out, and the eight of highest QED.
    """
    canonical = [chemistry.canonical(text) or "" for text in written]
    new = sorted({c for c in canonical if c} - set(known), key=len)
    drawn = new[len(new) // 2 :][:12]
    return {
        "samples": written,
        "canonical": canonical,
        "drawn": drawn,
        "layouts": json.dumps([chemistry.layout(c) for c in drawn], separators=(",", ":")),
        "best": json.dumps(chemistry.best(written, known, 8), separators=(",", ":")),
    }


def carbon(known: list[str]) -> list[str]:
    """Every thirteenth molecule with one more carbon: what is canonical then."""
    rng = np.random.default_rng(0)
    return [add_carbon(text, rng) for text in known[::13]]


def spellings(known: list[str], molecules: int = 80, each: int = 3) -> dict[str, object]:
    """Several spellings of some of the training molecules, for the check of Exercise 10.2."""
    from rdkit import Chem

    rng = np.random.default_rng(0)
    rows, spelt = [], []
    for i in rng.permutation(len(known)):
        molecule = Chem.MolFromSmiles(known[i])
        others = set(Chem.MolToRandomSmilesVect(molecule, 40, randomSeed=1)) - {known[i]}
        others = sorted(text for text in others if chemistry.canonical(text) == known[i])  # type: ignore[assignment]
        if len(others) >= each and len(known[i]) < 30:
            rows.append(others[:each])  # type: ignore[index]
            spelt.append(known[i])
        if len(rows) == molecules:
            break
    return {"spellings": rows, "spelt": spelt}
