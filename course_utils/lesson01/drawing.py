"""The pictures of lesson 01 that need more than a few lines. The ideas are in the notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from course_utils import plots


def totals(
    right: Callable[[tuple[int, int]], float], claim: Callable[[tuple[int, int]], float]
) -> Any:
    """The masses that two formulas give to the number of heads in 1, 3 and 8 tosses, as a figure;
    each takes the counts of heads and tails.
    """
    tosses = (1, 3, 8)
    pairs = [[[f((h, n - h)) for h in range(n + 1)] for f in (right, claim)] for n in tosses]
    sums = ", ".join(f"{np.sum(claimed):.3f}" for _, claimed in pairs)
    alt = f"The multinomial's bars add up to 1 for 1, 3 and 8 tosses; the claim's add up to {sums}."
    fig, axes = plots.figure(1, 3, size=(11, 3), alt=alt)
    for ax, n, pair in zip(axes, tosses, pairs, strict=True):
        masses_of_heads(ax, *pair, title=f"{n} toss{'es' * (n > 1)} of a coin")
    return fig


def fits(mixtures: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Any:
    """How three EM runs end and what they found, as a figure. Each is (weights (K,), theta (K, D),
    log-likelihood per round (steps,)).
    """
    ends = ", ".join(f"{-history[-1]:.1f}" for _, _, history in mixtures)
    alt = (
        f"Left: three curves flatten at {ends} nats. Right: components of one fit above their"
        " matches in the others, alike at the left end, different at the right end."
    )
    fig, axes = plots.figure(1, 2, size=(11, 2.9), alt=alt)
    styles = zip(mixtures, (plots.MODEL, plots.OTHER, plots.DATA), ("-", "--", ":"), strict=True)
    for (_, _, history), color, dash in styles:
        rounds, label = np.arange(1, len(history) + 1), f"ends at {-history[-1]:.1f}"
        plots.line(rounds[2:], -history[2:], axes[0], color=color, ls=dash, label=label)
    axes[0].legend(loc="upper right")
    plots.label(axes[0], "three starts of EM", "round", "nats per training digit")
    axes[0].get_gridspec().set_width_ratios((1, 2))
    title = "13 of 60 components (top) and their matches in the other two fits"
    plots.images(matches([theta for _, theta, _ in mixtures]), axes[1], columns=13, title=title)
    return fig


def matches(thetas: list[np.ndarray], n: int = 13) -> np.ndarray:
    """n components of the first fit, from the best to the worst matched, and their matches in each
    fit, one to one. (K, D) each -> (n * fits, D)
    """
    apart = [cdist(thetas[0], theta, "cityblock") for theta in thetas]  # (K, K) each
    match = [linear_sum_assignment(each)[1] for each in apart]  # (K,) each
    rows = np.arange(len(thetas[0]))
    total = np.sum([each[rows, twin] for each, twin in zip(apart, match, strict=True)], axis=0)
    some = np.argsort(total)[np.linspace(0, len(rows) - 1, n).astype(int)]
    return np.concatenate([theta[twin[some]] for theta, twin in zip(thetas, match, strict=True)])


def samples(pixels: np.ndarray, classes: np.ndarray, mixture: np.ndarray, real: np.ndarray) -> Any:
    """Samples of the three models above real digits, (n, 784) each, as a figure."""
    return plots.rows(
        {
            "one probability per pixel": pixels,
            "one model per class": classes,
            "mixture of 60": mixture,
            "real": real,
        },
        alt="Clouds of dots; noisy digits; clearer digits with ragged edges; real digits.",
    )


def nats(uniform: float, pixels: float, classes: float, mixture: float) -> Any:
    """The NLL of test digits under no knowledge and under the three models, in nats per digit."""
    names = ["knows nothing", "one probability per pixel", "one model per class", "mixture of 60"]
    values = [uniform, pixels, classes, mixture]
    alt = ", ".join(f"{name} {value:.0f}" for name, value in zip(names, values, strict=True))
    color = [plots.MUTED] + 3 * [plots.MODEL]
    ax = plots.bars(names, values, form=".0f", color=color, alt=f"Nats per digit: {alt}.")
    return plots.label(ax, "NLL of test digits: lower is better", "nats per digit")


def new_and_covered(close: dict[str, float], covered: dict[str, float]) -> Any:
    """The share of samples very close to a training digit, and coverage, of each source, as a
    figure; the last source is real test digits.
    """
    alt = "; ".join(f"{name}: {close[name]:.0%}, {covered[name]:.0%}" for name in covered)
    fig, axes = plots.figure(1, 2, size=(11, 3.8), alt=f"Close to training, and coverage. {alt}.")
    names = list(close)
    color = [plots.MODEL] * (len(names) - 1) + [plots.DATA]
    for ax, shares in zip(axes, (close, covered), strict=True):
        plots.bars(names, [100 * shares[name] for name in names], ax, form=".0f", color=color)
        ax.set(xlim=(0, 112))
    axes[1].set(yticklabels=[])
    plots.label(axes[0], "New? Samples very close to a training digit", "percent")
    plots.label(axes[1], "Complete? Test digits with a sample nearby", "percent")
    return fig


def hill() -> Any:
    """The hill exp(-(x² + y²)/2) seen from above, with one ring, and what each ring contributes to
    its volume, as a figure.
    """
    alt = (
        "Left: a round hill from above with one ring marked. Right: circumference times height of"
        " the ring against its radius; the area below is 2π."
    )
    fig, axes = plots.figure(1, 2, size=(9, 3), alt=alt)
    x, r = np.linspace(-3, 3, 121), np.linspace(0, 4, 200)
    axes[0].contourf(x, x, np.exp(-(x**2 + x[:, None] ** 2) / 2), 12, cmap="cividis")
    turn = np.linspace(0, 2 * np.pi, 100)
    axes[0].plot(1.5 * np.cos(turn), 1.5 * np.sin(turn), color="white", lw=4)
    axes[0].set(aspect="equal")
    axes[0].grid(visible=False)
    volume = 2 * np.pi * r * np.exp(-(r**2) / 2)
    axes[1].fill_between(r, volume, color=plots.MODEL, alpha=0.4)
    axes[1].plot([1.5, 1.5], [0, 3 * np.pi * np.exp(-1.125)], color=plots.DATA, lw=4)
    plots.label(axes[0], "the hill from above, with one ring", "x", "y")
    plots.label(axes[1], "all rings together: area 2π", "radius r", "circumference × height")
    return fig


def lead(sizes: list[int], leads: dict[str, np.ndarray]) -> Any:
    """How many more of 1,000 test digits each naive Bayes gets right than logistic regression, (2,
    repeats, sizes) in each world, with two standard errors, as a figure.
    """
    means = {name: each.mean(axis=1) for name, each in leads.items()}
    alt = "; ".join(
        f"{name}, {image}: {round(row[0]):+d} at {sizes[0]} per class, {round(row[-1]):+d} at"
        f" {sizes[-1]}"
        for name, rows in means.items()
        for image, row in zip(("gray", "average"), rows, strict=True)
    )
    fig, axes = plots.figure(1, 2, size=(11, 3.2), alt=f"Lead of naive Bayes. {alt}.")
    styles = ("gray image", plots.MUTED, "s"), ("average digit", plots.MODEL, "o")
    for ax, (name, each) in zip(axes, leads.items(), strict=True):
        error = 2 * each.std(axis=1, ddof=1) / np.sqrt(each.shape[1])
        for k, (label, color, marker) in enumerate(styles):
            ax.errorbar(
                sizes, means[name][k], error[k], color=color, marker=marker, capsize=4, label=label
            )
        ax.axhline(0, color=plots.DATA, ls="--", label="logistic regression")
        ax.set(xscale="log", xticks=sizes, xticklabels=sizes)
        ax.minorticks_off()
        plots.label(ax, name, "labeled digits per class", "lead per 1,000 test digits")
    axes[1].legend(loc="lower right")
    return fig


def masses_of_heads(ax: Any, right: list[float], claim: list[float], *, title: str) -> None:
    """Two formulas for the mass of 0 to n heads, (n + 1,) each, as pairs of bars with their
    totals.
    """
    heads, totals = np.arange(len(right)), (np.sum(right), np.sum(claim))
    ax.bar(heads - 0.2, right, 0.4, color=plots.DATA, label=f"multinomial, total {totals[0]:.3f}")
    other = ax.bar(heads + 0.2, claim, 0.4, color=plots.MODEL, hatch="//", edgecolor="white")
    other.set_label(f"claim, total {totals[1]:.3f}")
    ax.legend(fontsize=10, loc="upper left")
    ax.set(ylim=(0, 1.45 * max(*right, *claim)), xticks=heads[:: 1 + heads[-1] // 8])
    plots.label(ax, title, "heads", "mass")
