"""The little organ."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from course_utils import audio

CHORD = np.tile([72, 67, 64, 48], (16, 1))
LARGEST = 600_000  # bytes of four bars


def loudest_frequency(sound: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.fft.rfftfreq(len(sound), 1 / rate)[spectrum.argmax()])


def test_sound_is_finite_unclipped_and_repeatable():
    sound, rate = audio.synthesize(CHORD)
    assert rate == 22050 and sound.dtype == np.float32 and sound.ndim == 1
    assert np.isfinite(sound).all() and 0.5 < np.abs(sound).max() <= 1
    assert np.array_equal(sound, audio.synthesize(CHORD)[0])


@pytest.mark.parametrize("pitch, frequency", [(69, 440.0), (57, 220.0), (81, 880.0)])
def test_pitch_is_right(pitch, frequency):
    sound, rate = audio.synthesize(np.full((16, 1), pitch))
    assert loudest_frequency(sound[:rate], rate) == pytest.approx(frequency, rel=0.01)


def test_high_notes_bring_no_false_tones():
    rate = 8000
    # 2637 Hz: its overtones lie above half the rate
    sound, _ = audio.synthesize(np.full((32, 1), 100), rate=rate)
    spectrum = np.abs(np.fft.rfft(sound[rate // 4 : rate]))
    frequencies = np.fft.rfftfreq(rate - rate // 4, 1 / rate)
    assert spectrum[np.abs(frequencies - 2637) > 60].max() < 0.02 * spectrum.max()


def test_it_lasts_as_long_as_the_tempo_says():
    slow, fast = (len(audio.synthesize(CHORD, bpm=bpm)[0]) for bpm in (60, 120))
    assert slow - fast == pytest.approx(2 * 22050, abs=2)  # four quarters: four seconds or two


def test_nothing_clicks():
    melody = np.repeat([[60], [67], [62], [-1], [72], [72]], 4, axis=0)
    sound, rate = audio.synthesize(melody, onsets=np.arange(24)[:, None] % 4 == 0)
    assert abs(sound[0]) < 1e-3 and abs(sound[-1]) < 1e-3
    # a click is energy at every frequency: above the highest overtone, 8 x 523 Hz, there must be
    # next to none
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    high = np.fft.rfftfreq(len(sound), 1 / rate) > 5500
    assert spectrum[high].sum() < 1e-6 * spectrum.sum()


def test_held_notes_are_held_and_struck_ones_struck():
    held, _ = audio.synthesize(CHORD)
    onsets = np.zeros(CHORD.shape, bool)
    onsets[[0, 8]] = True
    struck, _ = audio.synthesize(CHORD, onsets=onsets)
    assert not np.allclose(held, struck)
    assert audio.spans(CHORD[:, 0], onsets[:, 0]) == [(0, 8), (8, 16)]
    assert audio.spans(np.array([60, 60, -1, -1, 62]), np.zeros(5, bool)) == [(0, 2), (4, 5)]


def test_silence_and_nothing():
    for notes in (np.full((4, 2), -1), np.zeros((0, 4), int)):
        sound, _ = audio.synthesize(notes)
        assert len(sound) and not sound.any()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"notes": [60, 62]}, "shape"),
        ({"notes": [[np.nan]]}, "numbers"),
        ({"notes": [[200]]}, "127"),
        ({"notes": CHORD, "bpm": 0}, "bpm"),
        ({"notes": CHORD, "rate": -1}, "rate"),
        ({"notes": CHORD, "onsets": np.zeros((2, 4))}, "onsets"),
    ],
)
def test_errors_name_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        audio.synthesize(**arguments)


def test_player():
    sound = audio.player(np.tile(CHORD, (4, 1)), alt='a "C major" chord')
    assert len(sound.data) <= LARGEST and len(sound._repr_html_()) <= LARGEST
    assert 'aria-label="a &quot;C major&quot; chord"' in sound._repr_html_() and "C major" in repr(
        sound
    )
    with wave.open(io.BytesIO(sound.data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000)
    with pytest.raises(ValueError, match="alt"):
        audio.player(CHORD, alt=" ")
