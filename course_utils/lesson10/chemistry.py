"""Molecules as text: is a SMILES string a molecule, which one, and what does it look like?

RDKit answers, where it is installed; it is no part of the course's installation
(`pip install rdkit`). Where it is missing, what it said once about the strings that the course
itself ships is looked up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from copy import copy
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from course_utils import data, plots

INSTALL = (
    "install RDKit with `pip install rdkit` (about 70 MB, once, with a network), restart the"
    " kernel, and run again"
)
# the strings of the lesson's toy case
TOY = {"CCO": "CCO", "OCC": "CCO", "CC": "CC", "C1CC": "", "": ""}
COLORS = {
    "N": plots.DATA,
    "O": plots.MODEL,
    "S": plots.OTHER,
    "F": plots.WRONG,
    "Cl": plots.WRONG,
    "Br": plots.WRONG,
}


def available() -> bool:
    """Whether RDKit is installed, so that any molecule can be read."""
    return find_spec("rdkit") is not None


@cache
def canonical(smiles: str) -> str | None:
    """The one spelling that all SMILES of a molecule share, or None if it is not a molecule.

    Which spelling that is depends on RDKit's version: compare only what this function returned.
    Without RDKit, raises ImportError for strings that the course does not ship. Source: Weininger
    1988; RDKit's MolToSmiles.
    """
    if not available():
        if smiles not in _known():
            raise ImportError(f"{smiles!r} is a string that the course has not seen: {INSTALL}")
        return _known()[smiles] or None
    from rdkit import Chem

    molecule = _read(smiles)
    return Chem.MolToSmiles(molecule) if molecule is not None else None


def layout(smiles: str) -> dict[str, list]:
    """Where to draw the atoms of a molecule: {"atoms": [[label, x, y], …], "bonds": [[i, j,
    order], …]}, in bond lengths. A label is a symbol with its hydrogens and charge, such as NH2 or
    O-; that of a carbon without charge is C.

    Raises ImportError without RDKit, ValueError for a string that is not a molecule.
    """
    if not available():
        raise ImportError(f"to lay out a molecule, {INSTALL}")
    from rdkit.Chem import Kekulize, rdDepictor

    molecule = _read(smiles)
    if molecule is None:
        raise ValueError(f"{smiles!r} is not a molecule: canonical({smiles!r}) is None")
    Kekulize(molecule, clearAromaticFlags=True)
    rdDepictor.Compute2DCoords(molecule)
    places = molecule.GetConformer().GetPositions() / 1.5  # a bond is 1.5 long
    atoms = [
        [_label(a), round(float(x), 2), round(float(y), 2)]
        for a, (x, y, _) in zip(molecule.GetAtoms(), places, strict=True)
    ]
    bonds = [
        [b.GetBeginAtomIdx(), b.GetEndAtomIdx(), int(b.GetBondTypeAsDouble())]
        for b in molecule.GetBonds()
    ]
    return {"atoms": atoms, "bonds": bonds}


def _label(atom: Any) -> str:
    """An atom's symbol, hydrogens and charge, as they are written into a structural formula."""
    symbol, hydrogens, charge = atom.GetSymbol(), atom.GetTotalNumHs(), atom.GetFormalCharge()
    if symbol == "C" and not charge:
        return symbol
    count = "" if hydrogens < 2 else str(hydrogens)
    sign = "" if not charge else ("+" if charge > 0 else "-")
    return symbol + ("H" + count if hydrogens else "") + sign


class CharacterTable:
    """Which character follows the last n - 1, counted; a shorter context helps out where a longer
    one is rare (Witten & Bell 1991).
    """

    def __init__(self, texts: list[str], n: int) -> None:
        self.before = n - 1
        self.alphabet = sorted({"\n"}.union(*texts))
        self.counts: dict[str, np.ndarray] = {}
        number = {character: i for i, character in enumerate(self.alphabet)}
        for text in texts:
            line = "\n" * self.before + text + "\n"
            for i in range(self.before, len(line)):
                for length in range(n):
                    context = line[i - length : i]
                    if context not in self.counts:
                        self.counts[context] = np.zeros(len(number))
                    self.counts[context][number[line[i]]] += 1

    def shortened(self, n: int) -> CharacterTable:
        """The same counts, but of contexts of at most n - 1 characters."""
        table = copy(self)
        table.before = n - 1
        return table

    def probabilities(self, context: str) -> np.ndarray:
        """Of each character of the alphabet after a context of n - 1 characters."""
        p = np.full(len(self.alphabet), 1 / len(self.alphabet))
        for length in range(self.before + 1):
            row = self.counts.get(context[len(context) - length :])
            if row is not None:
                p = (row + np.count_nonzero(row) * p) / (row.sum() + np.count_nonzero(row))
        return p

    def nll(self, text: str) -> float:
        """Mean negative log-likelihood of a character, the end of the line included."""
        line = "\n" * self.before + text + "\n"
        places = range(self.before, len(line))
        return -float(
            np.mean(
                [
                    np.log(
                        self.probabilities(line[i - self.before : i])[self.alphabet.index(line[i])]
                    )
                    for i in places
                ]
            )
        )

    def write(self, rng: np.random.Generator, temperature: float, longest: int = 80) -> str:
        """One string, drawn character by character."""
        line = "\n" * self.before
        for _ in range(longest):
            p = self.probabilities(line[len(line) - self.before :]) ** (1 / temperature)
            line += str(rng.choice(self.alphabet, p=p / p.sum()))
            if line[-1] == "\n":
                break
        return line[self.before :].rstrip("\n")


