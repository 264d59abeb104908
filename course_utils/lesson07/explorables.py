"""The pictures of lesson 07 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots

FOLDER = Path(__file__).parent
RANK, SHOWN = 40, 40


def condition(decoder: Any, scores: dict[float, tuple[float, float]]) -> live.Explorable:
    """Forty digits for one condition, decoded in the page. scores: temperature -> control and FD.

    `decoder` takes a latent code and a one-hot digit, side by side.
    """
    import torch

    weight = next(decoder.parameters())
    rng, Z = np.random.default_rng(7), weight.shape[1] - 10
    codes = rng.normal(size=(SHOWN, Z)).round(3)
    shares = rng.random(600)
    digits, rows = rng.integers(0, 10, 600), np.arange(600)
    c = np.zeros((600, 10))  # every other one halfway to the next digit, or so
    c[rows, digits] = 1
    c[rows[::2], digits[::2]] -= shares[::2]
    c[rows[::2], (digits[::2] + 1) % 10] += shares[::2]
    examples = np.hstack([1.2 * rng.normal(size=(600, Z)), c])
    layers, decode = live.weights(decoder, torch.as_tensor(examples), RANK)
    temperatures = sorted(scores)

    def numbers(digit: int, mix: float, temperature: float) -> dict[str, float]:
        c = np.zeros(10)
        c[digit] += 1 - mix
        c[(digit + 1) % 10] += mix
        rows = np.hstack([temperature * codes, np.tile(c, (SHOWN, 1))])
        ink = 1 / (1 + np.exp(-decode(rows)))
        control, fd = scores[min(temperatures, key=lambda tau: abs(tau - temperature))]
        return {"ink": 100 * float(ink.mean()), "control": control, "fd": fd}

    step = temperatures[1] - temperatures[0]
    return live.explorable(
        "07.condition",
        FOLDER / "condition.js",
        [
            live.Choice("digit", [str(d) for d in range(10)], 7, "condition"),
            live.Range("mix", 0, 1, 0.1, 0, "share of the next digit"),
            live.Range("temperature", temperatures[0], temperatures[-1], step, 1),
        ],
        "Condition {digit:.0f}, share of the next digit {mix:.1f}, temperature {temperature:.2f}:"
        " {ink:.0f} % ink. Over all digits, control is {control:.2f} and FD {fd:.0f}.",
        numbers,
        {
            "layers": layers,
            "codes": codes,
            "temperatures": temperatures,
            "scores": [scores[tau] for tau in temperatures],
        },
        _still(decode(np.hstack([codes, np.tile(np.eye(10)[7], (SHOWN, 1))])[:20])),
    )


def _still(logits: np.ndarray) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(5, 1.5))
    plots.images(1 / (1 + np.exp(-logits)), ax, columns=10, title="digits for the condition 7")
    return fig
