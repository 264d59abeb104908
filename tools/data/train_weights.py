"""The small trained weights, and how good they are. Called by `python -m tools data --weights`.

Floating point differs between machines, so the files do too; what is shipped is known by its hash
and tested by its quality.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import torch

from course_utils import pretrained
from course_utils.data import Split, mnist
from tools.data import chorale_measures as measures
from tools.data import train_chorale, train_classifier, train_digits

SEED = 0
DRAWN, SUNG, BARS = 1000, 100, 4


def classifier() -> dict[str, np.ndarray]:
    """The yardstick of course_utils.metrics."""
    data = mnist(seed=SEED)
    trained = train_classifier.train(data, SEED)
    return trained | {"report": as_text(train_classifier.report(trained, data, SEED))}


def digits() -> dict[str, np.ndarray]:
    """The painter of course_utils.pretrained."""
    data = mnist(seed=SEED)
    painter = train_digits.train(data, SEED)
    return painter | {"report": as_text(digits_report(painter, data))}


def chorale() -> dict[str, np.ndarray]:
    """The singer of course_utils.pretrained."""
    model, nats = train_chorale.train(SEED)
    singer = train_chorale.arrays_of(model)
    return singer | {"report": as_text(chorale_report(singer) | {"nats": nats})}


MAKERS: dict[str, Callable[[], dict[str, np.ndarray]]] = {
    "weights_classifier": classifier,
    "weights_digits": digits,
    "weights_chorale": chorale,
}


def weights(names: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of the named weights files; each has an entry `report`, a JSON text of what was
    measured.
    """
    torch.set_num_threads(1)
    return {name: MAKERS[name]() for name in names}


def as_text(report: dict[str, float]) -> np.ndarray:
    """A report as an array of one text, which .npz stores without pickle."""
    return np.array(
        json.dumps({key: round(float(value), 4) for key, value in report.items()}, sort_keys=True)
    )


def digits_report(painter: dict[str, np.ndarray], data: Split) -> dict[str, float]:
    """What is known about 1,000 drawn digits; see train_digits.measure."""
    drawn = pretrained.digits(DRAWN, np.random.default_rng(SEED), weights=painter)
    return train_digits.measure(drawn, data, SEED)


def chorale_report(singer: dict[str, np.ndarray]) -> dict[str, float]:
    """What is known about 100 sung chorales of four bars, against tunes held out and shuffled
    notes.
    """
    learn, held_out = train_chorale.halves()
    source = [song.notes for song in learn]
    sung = [
        np.asarray(pretrained.chorale(BARS, np.random.default_rng(seed), weights=singer))[::2]
        for seed in range(SUNG)
    ]
    length = 8 * BARS
    real = [
        song.notes[start : start + length]
        for song in held_out
        for start in song.starts
        if start + length <= len(song.notes)
    ]
    return (
        chorale_numbers(sung, source, "")
        | chorale_numbers(real, source, "real_")
        | {"parameters": sum(array.size for array in singer.values())}
    )


def chorale_numbers(
    songs: list[np.ndarray], source: list[np.ndarray], prefix: str
) -> dict[str, float]:
    """Means over songs of eighths (T, 4) of each measure, and the longest stretches they share with
    the source.
    """
    functions: tuple[Callable[[np.ndarray], float], ...] = (
        measures.in_key,
        measures.dissonance,
        measures.parallels,
        measures.crossings,
        measures.triads,
    )
    numbers = {
        function.__name__: float(np.mean([function(song) for song in songs]))
        for function in functions
    }
    for name, voices in (("soprano", slice(0, 1)), ("all", slice(0, 4))):
        copied = measures.longest_copies(songs, source, voices)
        numbers |= {f"copied_{name}": float(np.mean(copied)), f"copied_{name}_most": max(copied)}
    return {prefix + name: value for name, value in numbers.items()}
