"""The pictures of lesson 10 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots

FOLDER = Path(__file__).parent
EVERY = 25  # words between two counts
MOST_RISK, LEAST_UTILITY = 0.6, 0.94  # the green corner of the plane


def privacy(
    components: list[int], noises: list[float], plane: dict[tuple[int, float], tuple]
) -> live.Explorable:
    """Risk against utility. `plane` holds, for every number of components and every noise (in
    standard deviations), the AUC of the attack, of everyone and of the unusual tenth, TSTR, and
    the distances of members and others.
    """
    farthest = max(float(np.quantile(np.r_[p[3], p[4]], 0.98)) for p in plane.values())
    edges = np.linspace(0, farthest, 25)

    def settings(size: int, noise: int) -> dict[str, Any]:
        auc, tail, tstr, inside, outside = plane[components[int(size)], noises[int(noise)]]
        counts = [np.histogram(np.clip(d, 0, farthest), edges)[0] for d in (inside, outside)]
        return {"auc": auc, "tail": tail, "tstr": tstr, "members": counts[0], "others": counts[1]}

    def numbers(size: int, noise: int) -> dict[str, float]:
        here = live.plain(settings(size, noise))
        return {
            "components": components[int(size)],
            "sd": noises[int(noise)],
            "auc": here["auc"],
            "tail": here["tail"],
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
        "Components per diagnosis: {components:.0f}. Noise: {sd:.1f} standard deviations. AUC"
        " {auc:.2f}, of the unusual tenth {tail:.2f}; TSTR {tstr:.3f}.",
        numbers,
        {"components": components, "noises": noises, "farthest": farthest, "plane": table},
        _still_plane(plane),
    )


def watermark(
    library: dict[tuple[float, float], Any],
    green: Any,
    vocabulary: list[str],
    gamma: float,
    shown: int = 70,
) -> live.Explorable:
    """A watermarked text and the z of many, each pair of words counted once. `library` holds, for
    every strength and every share of replaced words, texts (N, T + 1); `green` (V, V) says which
    words are green after which.
    """
    strengths = sorted({s for s, _ in library})
    shares = sorted({r for _, r in library})
    listed = {key: np.asarray(texts) for key, texts in library.items()}
    table = np.asarray(green)
    length = (next(iter(listed.values())).shape[1] - 1) // EVERY * EVERY
    z = np.array(
        [[_scores(listed[s, r][:, : length + 1], table, gamma) for r in shares] for s in strengths]
    )  # (strengths, shares, N, T / EVERY)
    held = live.packed(z, float(np.floor(z.min())), float(np.ceil(z.max())), 16)
    shown_z = live.unpacked(held).reshape(z.shape)

    def numbers(strength: float, length: float, replaced: float) -> dict[str, float]:
        where = strengths.index(strength), shares.index(replaced)
        scores = shown_z[where][:, int(length) // EVERY - 1]
        return {"median": float(np.median(scores)), "above": float(100 * (scores > 4).mean())}

    step_s, step_r = strengths[1] - strengths[0], shares[1] - shares[0]
    return live.explorable(
        "10.watermark",
        FOLDER / "watermark.js",
        [
            live.Range("strength", strengths[0], strengths[-1], step_s, strengths[-1] / 2),
            live.Range("length", EVERY, length, EVERY, length // 2 // EVERY * EVERY, "words"),
            live.Range("replaced", shares[0], shares[-1], step_r, shares[0], "share replaced"),
        ],
        "Strength {strength:.0f}, {length:.0f} words, a share of {replaced:.2f} replaced: median z"
        " {median:.1f}, {above:.0f}% of the marked texts above 4.",
        numbers,
        {
            "strengths": strengths,
            "replaced": shares,
            "vocabulary": vocabulary,
            "z": held,
            "steps": z.shape[3],
            "texts": [[_text(listed[s, r][0], table, shown) for r in shares] for s in strengths],
        },
    )


def _scores(texts: np.ndarray, green: np.ndarray, gamma: float) -> np.ndarray:
    """z of the first EVERY, 2 EVERY, ... words of each text, each pair counted where it first
    occurs. (N, T + 1) -> (N, T / EVERY)
    """
    pairs = texts[:, :-1] * len(green) + texts[:, 1:]  # (N, T)
    new = np.zeros(pairs.shape, dtype=bool)
    for row, text in zip(new, pairs, strict=True):
        row[np.unique(text, return_index=True)[1]] = True
    hits, count = (
        seen.cumsum(axis=1)[:, EVERY - 1 :: EVERY] for seen in (new & green.ravel()[pairs], new)
    )
    return (hits - gamma * count) / np.sqrt(count * gamma * (1 - gamma))


def _text(text: np.ndarray, green: np.ndarray, shown: int) -> dict[str, Any]:
    return {
        "shown": text[1 : shown + 1].astype(int),
        "green": green[text[:shown], text[1 : shown + 1]].astype(int),
    }


def _still_plane(plane: dict[tuple[int, float], tuple]) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(6, 3))
    ax.plot([p[0] for p in plane.values()], [p[2] for p in plane.values()], "o", color=plots.MUTED)
    ax.axvline(MOST_RISK, color=plots.OTHER, linestyle="--")
    ax.axhline(LEAST_UTILITY, color=plots.OTHER, linestyle="--")
    plots.label(ax, "all settings", "risk: AUC of the attack", "utility: TSTR")
    return fig
