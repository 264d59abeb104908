"""What can be counted about a chorale, to tell good ones from bad. All functions take notes (T, 4)
at eighths.
"""

from __future__ import annotations

import numpy as np

from course_utils.data import Chorale

PAIRS = [(high, low) for low in range(4) for high in range(low)]
MAJOR_SCALE = [0, 2, 4, 5, 7, 9, 11]
DISSONANT = [1, 2, 6, 10, 11]  # semitones: seconds, tritone, sevenths
PERFECT = [0, 7]  # unisons, octaves, fifths


def tune(piece: Chorale) -> tuple[int, ...]:
    """What identifies a melody in any key: the soprano's first eight intervals, in semitones."""
    sung = piece.notes[piece.onsets[:, 0], 0]
    return tuple(np.diff(sung)[:8].tolist())


def in_key(notes: np.ndarray) -> float:
    """Share of the notes in the seven-tone scale that holds most of them."""
    classes = np.bincount(notes.ravel() % 12, minlength=12)
    return max(np.roll(classes, -tonic)[MAJOR_SCALE].sum() for tonic in range(12)) / classes.sum()


def dissonance(notes: np.ndarray) -> float:
    """Share of simultaneous pairs of notes a second, a tritone or a seventh apart."""
    return float(
        np.mean([np.isin((notes[:, high] - notes[:, low]) % 12, DISSONANT) for high, low in PAIRS])
    )


def parallels(notes: np.ndarray) -> float:
    """Among moves of two voices from beat to beat, the share from a fifth or an octave into the
    same one again.
    """
    beats = notes[::2]
    found = moves = 0
    for high, low in PAIRS:
        interval = (beats[:, high] - beats[:, low]) % 12
        both = (np.diff(beats[:, high]) != 0) & (np.diff(beats[:, low]) != 0)
        found += (both & (interval[1:] == interval[:-1]) & np.isin(interval[1:], PERFECT)).sum()
        moves += both.sum()
    return float(found / max(moves, 1))


def crossings(notes: np.ndarray) -> float:
    """Share of neighboring voices that have changed places."""
    return float((np.diff(notes, axis=1) > 0).mean())


def triads(notes: np.ndarray) -> float:
    """Share of beats on which all notes belong to one major or minor triad."""
    chords = [{int(pitch) % 12 for pitch in row} for row in notes[::2]]
    shapes = [
        {(root + step) % 12 for step in shape}
        for root in range(12)
        for shape in ((0, 4, 7), (0, 3, 7))
    ]
    return float(np.mean([any(chord <= shape for shape in shapes) for chord in chords]))


def longest_copies(songs: list[np.ndarray], source: list[np.ndarray], voices: slice) -> list[int]:
    """For each song the length in eighths of the longest stretch of these voices the source has
    too, in any key.
    """
    longest = [0] * len(songs)
    going = set(range(len(songs)))
    length = 0
    while going:
        length += 1
        known = grams(source, length, voices)
        going = {index for index in going if grams([songs[index]], length, voices) & known}
        for index in going:
            longest[index] = length
    return longest


def grams(pieces: list[np.ndarray], length: int, voices: slice) -> set[bytes]:
    """Every stretch of a length, as pitches above the lowest voice's first, so that a moved copy
    counts as one.
    """
    found = set()
    for piece in pieces:
        part = piece[:, voices]
        for start in range(len(part) - length + 1):
            stretch = part[start : start + length]
            found.add((stretch - stretch[0, -1]).astype(np.int8).tobytes())
    return found
