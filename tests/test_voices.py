"""What lesson 08 counts in four voices, on chords that can be checked by hand."""

import numpy as np
import pytest

from course_utils import data
from course_utils.lesson08 import voices

C_MAJOR = [72, 67, 64, 48]


def test_bach_is_split_by_tunes_and_windows_are_four_bars():
    parts = voices.bach()
    assert len(parts["training"]) + len(parts["held out"]) == len(
        [piece for piece in data.chorale_scores() if piece.bar == 16]
    )
    known, held_out = (
        set().union(*(voices.stretches(notes[:, 0], 12) for notes in parts[part]))
        for part in ("training", "held out")
    )
    assert known and held_out and not known & held_out
    assert voices.windows(parts["held out"]).shape[1:] == (16, 4)


def test_pieces_that_share_three_bars_are_one_tune_also_by_way_of_a_third():
    rng = np.random.default_rng(0)
    first, second, other = (rng.integers(60, 80, (40, 4)) for _ in range(3))
    medley = np.concatenate([first[-12:] + 5, second[:12]])  # in another key
    assert voices.by_tune([first, second, other, medley]) == [[0, 1, 3], [2]]


def test_chords_become_tokens_and_come_back():
    chords = voices.windows(voices.bach()["held out"])[:5]
    tokens = voices.as_tokens(chords)
    assert tokens.shape == (5, 65) and (tokens[:, 0] == 1).all() and tokens[:, 1:].min() >= 2
    assert np.array_equal(voices.as_chords(tokens), chords)


@pytest.mark.parametrize(
    ("beat", "crossed", "chord"),
    [(C_MAJOR, 0, 1), ([67, 72, 64, 48], 1, 1), ([72, 66, 65, 48], 0, 0), ([71, 67, 65, 55], 0, 1)],
)
def test_crossings_and_chords_of_one_beat(beat, crossed, chord):
    notes = np.array([beat])
    assert voices.crossings(notes) == crossed and voices.chords(notes) == chord


def test_a_scale_is_in_key_and_a_transposed_stretch_is_the_same():
    scale = 60 + np.array([0, 2, 4, 5, 7, 9, 11, 12])
    assert voices.in_key(scale) == voices.in_key(scale + 3) == 1
    assert voices.in_key(np.arange(60, 72)) == pytest.approx(7 / 12)
    assert (
        voices.stretches(scale) == voices.stretches(scale + 5) and len(voices.stretches(scale)) == 1
    )
