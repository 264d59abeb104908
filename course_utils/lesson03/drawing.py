"""The pictures of lesson 03: drawing only, the ideas are in the notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from course_utils import plots


def descents(loss: Callable[[float], float], walks: Mapping[float, np.ndarray]) -> None:
    """The first steps of gradient descent on a parabola, one panel for each of four learning
    rates.
    """
    alt = (
        "At learning rate 0.02 the steps slide down the left side, at 0.05 they jump across and"
        " settle, at 0.09 they swing from side to side, and at 0.092 they swing wider each time."
    )
    _, axes = plots.figure(2, 2, size=(8, 4.6), alt=alt)
    grid = np.linspace(-0.4, 2.6, 200)
    for ax, (lr, visited) in zip(axes.flat, walks.items(), strict=True):
        ax.plot(grid, [loss(t) for t in grid], color=plots.MUTED)
        steps = visited[:9]
        ax.plot(
            *(steps, [loss(t) for t in steps], "o-"),
            **{"color": plots.MODEL, "linewidth": 1, "markersize": 4},
        )
        ax.set(xlim=(-0.4, 2.6), ylim=(0, 22))
        below, left = ax in axes[1], ax in axes[:, 0]
        plots.label(ax, f"learning rate {lr:g}", "theta" if below else "", "loss" if left else "")


PLACES = {  # of the nodes of a computation graph
    "x": (0.0, 1.0),
    "w": (0.7, -0.4),
    "b": (2.3, -0.4),
    "a": (1.5, 1.0),
    "h": (3.0, 1.0),
    "v": (3.7, -0.4),
    "p": (4.5, 1.0),
    "y": (5.4, -0.4),
    "L": (6.0, 1.0),
}
EDGES = [tuple(pair) for pair in ("xa", "wa", "ba", "ah", "hp", "vp", "pL", "yL")]
FORMULAS = {"a": "w·x + b", "h": "max(0, a)", "p": "v·h", "L": "(p − y)²"}


def computation_graph(values: Mapping[str, float], gradients: Mapping[str, float]) -> None:
    """The graph of one hidden unit: each node with its value and, below it, the derivative of the
    loss.
    """
    derivatives = ", ".join(f"d L / d {name} = {g:g}" for name, g in gradients.items())
    alt = (
        f"A graph from x, w and b through a, h and p to the loss L = {values['L']:g}; backward,"
        f" from right to left: {derivatives}."
    )
    ax = plots.panel(alt=alt, size=(8, 3.6))
    for start, end in EDGES:
        arrow = {"arrowstyle": "-|>", "color": plots.MUTED, "shrinkA": 20, "shrinkB": 20}
        ax.annotate("", PLACES[end], PLACES[start], arrowprops=arrow)
    for name, (across, up) in PLACES.items():
        learned = name in "wbv"
        ax.plot(
            *(across, up, "o"),
            **{"markersize": 36, "markeredgecolor": plots.DATA if learned else plots.MUTED},
            **{"markerfacecolor": "#DCEBF5" if learned else "white", "markeredgewidth": 1.5},
        )
        ax.text(across, up, f"${name}$\n{values[name]:g}", ha="center", va="center", fontsize=11)
        if name in FORMULAS:
            ax.text(across, up + 0.75, FORMULAS[name], ha="center", color=plots.MUTED)
        if name in gradients:
            text = f"∂L/∂{name} = {gradients[name]:g}"
            at = up - 0.52 if learned else up + 0.38
            ax.text(across, at, text, ha="center", color=plots.MODEL, fontsize=11)
    ax.set(xlim=(-0.5, 6.5), ylim=(-1.0, 1.95))
    ax.axis("off")


def walks_and_distances(
    steady: np.ndarray, fading: np.ndarray, best: np.ndarray, away: Mapping[str, float]
) -> None:
    """Two walks in the plane, (N, 2) each, and how far from the minimum four walks ended: one full
    step, single steps, many of them, and many with a decreasing learning rate.
    """
    alt = (
        "Left: at a constant learning rate the steps rush to the minimum and then keep moving"
        " around it; at a decreasing one they settle. Right: distances, largest for one full step."
    )
    _, axes = plots.figure(1, 2, size=(11, 3.6), alt=alt)
    axes[0].plot(*steady.T, color=plots.WRONG, linewidth=0.8, label="constant learning rate")
    axes[0].plot(*fading.T, color=plots.MODEL, linewidth=1.2, label="decreasing")
    axes[0].plot(*best, "k*", markersize=14)
    axes[0].legend(loc="lower right")
    plots.label(axes[0], "the first 6,000 single steps", "intercept", "slope of the line")
    colors = [plots.MUTED, plots.WRONG, plots.WRONG, plots.MODEL]
    names = ["one full step", "1,000 single steps", "20,000, constant", "20,000, decreasing"]
    plots.bars(names, list(away.values()), axes[1], form=".2f", color=colors)
    plots.label(axes[1], "how far from the minimum?", "distance")


def training(losses: Sequence[float], val: Sequence[float]) -> None:
    """The training loss of each epoch beside the validation loss, with the best epoch marked."""
    best = int(np.argmin(val))
    per_epoch = np.reshape(losses, (len(val), -1)).mean(axis=1)
    alt = (
        f"The training loss falls to {per_epoch[-1]:.3f}. The validation loss is lowest in epoch"
        f" {best + 1}, at {val[best]:.2f}, and ends at {val[-1]:.2f}."
    )
    ax = plots.panel(alt=alt, size=(7, 3))
    epochs = np.arange(1, len(val) + 1)
    ax.plot(epochs, per_epoch, color=plots.DATA, linewidth=1.5, label="training")
    ax.plot(epochs, val, color=plots.MODEL, linewidth=1.5, label="validation")
    ax.plot(best + 1, val[best], "ko", label=f"best epoch: {best + 1}")
    ax.set_ylim(0, 1.5)
    ax.legend(loc="upper right")
    plots.label(ax, "loss per epoch", "epoch", "cross-entropy, nats")


def path_in_valley(ax: Any, path: np.ndarray, curvature: float) -> None:
    """A path (N, 2) over the contour lines of a valley with curvature 1 along and `curvature`
    across and its minimum at zero.
    """
    a, b = np.meshgrid(np.linspace(-10, 3, 40), np.linspace(-2.5, 2.5, 30))
    height = (a**2 + curvature * b**2) / 2
    ax.contour(a, b, height, levels=np.geomspace(0.1, 150, 9), colors="#BBBBBB", linewidths=0.8)
    ax.plot(*path.T, "o-", color=plots.MODEL, markersize=3, linewidth=1)
    ax.plot(0, 0, "k*", markersize=12)
    ax.set(xlim=(-10, 3), ylim=(-2.5, 2.5))


def bias_correction(gradients: np.ndarray, b1: float, b2: float) -> None:
    """Adam's mean of the gradients (T,) and the length of its step, uncorrected and corrected."""
    t = np.arange(1, len(gradients) + 1)
    old = np.maximum(t[:, None] - t, 0)  # how many steps ago
    m = ((1 - b1) * b1**old * (t <= t[:, None])) @ gradients
    v = ((1 - b2) * b2**old * (t <= t[:, None])) @ gradients**2
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    steps = m / np.sqrt(v)
    alt = (
        f"Left: the mean of the gradients starts at {m[0]:.1f} instead of about 1 and needs some 20"
        f" steps. Right: the uncorrected step starts at {steps[0]:.1f} learning rates and reaches"
        f" {steps.max():.1f}; corrected, it stays near 1."
    )
    _, axes = plots.figure(1, 2, size=(9, 2.9), alt=alt)
    for ax, raw, corrected, title in (
        (axes[0], m, m_hat, "mean of the gradients"),
        (axes[1], steps, m_hat / np.sqrt(v_hat), "length of the step, in learning rates"),
    ):
        ax.plot(t, raw, "--", color=plots.WRONG, label="uncorrected")
        ax.plot(t, corrected, color=plots.MODEL, label="corrected")
        ax.set_ylim(0, 1.25 * max(1.2, raw.max()))
        plots.label(ax, title, "step")
    axes[1].legend(loc="upper right")