def profile(smiles: list[str], train: list[str] | tuple[()]) -> tuple[float, float]:
    """Mean QED of the different molecules among the strings that are not in `train`, and their mean
    Tanimoto similarity to the nearest training molecule (Morgan fingerprints of radius 2, 2048
    bits). NaN without RDKit, or with nothing to compare with. Sources: Bickerton et al. 2012;
    Rogers & Hahn 2010.
    """
    if not available():
        return float("nan"), float("nan")
    new = sorted({c for c in map(canonical, smiles) if c} - set(train))
    rows = _rows(new, tuple(train))
    if not rows:
        return float("nan"), float("nan")
    return sum(row[1] for row in rows) / len(rows), sum(row[2] for row in rows) / len(rows)


def matching(smiles: Iterable[str], pattern: str) -> int:
    """How many of the molecules contain a pattern, in SMARTS. Raises ImportError without RDKit."""
    if not available():
        raise ImportError(f"to search in molecules, {INSTALL}")
    from rdkit import Chem

    wanted = Chem.MolFromSmarts(pattern)
    return sum(_read(text).HasSubstructMatch(wanted) for text in smiles)


def best(smiles: list[str], train: list[str], n: int) -> list[dict[str, Any]]:
    """The n new molecules of highest QED: each {"smiles", "qed", "nearest", "layout"}.

    Raises ImportError without RDKit.
    """
    if not available():
        raise ImportError(f"to score molecules, {INSTALL}")
    new = sorted({c for c in map(canonical, smiles) if c} - set(train))
    rows = sorted(_rows(new, tuple(train)), key=lambda row: -row[1])[:n]
    return [
        {"smiles": text, "qed": round(qed, 2), "nearest": round(near, 2), "layout": layout(text)}
        for text, qed, near in rows
    ]


def _rows(new: list[str], train: tuple[str, ...]) -> list[tuple[str, float, float]]:
    """Molecule, QED, similarity to the nearest of `train`."""
    from rdkit.Chem import QED
    from rdkit.DataStructs import BulkTanimotoSimilarity

    known = _fingerprints(train)
    return [
        (
            text,
            float(QED.qed(_read(text))),
            max(BulkTanimotoSimilarity(_fingerprint(text), known)) if known else float("nan"),
        )
        for text in new
    ]


def _fingerprint(smiles: str) -> Any:
    return _generator().GetFingerprint(_read(smiles))


@cache
def _fingerprints(smiles: tuple[str, ...]) -> list[Any]:
    return [_fingerprint(text) for text in smiles]


@cache
def _generator() -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)


def shipped() -> dict[str, Any]:
    """What the long run of `tools/measure/studies/smiles.py` wrote: "samples" (text), "layouts" of
    twelve new molecules, "best" (eight of high QED), "spellings" (rows of text that each name one
    molecule), "carbon" (every thirteenth training molecule with one more carbon), and the rates
    that were measured on the way.
    """
    found: dict[str, Any] = dict(data.study("smiles"))
    for key in ("layouts", "best"):
        found[key] = json.loads(str(found[key]))
    for key in ("samples", "canonical", "drawn", "spellings", "spelt", "carbon"):
        found[key] = found[key].tolist()
    return found


