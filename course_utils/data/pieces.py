"""Sequences: Bach's chorales and small molecules."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import bundled


class Chorale(NamedTuple):
    """A chorale of T sixteenths; voices in the order soprano, alto, tenor, bass."""

    name: str  # catalog number, such as "bwv101.7"
    notes: np.ndarray  # (T, 4) int64 MIDI pitch, -1 where a voice is silent
    onsets: np.ndarray  # (T, 4) bool, true where a note is struck and not held
    fermatas: np.ndarray  # (T,) bool, true under a fermata of the soprano: the end of a phrase
    fifths: int  # sharps of the key signature, flats are negative
    minor: bool  # the mode the score states; modal tunes are filed under one of the two
    bar: int  # sixteenths in a bar
    pickup: int  # sixteenths before the first bar line


def chorale_scores() -> list[Chorale]:
    """All 363 four-part chorales with onsets, phrase ends, key and meter; fresh arrays. See
    card("chorales").
    """
    content = bundled.arrays("chorales.npz")
    starts = np.r_[0, content["ends"][:-1]]
    pieces = [slice(start, end) for start, end in zip(starts, content["ends"], strict=True)]
    return [
        Chorale(
            content["names"][index].decode(),
            content["notes"][piece].astype(np.int64),
            content["onsets"][piece].copy(),
            content["fermatas"][piece].copy(),
            int(content["fifths"][index]),
            bool(content["minor"][index]),
            int(content["bar"][index]),
            int(content["pickup"][index]),
        )
        for index, piece in enumerate(pieces)
    ]


def chorales() -> list[np.ndarray]:
    """The notes of all 363 four-part chorales: (T, 4) int64 MIDI pitches each, one row a sixteenth,
    -1 for a rest.

    Columns are soprano, alto, tenor, bass; fresh arrays in catalog order. Where a pitch is
    repeated, `notes` alone cannot tell it from a held one: `chorale_scores` can. See
    card("chorales").
    """
    return [piece.notes for piece in chorale_scores()]


def molecules() -> list[str]:
    """4,047 small molecules as canonical SMILES strings, 26 different characters. See
    card("molecules").
    """
    return bundled.find("molecules.smi").read_text(encoding="ascii").splitlines()
