"""The pictures of lesson 10 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots


def cloud_of_patients(ax: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Patients by two measurements x (N, 2): crosses are malignant (y = 0), dots benign (y = 1)."""
    for c, name, marker, color in (
        (0, "malignant", "x", plots.MODEL),
        (1, "benign", "o", plots.DATA),
    ):
        ax.scatter(*x[y == c].T, s=14, marker=marker, color=color, label=name)
    ax.set(xlim=(5, 30), ylim=(8, 42))


def those_in_and_out(ax: Any, near_in: Any, near_out: Any, edges: np.ndarray) -> None:
    """Distances of patients in the data (N,) over those of others (M,), as two histograms."""
    ax.hist(near_out, edges, color=plots.MUTED, alpha=0.6, label="were not in")
    style = {"histtype": "step", "color": plots.WRONG, "linewidth": 2.2}
    ax.hist(near_in, edges, label="were in the data", **style)


def risk_and_use(axes: Any, plane: dict[Any, tuple[float, float, Any, Any]], key: Any) -> None:
    """A release of synthetic data: whom the attacker sees, and where it stands in the plane of risk
    and use.

    plane maps a setting to (AUC of the attack, accuracy, distances of patients in the data (N,), of
    others (M,)).
    """
    (auc, use, near_in, near_out), (left, right) = plane[key], np.ravel(axes)
    edges = np.linspace(0, 10, 41)
    left.hist(np.clip(near_out, 0, 10), edges, color=plots.MUTED, alpha=0.6, label="were not in")
    left.hist(
        np.clip(near_in, 0, 10),
        edges,
        histtype="step",
        color=plots.WRONG,
        linewidth=2.2,
        label="were in",
    )
    left.legend(fontsize=9)
    plots.label(left, "distance to the nearest synthetic", "standard deviations", "patients")
    right.axvspan(0.4, 0.6, ymin=_share(0.94, 0.85, 0.99), color=plots.OTHER, alpha=0.18)
    right.scatter(
        *np.array([entry[:2] for entry in plane.values()], dtype=float).T, s=14, color=plots.MUTED
    )
    right.plot(auc, use, "*", color=plots.MODEL, markersize=16, markeredgecolor="white")
    right.set(
        xlim=(0.4, 1),
        ylim=(0.85, 0.99),
        xticks=(0.5, 0.6, 0.8, 1.0),
        yticks=(0.86, 0.9, 0.94, 0.98),
    )
    plots.label(right, f"AUC {auc:.2f}, TSTR {use:.3f}", "risk: AUC of the attack", "use: TSTR")


def watermark(
    axes: Any, words: list[str], green: Any, z_marked: Any, z_plain: Any, length: int
) -> None:
    """A text with its green words in bold over a dot, and how far texts with and without a mark
    stand from chance.

    words and green (L,) belong together; z_marked, z_plain (n,) are values of texts with `length`
    words.
    """
    text, counts = np.ravel(axes)
    _colored_words(text, words, green)
    edges = np.arange(-5, 21, 0.5)
    tallest = max(np.histogram(np.clip(z, -5, 20), edges)[0].max() for z in (z_plain, z_marked))
    counts.hist(np.clip(z_plain, -5, 20), edges, color=plots.MUTED, alpha=0.7, label="not marked")
    counts.hist(
        np.clip(z_marked, -5, 20),
        edges,
        histtype="step",
        color=plots.OTHER,
        linewidth=2.2,
        label="as found",
    )
    counts.axvline(4, color="black", linestyle="--", linewidth=1.2)
    counts.set(xlim=(-5, 20), xticks=(-4, 0, 4, 8, 12, 16, 20), ylim=(0, 1.45 * tallest))
    counts.legend(fontsize=9, loc="upper right")
    plots.label(
        counts,
        f"{(np.asarray(z_marked) > 4).mean():.0%} of the texts above 4",
        f"z of {length} words",
        "texts",
    )


def _colored_words(ax: Any, words: list[str], green: Any, lines: int = 5) -> None:
    """Words in rows of a fixed-width font, as many as the panel holds; three texts a row, each with
    gaps for the others.
    """
    inches = ax.get_position().width * ax.figure.get_figwidth()
    size = 11 if inches > 5 else 8.5
    wide = int(inches * 72 / (0.61 * size))  # characters in a row
    rows, shown = [[""] * 3], 0  # green words, the others, dots under the green ones
    for word, is_green in zip(words, green, strict=True):
        if len(rows[-1][0]) + len(word) > wide:
            if len(rows) == lines:
                break
            rows.append([""] * 3)
        gap = " " * len(word)
        parts = (word, gap, "•".center(len(word))) if is_green else (gap, word, gap)
        rows[-1] = [text + part + " " for text, part in zip(rows[-1], parts, strict=True)]
        shown += 1
    styles = ((0, plots.OTHER, "bold"), (0, plots.MUTED, "normal"), (0.36, plots.OTHER, "normal"))
    for row, texts in enumerate(rows):
        for text, (lower, color, weight) in zip(texts, styles, strict=True):
            ax.text(
                0,
                row + lower,
                text.rstrip(),
                family="monospace",
                fontsize=size,
                color=color,
                weight=weight,
            )
    ax.set(xlim=(0, wide), ylim=(lines - 0.3, -0.9))
    ax.axis("off")
    plots.label(ax, f"green: {int(np.sum(green[:shown]))} of the first {shown} words")


def _share(value: float, low: float, high: float) -> float:
    """Where a value lies between two limits, from 0 to 1."""
    return (value - low) / (high - low)
