"""The pictures of lesson 10 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots

FOLDER = Path(__file__).parent
EVERY = 25  # words between two counts


def privacy(
    components: list[int], noises: list[float], plane: dict[tuple[int, float], tuple]
) -> live.Explorable:
    """Risk against use. `plane` holds, for every number of components and every noise (in standard
    deviations), the AUC of the attack, TSTR, and the distances of members and others.
    """
    farthest = max(float(np.quantile(np.r_[p[2], p[3]], 0.98)) for p in plane.values())
    edges = np.linspace(0, farthest, 25)

    def settings(size: int, noise: int) -> dict[str, Any]:
        auc, tstr, inside, outside = plane[components[int(size)], noises[int(noise)]]
        counts = [np.histogram(np.clip(d, 0, farthest), edges)[0] for d in (inside, outside)]
        return {"auc": auc, "tstr": tstr, "members": counts[0], "others": counts[1]}

    def numbers(size: int, noise: int) -> dict[str, float]:
        here = live.plain(settings(size, noise))
        return {
            "components": components[int(size)],
            "sd": noises[int(noise)],
            "auc": here["auc"],
            "tstr": here["tstr"],
        }

    sizes, steps = range(len(components)), range(len(noises))
    table = [[settings(size, noise) for noise in steps] for size in sizes]
    return live.explorable(
        "10.privacy",
        FOLDER / "privacy.js",
        [
            live.Choice("size", [str(k) for k in components], len(components) - 1, "components"),
            live.Choice("noise", [f"{sd:g} standard deviations" for sd in noises]),
        ],
        "{components:.0f} components per diagnosis and noise of {sd:.1f} standard deviations: AUC"
        " {auc:.2f}, TSTR {tstr:.3f}.",
        numbers,
        {"components": components, "noises": noises, "farthest": farthest, "plane": table},
        _still_plane(plane),
    )


def watermark(
    library: dict[tuple[float, float], tuple[np.ndarray, np.ndarray]],
    vocabulary: list[str],
    gamma: float,
    shown: int = 70,
) -> live.Explorable:
    """A watermarked text and the z of many. `library` holds, for every strength and every share of
    replaced words, one text (T + 1,) and for every text which of its T words are green (N, T).
    """
    strengths = sorted({s for s, _ in library})
    shares = sorted({r for _, r in library})
    length = next(iter(library.values()))[1].shape[1] // EVERY * EVERY

    def counts(strength: float, share: float) -> np.ndarray:
        return library[strength, share][1].cumsum(axis=1)[:, EVERY - 1 : length : EVERY]

    def numbers(strength: float, length: float, replaced: float) -> dict[str, float]:
        green = counts(strength, replaced)[:, int(length) // EVERY - 1]
        z = (green - gamma * length) / np.sqrt(length * gamma * (1 - gamma))
        return {"median": float(np.median(z)), "above": float(100 * (z > 4).mean())}

    step_s, step_r = strengths[1] - strengths[0], shares[1] - shares[0]
    return live.explorable(
        "10.watermark",
        FOLDER / "watermark.js",
        [
            live.Range("strength", strengths[0], strengths[-1], step_s, strengths[-1] / 2),
            live.Range("length", EVERY, length, EVERY, length // 2 // EVERY * EVERY, "words found"),
            live.Range("replaced", shares[0], shares[-1], step_r, shares[0], "share replaced"),
        ],
        "Strength {strength:.1f}, {length:.0f} words, {replaced:.1f} of them replaced: median z"
        " {median:.1f}, {above:.0f} % of the texts above 4.",
        numbers,
        {
            "strengths": strengths,
            "replaced": shares,
            "gamma": gamma,
            "vocabulary": vocabulary,
            "counts": [[counts(s, r) for r in shares] for s in strengths],
            "texts": [[_text(library[s, r], shown) for r in shares] for s in strengths],
        },
    )


def _text(found: tuple[np.ndarray, np.ndarray], shown: int) -> dict[str, Any]:
    return {
        "shown": found[0][1 : shown + 1].astype(int),
        "green": found[1][0, :shown].astype(int),
    }


def _still_plane(plane: dict[tuple[int, float], tuple]) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(6, 3))
    ax.plot([p[0] for p in plane.values()], [p[1] for p in plane.values()], "o", color=plots.MUTED)
    ax.axvline(0.6, color=plots.OTHER, linestyle="--")
    ax.axhline(0.94, color=plots.OTHER, linestyle="--")
    plots.label(ax, "all settings", "risk: AUC of the attack", "use: TSTR")
    return fig