def growth(sizes: Mapping[float, np.ndarray]) -> None:
    """The size of the activations after each layer, (draws, layers) for each scale of the initial
    weights.
    """
    ends = ", ".join(
        f"at {scale:g} it ends between {values[:, -1].min():.2g} and {values[:, -1].max():.2g}"
        for scale, values in sizes.items()
    )
    alt = f"Root mean square after each layer, on a logarithmic axis, by scale: {ends}."
    ax = plots.panel(alt=alt, size=(7, 3))
    colors = (plots.DATA, plots.OTHER, plots.WRONG)
    for (scale, values), color in zip(sizes.items(), colors, strict=True):
        layers = np.arange(1, values.shape[1] + 1)
        first, *_ = ax.plot(layers, values.T, "o-", color=color, markersize=3, linewidth=1)
        first.set_label(f"weights × {scale:g}")
    ax.set(yscale="log")
    ax.legend(loc="upper left", fontsize=9)
    title = f"how large are the activations, in {len(values)} draws?"
    plots.label(ax, title, "layer", "root mean square")


def explosion(
    losses: Mapping[str, Sequence[float]], curvatures: Sequence[float], lr: float, warm_up: int
) -> None:
    """The loss of every step, and the largest curvature before the first epoch of the last run and
    after each, beside the bound 2 / learning rate.
    """
    jump = int(np.argmax(losses["warm-up"])) + 1
    alt = (
        "Left, seed 0: without a fix the loss explodes; clipped or with warm-up it does not."
        f" With warm-up it jumps at step {jump}. Right: there the curvature, at first"
        f" {curvatures[0]:.0f}, drops below the bound, and then follows it to about {2 / lr:.0f}."
    )
    _, axes = plots.figure(1, 2, size=(9, 3.6), alt=alt)
    looks = [(plots.WRONG, "o-", 2.2), (plots.DATA, "--", 1.2), (plots.MODEL, "-", 1.2)]
    for (name, values), (color, style, width) in zip(losses.items(), looks, strict=True):
        shown = np.nan_to_num(values, nan=1e9, posinf=1e9).clip(max=1e9)
        last = int(np.argmax(shown >= 1e9)) or len(shown)
        axes[0].plot(
            *(np.arange(1, last + 2)[: len(shown)], shown[: last + 1], style),
            **{"color": color, "linewidth": width, "markersize": 4, "label": name},
        )
    axes[0].set(xscale="log", yscale="log", ylim=(None, 1e3))
    for ax in axes:
        ax.axvline(jump, color=plots.MUTED, linestyle=":", linewidth=1.2, zorder=0)
    axes[0].legend(loc="upper right")
    plots.label(axes[0], "the loss, seed 0", "step", "mean squared error")
    steps = np.linspace(0, len(values), len(curvatures))
    rates = lr * np.minimum(1, (1 + (warm_up - 1) * steps / warm_up) / warm_up)
    axes[1].plot(steps + 1, 2 / rates, "--", color=plots.MUTED, label="2 / learning rate")
    axes[1].plot(steps + 1, curvatures, color=plots.MODEL, label="largest curvature")
    axes[1].set(xscale="log", yscale="log")
    axes[1].legend(loc="upper right")
    plots.label(axes[1], "curvature, with warm-up", "step", "curvature")


