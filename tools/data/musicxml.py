"""Four-part chorales out of compressed MusicXML, with the standard library and NumPy.

Time is counted in sixteenths. A note shorter than a sixteenth (five in all of Bach's chorales)
gives way to the next.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
REST = -1


class Piece(NamedTuple):
    """A chorale of T sixteenths; voices in the order soprano, alto, tenor, bass."""

    name: str  # catalog number, such as "bwv101.7"
    notes: np.ndarray  # (T, 4) MIDI pitch, REST where a voice is silent
    onsets: np.ndarray  # (T, 4) bool, true where a note is struck and not held
    fermatas: np.ndarray  # (T,) bool, true under a fermata of the soprano: the end of a phrase
    fifths: int  # sharps of the key signature, flats are negative
    minor: bool  # the mode the score states
    bar: int  # sixteenths in a bar
    pickup: int  # sixteenths before the first bar line, 0 if the piece begins on a full bar


class Note(NamedTuple):
    """A note of one voice; a tied one counts as not struck."""

    start: int  # sixteenths from the beginning
    end: int
    pitch: int  # MIDI number
    struck: bool
    fermata: bool


def catalog_order(path: Path) -> list[tuple[int, str]]:
    """A sorting key which puts bwv9.7 before bwv10.7."""
    return [(int(number or 0), letters) for number, letters in re.findall(r"(\d*)(\D*)", path.stem)]


def read_chorale(path: Path) -> Piece | None:
    """The piece in an .mxl file, or None unless it has four voices and marks its phrase ends with
    fermatas.
    """
    with zipfile.ZipFile(path) as archive:
        scores = [
            name
            for name in archive.namelist()
            if name.endswith((".xml", ".musicxml")) and not name.startswith("META-INF")
        ]
        root = ET.fromstring(archive.read(scores[0]))
    voices = [list(notes_of(part)) for part in root.findall("part")]
    if len(voices) != 4 or not any(note.fermata for note in voices[0]):
        return None
    bar = 16 * number(root, ".//time/beats") // number(root, ".//time/beat-type")
    first = length(root.findall("part/measure")[0], root)
    return Piece(
        path.stem,
        *grids(voices),
        fifths=number(root, ".//key/fifths"),
        minor=root.findtext(".//key/mode") == "minor",
        bar=bar,
        pickup=first % bar,
    )


def number(element: ET.Element, path: str, default: str = "") -> int:
    """The whole number that stands below an element. Raises ValueError if there is none."""
    return int(element.findtext(path, default))


def length(measure: ET.Element, root: ET.Element) -> int:
    """Sixteenths in one measure of one voice."""
    per_quarter = number(root, ".//divisions")
    ticks = sum(number(event, "duration") for event in measure if event.tag in ("note", "forward"))
    return 4 * ticks // per_quarter


def notes_of(part: ET.Element) -> Iterator[Note]:
    """The notes of one voice in order. Grace notes, which take no time, are left out."""
    now = 0.0
    per_quarter = 1
    for event in part.iterfind("measure/*"):
        if event.tag == "attributes":
            per_quarter = number(event, "divisions", str(per_quarter))
        if event.tag not in ("note", "forward") or event.find("grace") is not None:
            continue
        start, now = now, now + 4 * number(event, "duration") / per_quarter
        pitch = event.find("pitch")
        if pitch is not None:
            struck = all(tie.get("type") != "stop" for tie in event.iterfind("tie"))
            yield Note(
                int(start),
                int(now),
                midi(pitch),
                struck,
                event.find("notations/fermata") is not None,
            )


def midi(pitch: ET.Element) -> int:
    """MIDI number of a <pitch>: middle C is 60."""
    return (
        12 * (number(pitch, "octave") + 1)
        + SEMITONES[pitch.findtext("step", "")]
        + number(pitch, "alter", "0")
    )


def grids(voices: list[list[Note]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Notes (T, 4), onsets (T, 4) and fermatas (T,) of four voices, T the end of the longest."""
    steps = max(note.end for voice in voices for note in voice)
    notes = np.full((steps, 4), REST)
    onsets, fermatas = np.zeros((steps, 4), bool), np.zeros(steps, bool)
    for column, voice in enumerate(voices):
        for note in voice:
            notes[note.start : note.end, column] = note.pitch
            onsets[note.start : note.start + (note.end > note.start), column] |= note.struck
            fermatas[note.start : note.end] |= note.fermata and column == 0
    # one score ties two different pitches
    onsets[1:] |= (notes[1:] != notes[:-1]) & (notes[1:] != REST)
    return notes, onsets, fermatas
