"""Turn notes into sound with NumPy alone: a small organ, four voices, no samples."""

from __future__ import annotations

import io
import wave
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from IPython.display import Audio

# loudness of each overtone, soft organ pipes
PARTIALS = np.array([1.0, 0.55, 0.3, 0.22, 0.12, 0.08, 0.05, 0.04])
SPREAD = (1.0, 0.9985)  # two slightly mistuned ranks of pipes, which keep the sound alive
ATTACK, RELEASE = 0.035, 0.09  # seconds
TAIL = 0.9  # seconds in which the last chord fades
# delay in seconds, loudness: a small room
ECHOES = ((0.031, 0.20), (0.057, 0.15), (0.089, 0.10), (0.137, 0.06))
PEAK = 0.9
HIGHEST = 127  # the last MIDI pitch


def synthesize(
    notes: np.ndarray, bpm: float = 84, rate: int = 22050, onsets: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """Play MIDI pitches (T, V), one row a sixteenth, negative for a rest: mono float32 (N,) in [-1,
    1], and the rate.

    `bpm` counts quarters a minute, `rate` samples a second. A pitch that stays is held; where
    `onsets` (T, V) bool is true it is struck again. Nothing is random. Raises ValueError for wrong
    shapes, pitches above 127, or a tempo or rate that is not positive.
    """
    notes, struck = checked(notes, onsets)
    if not (bpm > 0 and rate > 0):
        raise ValueError(f"bpm and rate must be positive, got bpm={bpm} and rate={rate}.")
    step = 60 / bpm / 4  # seconds in a sixteenth
    sound = np.zeros(
        round((len(notes) * step + RELEASE + TAIL + ECHOES[-1][0]) * rate) + rate // 100
    )
    for voice in range(notes.shape[1]):
        for start, end in spans(notes[:, voice], struck[:, voice]):
            fade = TAIL if end == len(notes) else RELEASE
            tone = pipe(notes[start, voice], (end - start) * step, fade, rate)
            first = round(start * step * rate)
            sound[first : first + len(tone)] += tone
    sound = with_room(sound, rate)
    loudest = np.abs(sound).max(initial=0.0)
    return (sound * (PEAK / loudest if loudest > 0 else 1)).astype(np.float32), rate


def checked(notes: np.ndarray, onsets: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Notes and onsets as arrays of one shape (T, V). Raises ValueError that says what is wrong."""
    notes = np.asarray(notes)
    if notes.ndim != 2 or not np.issubdtype(notes.dtype, np.number) or not np.isfinite(notes).all():
        raise ValueError(
            f"notes must be numbers of shape (steps, voices), got {notes.dtype} of shape"
            f" {notes.shape}."
        )
    if notes.size and notes.max() > HIGHEST:
        raise ValueError(f"MIDI pitches end at {HIGHEST}, got {notes.max()}.")
    struck = np.zeros(notes.shape, bool) if onsets is None else np.asarray(onsets, bool)
    if struck.shape != notes.shape:
        raise ValueError(f"onsets must have the shape of notes, {notes.shape}, got {struck.shape}.")
    return notes, struck


def spans(voice: np.ndarray, struck: np.ndarray) -> list[tuple[int, int]]:
    """First and last step (exclusive) of every note of one voice, (T,) pitches and (T,) bool."""
    if len(voice) == 0:
        return []
    begins = np.flatnonzero(np.r_[True, (voice[1:] != voice[:-1]) | struck[1:]])
    return [
        (int(start), int(end))
        for start, end in zip(begins, np.r_[begins[1:], len(voice)], strict=True)
        if voice[start] >= 0
    ]


def pipe(pitch: float, seconds: float, fade: float, rate: int) -> np.ndarray:
    """One organ tone of a MIDI pitch, held for some seconds and then fading: (N,) float64."""
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    time = np.arange(round((seconds + fade) * rate)) / rate
    # higher ones would come back as false tones
    heard = np.arange(1, len(PARTIALS) + 1) * frequency < 0.45 * rate
    tone = np.zeros(len(time))
    for number in np.flatnonzero(heard) + 1:
        for detune in SPREAD:
            # spread, so that the overtones do not peak together
            phase = np.pi * number**2 / len(PARTIALS)
            tone += PARTIALS[number - 1] * np.sin(
                2 * np.pi * number * frequency * detune * time + phase
            )
    settle = 0.8 + 0.2 * np.exp(-time / 0.25)  # a pipe speaks a little louder at first
    return tone * settle * envelope(time, seconds, fade)


def envelope(time: np.ndarray, seconds: float, fade: float) -> np.ndarray:
    """Loudness over time: up and down along half a cosine, so that nothing clicks."""
    up = 0.5 - 0.5 * np.cos(np.pi * np.clip(time / ATTACK, 0, 1))
    down = 0.5 + 0.5 * np.cos(np.pi * np.clip((time - seconds) / fade, 0, 1))
    return up * down


def with_room(sound: np.ndarray, rate: int) -> np.ndarray:
    """The sound and a few soft echoes of it, of the same length."""
    echoed = sound.copy()
    for delay, loudness in ECHOES:
        late = round(delay * rate)
        echoed[late:] += loudness * sound[: len(sound) - late]
    return echoed


def player(
    notes: np.ndarray,
    *,
    alt: str,
    bpm: float = 84,
    rate: int = 16000,
    onsets: np.ndarray | None = None,
) -> Audio:
    """A player for a notebook: mono, 16 bits; notes as in `synthesize`. Raises ValueError as it
    does, or without `alt`.

    `alt` says in words what is heard: screen readers read it, and it stands where sound cannot be
    shown.
    """
    from IPython.display import Audio

    if not alt.strip():
        raise ValueError("Say in `alt` what is heard, for those who cannot hear it.")

    class Labeled(Audio):
        def _repr_html_(self) -> str:
            return super()._repr_html_().replace("<audio", f'<audio aria-label="{escape(alt)}"', 1)

        def __repr__(self) -> str:
            return f"<sound: {alt}>"

    return Labeled(data=wav_bytes(*synthesize(notes, bpm, rate, onsets)))


def wav_bytes(sound: np.ndarray, rate: int) -> bytes:
    """A WAV file, mono, 16 bits, of a sound (N,) in [-1, 1]."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()