def race(
    winners: Mapping[str, tuple[float, Sequence[tuple[Any, float, Sequence[float]]]]],
    tests: Mapping[str, Sequence[float]],
) -> None:
    """The training loss of the first run of each optimizer, with the test losses of all its runs.

    winners: name -> learning rate, runs of (model, validation loss, training losses)
    """
    labels = []
    for name, (lr, _) in winners.items():
        ends = f"{np.mean(tests[name]):.1f} ({min(tests[name]):.1f} to {max(tests[name]):.1f})"
        labels.append(f"{name}, {lr:g}: {ends} on test digits")
    ax = plots.panel(alt="Nats per training digit. " + "; ".join(labels), size=(8, 3.4))
    looks = [(plots.MUTED, ":"), (plots.DATA, "--"), (plots.MODEL, "-")]
    for (_, runs), label, (color, style) in zip(winners.values(), labels, looks, strict=True):
        smooth = np.convolve(runs[0][2], np.ones(8) / 8, "valid")  # mean of eight minibatches
        ax.plot(smooth, style, color=color, label=label)
    ax.legend(loc="upper right")
    ax.set_ylim(60, 420)
    plots.label(ax, "each at the best of its rates", "minibatch", "nats per training digit")


def window(ax: Any = None) -> None:
    """The pixels that a masked 7 x 7 window shows to the pixel in its middle."""
    alt = "A window of 7 by 7 pixels: three rows above and three pixels to the left are visible."
    ax = plots.axes_for(ax, alt, (2.6, 2.6))
    seen = np.zeros((7, 7))
    seen[:3] = seen[3, :3] = 1
    ax.imshow(seen, cmap="Blues", vmin=0, vmax=2, extent=(0, 7, 7, 0))
    ax.plot(3.5, 3.5, "x", color=plots.MODEL, markersize=12, markeredgewidth=3)
    ax.set(xticks=range(8), yticks=range(8), xticklabels=[], yticklabels=[])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    plots.label(ax, "24 pixels → the next one")


def stray(right: np.ndarray, with_stray_factor: np.ndarray) -> None:
    """The distance to the minimum after each single step, (N,) and (M,), on two log axes."""
    alt = (
        "Without the stray factor, a few hundred steps are enough; with it,"
        f" {len(with_stray_factor):,} are not."
    )
    ax = plots.panel(alt=alt, size=(7, 3))
    for distances, color, name in (
        (right, plots.MODEL, f"right, {len(right):,} steps"),
        (with_stray_factor, plots.WRONG, f"with 1/n, {len(with_stray_factor):,} steps"),
    ):
        ax.plot(np.arange(1, len(distances) + 1), distances, color=color, linewidth=1, label=name)
    ax.set(xscale="log", yscale="log")
    ax.legend(loc="lower left")
    plots.label(ax, "one example per step, learning rate 0.02", "steps", "distance to the minimum")
