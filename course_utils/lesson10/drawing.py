"""The pictures and tables of lesson 10 that need more than a few lines: drawing only, the ideas are
in the notebook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from course_utils import plots, runtime

WIDTH, TEXTURE = 0, 1  # the two columns that are drawn


def table(columns: Mapping[str, str], rows: Mapping[str, Sequence[float]], first: str = "") -> None:
    """A table of numbers with a name before each row. columns: heading -> format, such as ".1%"."""
    lines = [
        (name, *(_shown(value, form) for value, form in zip(values, columns.values(), strict=True)))
        for name, values in rows.items()
    ]
    runtime.show_table((first, *columns), lines)


def _shown(value: float, form: str) -> str:
    return "–" if np.isnan(value) else f"{float(value):{form}}"


def two_clouds(tables: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Patients of two tables by radius and texture: crosses are malignant (y = 0), dots benign."""
    alt = (
        "Two scatter plots of patients, in which the malignant ones have larger nuclei; the real"
        " and the synthetic one look alike."
    )
    _, axes = plots.figure(1, 2, size=(9, 3.6), alt=alt)
    for ax, (title, patients) in zip(axes, tables.items(), strict=True):
        x, y = patients["x"][:, [WIDTH, TEXTURE]], patients["y"]
        for c, name, marker, color in (
            (0, "malignant", "x", plots.MODEL),
            (1, "benign", "o", plots.DATA),
        ):
            ax.scatter(*x[y == c].T, s=14, marker=marker, color=color, label=name)
        ax.set(xlim=(5, 30), ylim=(8, 42))
        plots.label(ax, title, "radius of the nuclei", "texture")
    axes[0].legend(loc="upper right")


def utility(scores: Mapping[str, float]) -> None:
    """TSTR of three tables."""
    ax = plots.bars(
        list(scores),
        list(scores.values()),
        form=".3f",
        color=[plots.DATA, plots.OTHER, plots.WRONG],
        alt="Real and synthetic nearly level; the claim far behind, like calling everyone benign.",
    )
    plots.label(ax, "Right diagnoses of real patients, ten splits", "share of patients")


def use_and_alarm(useful: Mapping[str, float], alarm: Mapping[str, float]) -> None:
    """TSTR and copier alarm of several generators, side by side."""
    alt = (
        "TSTR is level for all three generators. The alarm is about one half for one Gaussian, and"
        " far above two thirds for the other two."
    )
    _, axes = plots.figure(1, 2, size=(10, 2.4), alt=alt)
    plots.bars(list(useful), list(useful.values()), axes[0], color=plots.OTHER, form=".3f")
    axes[1].axvline(2 / 3, color=plots.MUTED, linestyle="--", zorder=0)
    plots.bars(list(alarm), list(alarm.values()), axes[1], color=plots.WRONG, form=".2f")
    for label in axes[1].texts:
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    plots.label(axes[0], "use: TSTR", "share of patients")
    plots.label(axes[1], "copier alarm; dashed: two thirds", "nearer to the training half")


def those_in_and_out(scores: Mapping[str, Sequence[Any]], auc: Mapping[str, float]) -> None:
    """Distances to the nearest synthetic patient of members and of others, for two generators.
    scores: name -> minus the distances of both, (N,) and (M,).
    """
    alt = "Distances of members (filled) and others (outlined). " + " ".join(
        f"{name}: AUC {value:.2f}." for name, value in auc.items()
    )
    _, axes = plots.figure(1, len(scores), size=(10, 3.2), alt=alt)
    edges = np.linspace(0, 8, 41)
    for ax, (name, (inside, outside)) in zip(axes, scores.items(), strict=True):
        ax.hist(-np.asarray(inside), edges, color=plots.DATA, alpha=0.5, label="were in the data")
        style = {"histtype": "step", "color": plots.MODEL, "linewidth": 2.2}
        ax.hist(-np.asarray(outside), edges, label="were not in", **style)
        title = f"{name}: AUC {auc[name]:.2f}"
        plots.label(ax, title, "distance to the nearest synthetic patient", "patients")
    axes[0].legend(loc="upper right")


def likelihoods(sizes: Sequence[int], nats: Mapping[str, Sequence[float]]) -> None:
    """Mean log-likelihood of the patients a mixture was fitted to, and of others, by its size."""
    ax = plots.panel(
        size=(6.5, 3.2),
        alt="On the patients they were fitted to, the likelihood rises with the number of"
        " Gaussians; on patients left out it falls steeply from the first.",
    )
    looks = {"fitted to": (plots.WRONG, "--"), "left out": (plots.DATA, "-")}
    for name, (color, style) in looks.items():
        ax.plot(sizes, nats[name], style, color=color, marker="o", label=name)
    ax.set_xscale("log", base=2)
    ax.set_yscale("symlog", linthresh=20)
    ax.margins(y=0.08)
    ax.set_xticks(sizes, sizes)
    ax.legend(loc="lower left")
    plots.label(ax, "Log-likelihood of the patients", "Gaussians per diagnosis", "nats per patient")