def draw_sheet(sheet: list[dict[str, Any]], title: str) -> None:
    """Structural formulas of what `best` returns, four in a row, with their two numbers."""
    named = "; ".join(f"{m['smiles']}, QED {m['qed']:.2f}" for m in sheet)
    height = 2.5 * -(-len(sheet) // 4)
    fig, axes = plots.figure(
        -(-len(sheet) // 4), 4, size=(10, height), alt=f"Structural formulas: {named}."
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, molecule in zip(axes.flat, sheet, strict=False):  # a short run has fewer
        says = f"QED {molecule['qed']:.2f}, similarity {molecule['nearest']:.2f}"
        draw(molecule["layout"], ax, title=says)
    fig.suptitle(title, fontsize=11)


def draw(plan: dict[str, list], ax: Any = None, *, title: str = "", alt: str | None = None) -> Any:
    """A structural formula from a `layout`: carbon atoms are corners, other atoms letters, double
    bonds two lines, in a ring with the second line inside it. Hydrogens are written on the side of
    an atom that has no bond: HO on the left, OH on the right.
    """
    ax = plots.axes_for(ax, alt, (3, 3))
    places = np.array([atom[1:] for atom in plan["atoms"]], dtype=float)
    for line in _bonds(plan, places):
        ax.plot(*line.T, color="#333333", linewidth=1.3, zorder=1, solid_capstyle="round")
    for i, (label, x, y) in enumerate(plan["atoms"]):
        if label == "C":
            continue
        symbol, hydrogens, sign = _PARTS.fullmatch(label).groups("")  # type: ignore[union-attr]
        away = _free_side(plan, places, i)
        look = {
            "color": COLORS.get(symbol, "black"),
            "weight": "bold",
            "fontsize": 10,
            "va": "center_baseline",
            "textcoords": "offset points",
        }
        box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        charge = rf"$^{{{sign}}}$" if sign else ""
        ax.annotate(symbol + charge, (x, y), (0, 0), ha="center", bbox=box, zorder=2, **look)
        if hydrogens:
            count = re.sub(r"(\d+)", r"$_{\1}$", hydrogens)
            beside = {"right": 5, "left": -5}.get(away, 0) * len(symbol)
            ax.annotate(
                count,
                (x, y),
                (
                    beside + (4 if sign and away == "right" else 0),
                    {"up": 11, "down": -11}.get(away, 0),
                ),
                ha={"right": "left", "left": "right"}.get(away, "center"),
                zorder=3,
                **look,
            )
    middle, half = (places.min(0) + places.max(0)) / 2, np.ptp(places, axis=0).max() / 2 + 0.8
    ax.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    ax.set_aspect("equal")
    ax.axis("off")
    ax.set_title(title, fontsize=9, loc="center")
    return ax


_PARTS = re.compile(r"([A-Z][a-gi-z]?)(H\d*)?([+-])?")  # symbol, hydrogens, charge


def _neighbors(plan: dict[str, list], i: int) -> list[int]:
    return [b if a == i else a for a, b, _ in plan["bonds"] if i in (a, b)]


def _free_side(plan: dict[str, list], places: np.ndarray, i: int) -> str:
    """Where there is most room for an atom's hydrogens: right, left, up or down."""
    sides = {"right": (1, 0), "left": (-1, 0), "down": (0, -1), "up": (0, 1)}
    bonds = [places[k] - places[i] for k in _neighbors(plan, i)]
    nearest = {
        name: max((float(bond @ side) for bond in bonds), default=0.0)
        for name, side in sides.items()
    }
    beside = min(("right", "left"), key=lambda name: nearest[name])
    return beside if nearest[beside] < 0.3 else min(nearest, key=lambda name: nearest[name])


def _bonds(plan: dict[str, list], places: np.ndarray) -> Iterator[np.ndarray]:
    """The lines of all bonds, each from one point to another. (2, 2) each"""
    for i, j, order in plan["bonds"]:
        ends, along = places[[i, j]], places[j] - places[i]
        aside = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
        ring = _ring(plan, i, j) if order == 2 else []
        if ring:
            inside = places[ring].mean(axis=0) - ends.mean(axis=0)
            short = ends + 0.13 * np.array([along, -along])
            yield ends
            yield short + 0.17 * np.sign(inside @ aside) * aside
        else:
            for side in {1: (0,), 2: (-1, 1), 3: (-2, 0, 2)}[order]:
                yield ends + side * 0.09 * aside


def _ring(plan: dict[str, list], i: int, j: int) -> list[int]:
    """The atoms of the smallest ring that bond i, j is part of, of at most eight; [] if of none."""
    paths = [[i]]
    for _ in range(7):
        paths = [
            [*path, k]
            for path in paths
            for k in _neighbors(plan, path[-1])
            if k not in path and (path[-1], k) != (i, j)
        ]
        for path in paths:
            if path[-1] == j:
                return path
    return []


def _read(smiles: str) -> Any:
    """RDKit's molecule, or None, without its messages on the console for strings that are none."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(smiles) if smiles else None


@cache
def _known() -> dict[str, str]:
    """What RDKit said about the strings that the course ships; an empty text where it is no
    molecule.
    """
    found = shipped()
    known = (
        {smiles: smiles for smiles in data.molecules()}
        | dict(zip(found["samples"], found["canonical"], strict=True))
        | {text: text for text in found["carbon"]}
        | TOY
    )
    for row, spelt in zip(found["spellings"], found["spelt"], strict=True):
        known |= dict.fromkeys(row, spelt)
    return known
