"""The pictures of lesson 09 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots

FOLDER = Path(__file__).parent
NAMES = ("linear", "cosine")


def noise(x0: Any, eps: Any, schedules: list[Any]) -> live.Explorable:
    """The forward process on a picture x0 in [-1, 1] with fixed noise eps, (3, H, W) each, for the
    linear and the cosine schedule of alpha bar, (T,) each.
    """
    shares = [np.asarray(live.plain(np.asarray(share))) for share in schedules]
    picture = np.asarray(x0).transpose(1, 2, 0)  # (H, W, 3)

    def numbers(t: int, schedule: int) -> dict[str, float]:
        share = float(shares[schedule][int(t)])
        return {"percent": 100 * share, "snr": share / max(1e-12, 1 - share)}

    return live.explorable(
        "09.noise",
        FOLDER / "noise.js",
        [
            live.Range("t", 0, len(shares[0]) - 1, 1, 20, "step t"),
            live.Choice("schedule", NAMES, label="noise schedule"),
            live.Play("t", "let it dissolve"),
        ],
        "At t = {t:.0f}, {percent:.0f} % of the variance is still data; signal to noise {snr:.2f}.",
        numbers,
        {
            "x0": live.packed(picture, -1, 1),
            "eps": live.packed(np.asarray(eps).transpose(1, 2, 0), -4, 4),
            "height": picture.shape[0],
            "width": picture.shape[1],
            "schedules": shares,
        },
        _still(picture, np.asarray(eps).transpose(1, 2, 0), shares[0]),
    )


def _still(x0: np.ndarray, eps: np.ndarray, shares: np.ndarray) -> Any:
    fig, axes = plots.figure(1, 2, alt="drawn below", size=(4.5, 2))
    for ax, t in zip(axes, (5, 50), strict=True):
        share = shares[min(t, len(shares) - 1)]
        ax.imshow(np.clip((np.sqrt(share) * x0 + np.sqrt(1 - share) * eps + 1) / 2, 0, 1))
        ax.set_title(f"t = {t}: {100 * share:.0f} % data")
        ax.axis("off")
    return fig