def price_of_privacy(
    bounds: Sequence[float], missed: Mapping[str, Sequence[float]], real: float
) -> None:
    """Missed cancers against the promise: which share of the members any attack can find."""
    looks = {
        "means and variances": ("-", plots.OTHER),
        "means and covariances": ("--", plots.WRONG),
    }
    ends = " ".join(
        f"{name}: from {values[0]:.0f} missed at the weakest promise to {values[-1]:.0f} at the"
        " strongest."
        for name, values in missed.items()
    )
    ax = plots.panel(size=(8, 3.6), alt=f"Missed cancers of 100 against the promise. {ends}")
    for name, values in missed.items():
        style, color = looks[name]
        ax.plot(bounds, values, style, color=color, marker="o", label=f"from {name}")
    ax.axhline(real, color=plots.DATA, linestyle=":", label="trained on real patients")
    ax.set_xscale("log")
    ax.set_xticks(bounds, [f"{100 * b:.2g}%" for b in bounds])
    ax.minorticks_off()
    ax.set_ylim(0, 100)
    ax.legend(loc="upper right")
    plots.label(
        ax,
        "What a stronger promise costs (left: stronger)",
        "members that any attack can find, at 1% false alarms",
        "missed cancers of 100",
    )


def scores_of_texts(scores: Mapping[str, np.ndarray]) -> None:
    """z of unmarked texts, of marked ones read with a wrong key, and of marked ones."""
    ax = plots.panel(
        size=(7.5, 3),
        alt="z of unmarked texts and of marked texts read with a wrong key around zero; of marked"
        " texts far to the right of four.",
    )
    looks = {
        "unmarked": (plots.MUTED, "stepfilled"),
        "marked, wrong key": (plots.WRONG, "step"),
        "marked": (plots.OTHER, "stepfilled"),
    }
    for name, values in scores.items():
        color, style = looks[name]
        edges = np.arange(-5, 14, 0.5)
        ax.hist(values, edges, histtype=style, color=color, label=name, linewidth=2)
    ax.axvline(4, color="black", linestyle="--")
    ax.legend(loc=(0.51, 0.5))
    plots.label(ax, "100 texts of 200 words each; dashed: z = 4", "z", "texts")


def release_card(lines: Sequence[tuple[str, float, float, str]]) -> None:
    """The card: question, measured value, the limit set before, and whether it is kept."""
    rows = []
    for question, value, limit, side in lines:
        kept = value >= limit if side == "at least" else value <= limit
        shown = f"{value:.3f}" if abs(value) < 1 else f"{value:.3g}"
        rows.append((question, shown, f"{side} {limit:g}", "yes" if kept else "NO"))
    runtime.show_table(("question", "measured", "limit", "kept?"), rows)


def trials(intervals: Mapping[str, tuple[float, Sequence[float]]], truth: float) -> None:
    """Estimates with their intervals beside the truth of a simulated world."""
    ax = plots.panel(
        size=(8.5, 2.9),
        alt="Beliefs and self-chosen users lie below one, as if the tool saved time; the"
        " randomized trial lies above one, around the truth.",
    )
    for row, (name, (center, (low, high))) in enumerate(intervals.items()):
        color = plots.DATA if "trial" in name else plots.WRONG
        ax.plot([low, high], [row, row], color=color)
        ax.plot(center, row, "o" if "trial" in name else "x", color=color)
    ax.axvline(truth, color="black", linestyle="--")
    ax.axvline(1, color=plots.MUTED, linewidth=1)
    ax.set_yticks(range(len(intervals)), intervals)
    ax.set_ylim(len(intervals) - 0.5, -0.5)
    title = "Dashed: the truth of this invented world"
    plots.label(ax, title, "time with AI / time without")


def copied_runs(copied: Mapping[str, Mapping[str, float]]) -> None:
    """The longest run of words taken from a source, for several models, with the source and
    without.
    """
    alt = (
        "With the verse in the training texts the copied run is long for n of three and four;"
        " without it only the prompt remains."
    )
    _, axes = plots.figure(1, 2, size=(10, 2.2), alt=alt)
    for ax, (name, runs), color in zip(
        axes, copied.items(), (plots.WRONG, plots.OTHER), strict=True
    ):
        plots.bars(list(runs), list(runs.values()), ax, color=color, form=".0f")
        ax.set_xlim(0, 70)
        plots.label(ax, f"trained {name}", "longest copied run, words (of 60)")


def epochs_of_molecules(study: Mapping[str, Any]) -> None:
    """Validity and novelty against epochs of training, for three temperatures."""
    alt = (
        "Over the epochs validity rises from near zero to about nine in ten, and novelty falls"
        " from nearly one."
    )
    _, axes = plots.figure(1, 2, size=(10, 3.3), alt=alt)
    for ax, rate, color in [(axes[0], "valid", plots.OTHER), (axes[1], "novel", plots.MODEL)]:
        curves = zip(study["temperatures"], study[rate].T, ("-", "--", ":"), strict=True)
        for temperature, values, style in curves:
            name = f"temperature {temperature:g}"
            ax.plot(
                study["epochs"], values, style, color=color, marker="o", markersize=4, label=name
            )
        ax.set(ylim=(0, 1.02))
        ax.legend(fontsize=9, loc="lower right" if rate == "valid" else "lower left")
        plots.label(ax, rate, "epochs of training", "share")
