"""Chorales of Bach's as one chord per beat, and what can be counted in four voices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils import data

if TYPE_CHECKING:
    from torch import Tensor

LOWEST, HIGHEST = 33, 88  # pitches that are tokens, A1 to E6
BEATS = 16  # beats in a window of four bars
SHARED = 12  # beats of melody that make two pieces settings of one tune
RANGES = np.array([(60, 81), (53, 74), (48, 69), (36, 64)])  # of the four voices, as choirs sing
SCALE = (0, 2, 4, 5, 7, 9, 11)
# semitones above the root: triads and seventh chords
CHORDS = (
    (0, 4, 7),
    (0, 3, 7),
    (0, 3, 6),
    (0, 4, 7, 10),
    (0, 3, 7, 10),
    (0, 4, 7, 11),
    (0, 3, 6, 10),
)


def bach() -> dict[str, list[np.ndarray]]:
    """Chorales in 4/4, each (beats, 4) in MIDI pitch, "training" and "held out": one tune in ten is
    held out, with all its settings.
    """
    pieces = [beats_of(piece) for piece in data.chorale_scores() if piece.bar == 16]
    parts: dict[str, list[np.ndarray]] = {"training": [], "held out": []}
    for number, members in enumerate(by_tune(pieces)):
        parts["training" if number % 10 else "held out"].extend(pieces[i] for i in members)
    return parts


def by_tune(pieces: list[np.ndarray]) -> list[list[int]]:
    """The numbers of the pieces (beats, 4), grouped: no two groups share three bars of melody.

    A setting may fill in a passing note or leave out a line, so beginnings alone do not tell.
    """
    groups: list[tuple[list[int], set[tuple[int, ...]]]] = []
    for i, piece in enumerate(pieces):
        melody = stretches(piece[:, 0], SHARED)
        same = [group for group in groups if group[1] & melody]
        groups = [group for group in groups if not group[1] & melody]
        members = sorted([i, *(j for group in same for j in group[0])])
        groups.append((members, melody.union(*(group[1] for group in same))))
    return sorted(members for members, _ in groups)


def beats_of(piece: Any) -> np.ndarray:
    """One chord per beat, transposed to no sharps or flats; a rest takes the note before it."""
    notes = piece.notes[piece.pickup % piece.bar :: 4].copy()  # from the first bar line
    for t in range(1, len(notes)):
        notes[t] = np.where(notes[t] < 0, notes[t - 1], notes[t])
    return notes + (-7 * piece.fifths + 5) % 12 - 5


def windows(pieces: list[np.ndarray]) -> np.ndarray:
    """Windows of four bars, one from each bar on: (N, 16, 4)."""
    return np.stack(
        [notes[t : t + BEATS] for notes in pieces for t in range(0, len(notes) - BEATS + 1, 4)]
    )


def as_tokens(chords: np.ndarray) -> Tensor:
    """Chords (N, beats, 4) -> tokens (N, 1 + 4 * beats): 1 to start, then pitches from 2 on."""
    import torch

    pitches = np.clip(chords.reshape(len(chords), -1), LOWEST, HIGHEST) - LOWEST + 2
    return torch.tensor(np.pad(pitches, ((0, 0), (1, 0)), constant_values=1))


def as_chords(tokens: Tensor) -> np.ndarray:
    """Tokens (N, 1 + 4 * beats) from a start on -> chords (N, beats, 4) in MIDI pitch."""
    pitches = tokens[:, 1:].cpu().numpy() + LOWEST - 2
    return pitches.reshape(len(pitches), -1, 4)


def in_key(melody: np.ndarray) -> float:
    """Share of the notes (T,) in the seven-tone scale that holds most of them."""
    classes = np.bincount(melody % 12, minlength=12)
    return max(classes[np.add(SCALE, tonic) % 12].sum() for tonic in range(12)) / len(melody)


def crossings(notes: np.ndarray) -> int:
    """How often a voice is above the next higher one, in (beats, 4)."""
    return int((np.diff(notes, axis=1) > 0).sum())


def chords(notes: np.ndarray) -> float:
    """Share of the beats (beats, 4) whose pitches all belong to one triad or seventh chord."""
    return float(np.mean([_is_chord(frozenset(int(p) % 12 for p in beat)) for beat in notes]))


def _is_chord(classes: frozenset[int]) -> bool:
    return any(
        classes <= {(root + step) % 12 for step in chord} for root in range(12) for chord in CHORDS
    )


def stretches(melody: np.ndarray, length: int = 8) -> set[tuple[int, ...]]:
    """All stretches of so many notes, as steps, so that a transposed copy counts as one."""
    return {tuple(np.diff(melody[t : t + length])) for t in range(len(melody) - length + 1)}
