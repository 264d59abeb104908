"""The pictures and tables of lesson 10 that need more than a few lines: drawing only, the ideas are
in the notebook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from course_utils import plots, runtime

WIDTH, TEXTURE = 0, 1  # the two columns that are drawn


def table(columns: Mapping[str, str], rows: Mapping[str, Any], first: str = "") -> None:
    """A table of numbers with a name before each row. columns: heading -> format, such as ".1%". A
    row is one number per column, or (splits, columns): then mean ± standard deviation are shown.
    """
    lines = []
    for name, values in rows.items():
        cells = np.asarray(values, dtype=float).T  # one number, or the numbers of all splits
        shown = (_shown(cell, form) for cell, form in zip(cells, columns.values(), strict=True))
        lines.append((name, *shown))
    runtime.show_table((first, *columns), lines)


def _shown(value: Any, form: str) -> str:
    if np.ndim(value) and np.ptp(value) > 0:
        return f"{np.mean(value):{form}} ± {np.std(value, ddof=1):{form}}"
    return "–" if np.isnan(value).any() else f"{np.mean(value):{form}}"


def _bars(splits: Mapping[str, Any], ax: Any = None, **style: Any) -> Any:
    """Bars of the means over splits, with their standard deviation as a line at each end."""
    means = [np.mean(values) for values in splits.values()]
    spread = [np.std(values, ddof=1) for values in splits.values()]
    ax = plots.bars(list(splits), means, ax, **style)
    ax.errorbar(means, range(len(means)), xerr=spread, fmt="none", color="black", linewidth=1.5)
    for label, far in zip(ax.texts, spread, strict=True):
        label.xy = (label.xy[0] + far, label.xy[1])
    return ax


def two_clouds(tables: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Patients of two tables by radius and texture: crosses are malignant (y = 0), dots benign."""
    alt = (
        "Two scatter plots of patients, real and synthetic, that look alike: in both, malignant"
        " nuclei are larger."
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


def utility(scores: Mapping[str, Any]) -> None:
    """TSTR of three tables, on each split."""
    ax = _bars(
        scores,
        form=".3f",
        color=[plots.DATA, plots.OTHER, plots.WRONG],
        alt=f"Bars, the share of right diagnoses: {_means(scores, '.3f')}.",
    )
    title = f"Right diagnoses of real patients, {len(next(iter(scores.values())))} splits"
    plots.label(ax, title, "share of patients, mean ± standard deviation")


def _means(splits: Mapping[str, Any], form: str) -> str:
    """Name and mean of each, for an alt text."""
    return ", ".join(f"{name} {np.mean(values):{form}}" for name, values in splits.items())


def utility_and_alarm(useful: Mapping[str, Any], alarm: Mapping[str, Any]) -> None:
    """TSTR and copier alarm of several generators, side by side, on each split."""
    alt = f"Bars. TSTR: {_means(useful, '.3f')}. Copier alarm: {_means(alarm, '.2f')}."
    _, axes = plots.figure(1, 2, size=(10, 2.4), alt=alt)
    _bars(useful, axes[0], color=plots.OTHER, form=".3f")
    axes[1].axvline(2 / 3, color=plots.MUTED, linestyle="--", zorder=0)
    _bars(alarm, axes[1], color=plots.WRONG, form=".2f")
    for label in axes[1].texts:
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    plots.label(axes[0], "utility: TSTR", "share of patients")
    plots.label(axes[1], "copier alarm; dashed: two thirds", "share nearer to the training half")


FEWEST = 0.004  # false alarms where the axes begin: about one of 284
RATES = "false-positive rate (false alarms)", "true-positive rate (found)"
LOOKS = {  # color, line, and where its name is written: at which false alarms, how far above
    "photocopier": (plots.WRONG, (0, (5, 1.5)), (0.0042, -16)),
    "thirty Gaussians": (plots.MODEL, (0, (5, 1.5, 1, 1.5)), (0.02, -16)),
    "one Gaussian": (plots.OTHER, (0, (2, 1)), (0.013, -24)),
    "eight Gaussians, model in hand": ("black", "-", (0.03, 6)),
    "your noisy sums": (plots.DATA, "-", (0.0075, -17)),
}


def _attackers(
    ax: Any, alarms: np.ndarray, curves: Mapping[str, np.ndarray], named: bool = False
) -> None:
    """Members found against false alarms, mean and standard deviation over the splits (S, A); each
    curve with its name beside it, if `named`.
    """
    for name, found in curves.items():
        color, style, (at, above) = LOOKS[name]
        mean = found.mean(axis=0)
        ax.plot(alarms, mean, linestyle=style, color=color, label=name)
        if len(found) > 1:
            sd = found.std(axis=0, ddof=1)
            low = np.maximum(mean - sd, 1e-6)
            ax.fill_between(alarms, low, mean + sd, color=color, alpha=0.15, linewidth=0)
        if named:
            _written(ax, name, (at, float(np.interp(at, alarms, mean))), above, color)
    ax.plot([1e-3, 1], [1e-3, 1], ":", color=plots.MUTED)


def _written(ax: Any, name: str, place: tuple[float, float], above: float, color: str) -> None:
    """The name of a curve beside it, in its color, dark enough to be read."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
    look = {"color": plots.INKS.get(color, color), "fontsize": 10, "bbox": box, "zorder": 5}
    ax.annotate(name, place, (0, above), textcoords="offset points", **look)


def _logarithmic(ax: Any) -> None:
    ax.set(xscale="log", yscale="log", xlim=(FEWEST, 1), ylim=(FEWEST, 1.15))
    ticks = [0.01, 0.1, 1.0]
    ax.set_xticks(ticks, [f"{100 * x:g}%" for x in ticks])
    ax.set_yticks(ticks, [f"{100 * x:g}%" for x in ticks])
    ax.minorticks_off()


def roc_twice(alarms: np.ndarray, curves: Mapping[str, np.ndarray]) -> None:
    """The same ROC curves on linear and on logarithmic axes."""
    at = int(np.abs(alarms - 0.01).argmin())
    numbers = ", ".join(f"{name} {100 * f.mean(0)[at]:.0f}%" for name, f in curves.items())
    alt = (
        "ROC curves of three generators, twice. On linear axes the curves of thirty Gaussians and"
        " the photocopier meet in the right half; their left ends, spread out on logarithmic axes,"
        f" are far apart. At 1% false alarms: {numbers}."
    )
    _, axes = plots.figure(1, 2, size=(10, 3.9), alt=alt)
    for ax, named in zip(axes, (False, True), strict=True):
        _attackers(ax, alarms, curves, named)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes[0].set(xlim=(0, 1), ylim=(0, 1.03))
    for axis in (axes[0].xaxis, axes[0].yaxis):
        axis.set_ticks(ticks, [f"{100 * x:g}%" for x in ticks])
    _logarithmic(axes[1])
    axes[1].axvline(0.01, color=plots.MUTED, linewidth=1)
    axes[0].legend(loc="lower right")
    plots.label(axes[0], "linear axes: what the AUC sees", *RATES)
    plots.label(axes[1], "the same, logarithmic: what an attacker sees", RATES[0], "")


def guarantee(alarms: np.ndarray, curves: Mapping[str, np.ndarray], bound: np.ndarray) -> None:
    """All attacks of the lesson, and the region that differential privacy closes to every one."""
    at = int(np.abs(alarms - 0.01).argmin())
    numbers = ", ".join(f"{name} {100 * f.mean(0)[at]:.1f}%" for name, f in curves.items())
    alt = (
        "Members found against false alarms, on logarithmic axes. The region above the bound is"
        f" shaded: at 1% false alarms it begins at {100 * bound[at]:.1f}%. Found there: {numbers}."
    )
    ax = plots.panel(size=(8.5, 4.8), alt=alt)
    _attackers(ax, alarms, curves, named=True)
    ax.fill_between(alarms, bound, 1, color=plots.DATA, alpha=0.12, linewidth=0)
    ax.plot(alarms, bound, color=plots.DATA, linewidth=1, linestyle="--")
    _logarithmic(ax)
    ax.set_ylim(FEWEST, 1.8)  # room for a name above 100%
    title = "Shaded: closed to every attack on the noisy sums; dotted: guessing"
    plots.label(ax, title, *RATES)


def price_of_privacy(
    bounds: Sequence[float], missed: Mapping[str, Sequence[np.ndarray]], real: Sequence[float]
) -> None:
    """Missed cancers on each split, against the share of members that any attack can find, from no
    noise (the first) to the strongest guarantee (the last).
    """
    looks = {
        "means and variances": ("-", plots.OTHER),
        "means and covariances": ("--", plots.WRONG),
    }
    ends = " ".join(
        f"From {name}: {np.mean(values[0]):.0f} missed without noise,"
        f" {np.mean(values[-1]):.0f} at the strongest guarantee."
        for name, values in missed.items()
    )
    alt = (
        f"Missed cancers of 100, by the guarantee. {ends} From real patients: {np.mean(real):.0f}."
        " The stronger the guarantee, the closer the two curves."
    )
    ax = plots.panel(size=(8, 3.6), alt=alt)
    for name, values in missed.items():
        style, color = looks[name]
        mean, sd = np.mean(values, axis=1), np.std(values, axis=1, ddof=1)
        ax.plot(bounds, mean, style, color=color, marker="o", label=f"from {name}")
        ax.fill_between(bounds, mean - sd, mean + sd, color=color, alpha=0.15, linewidth=0)
    ax.axhline(np.mean(real), color=plots.DATA, linestyle=":", label="trained on real patients")
    ax.set_xscale("log")
    ax.set_xticks(bounds, ["100%\n(no noise)", *(f"{100 * b:.2g}%" for b in bounds[1:])])
    ax.minorticks_off()
    ax.set_ylim(0, 40)
    ax.legend(loc="upper right")
    plots.label(
        ax,
        "What a stronger guarantee costs (left: stronger)",
        "most members that any attack can find, at 1% false alarms",
        "missed cancers of 100",
    )


def scores_of_texts(scores: Mapping[str, np.ndarray]) -> None:
    """z of unmarked texts, of marked ones read with a wrong key, and of marked ones."""
    ranges = (f"{name} from {min(z):.1f} to {max(z):.1f}" for name, z in scores.items())
    alt = f"Histograms of z: {', '.join(ranges)}."
    ax = plots.panel(size=(7.5, 3), alt=alt)
    looks = {  # color, style, and where the name is written, as shares of the panel
        "unmarked": (plots.MUTED, "stepfilled", (0.01, 0.9)),
        "marked, wrong key": (plots.WRONG, "step", (0.01, 0.78)),
        "marked": (plots.OTHER, "stepfilled", (0.6, 0.9)),
    }
    for name, values in scores.items():
        color, style, place = looks[name]
        ax.hist(values, np.arange(-5, 14, 0.5), histtype=style, color=color, linewidth=2)
        told = f"{name} ({'outlined' if style == 'step' else 'filled'})"
        ax.text(*place, told, color=plots.INKS[color], transform=ax.transAxes)
    ax.axvline(4, color="black", linestyle="--")
    plots.label(ax, "100 texts of 200 words each; dashed: z = 4", "z", "texts")


def release_card(lines: Sequence[tuple[str, Any, float, str]]) -> None:
    """The card: question, measured value (or its values on all splits), the limit set before, and
    whether it is kept: on average, and on how many splits.
    """
    rows = []
    for question, measured, limit, side in lines:
        value, sign = np.mean(measured), 1 if side == "at least" else -1
        kept = "yes" if sign * value >= sign * limit else "NO"
        held = sign * np.atleast_1d(measured) >= sign * limit  # on each split
        splits = f"{held.sum()} of {len(held)} splits" if len(held) > 1 else ""
        shown = _shown(measured, ".3f" if abs(value) < 1 else ".3g")
        rows.append((question, shown, f"{side} {limit:g}", kept, splits))
    runtime.show_table(("question", "measured", "limit", "kept?", "kept on"), rows)


def trials(intervals: Mapping[str, tuple[float, Sequence[float]]], truth: float) -> None:
    """Estimates with their intervals beside the truth of a simulated world."""
    told = "; ".join(
        f"{name} {center:.2f}, from {low:.2f} to {high:.2f}"
        for name, (center, (low, high)) in intervals.items()
    )
    alt = f"Estimates and their intervals: {told}. The truth is {truth:.2f}."
    ax = plots.panel(size=(8.5, 2.9), alt=alt)
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
    told = (
        f"trained {name}, {', '.join(f'{words:.0f} for {n}' for n, words in runs.items())}"
        for name, runs in copied.items()
    )
    alt = f"Longest copied run, in words: {'; '.join(told)}."
    _, axes = plots.figure(1, 2, size=(10, 2.2), alt=alt)
    for ax, (name, runs), color in zip(
        axes, copied.items(), (plots.WRONG, plots.OTHER), strict=True
    ):
        plots.bars(list(runs), list(runs.values()), ax, color=color, form=".0f")
        ax.set_xlim(0, 70)
        plots.label(ax, f"trained {name}", "longest copied run, words (of 60)")


def epochs_of_molecules(study: Mapping[str, Any]) -> None:
    """Validity and novelty against epochs of training, for three temperatures."""
    valid, novel = study["valid"].mean(axis=1), study["novel"].mean(axis=1)  # (epochs,)
    alt = (
        f"Over the epochs the share of valid strings goes from {valid[0]:.2f} to {valid[-1]:.2f},"
        f" and that of novel ones from {novel[0]:.2f} to {novel[-1]:.2f} (means over three"
        " temperatures)."
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
