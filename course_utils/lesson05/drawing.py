"""The figures of lesson 05 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots


def weights(study: Any, middle: dict[str, np.ndarray], total: np.ndarray) -> Any:
    """Samples at three weights of the KL term; negative ELBO and Fréchet distance at all."""
    powers = list(study["power"])
    fig, axes = plots.figure(1, 4, alt="drawn below", size=(11, 3.2))
    words = []
    for ax, power in zip(axes, (-4, 1, 4), strict=False):
        i = powers.index(power)
        distance, active = middle["fd"][i], middle["active"][i]
        beta = f"{2**power}" if power >= 0 else f"1/{2**-power}"
        title = f"beta {beta}: FD {distance:.0f}\n{active:.0f} of 20 units active"
        plots.images(study["samples"][i][:16] / 255, ax, columns=4, title=title)
        words.append(f"beta {beta}: FD {distance:.0f}, {active:.0f} of 20 units active.")
    over_weights(axes[3], study["power"], total, middle["fd"])
    best = 2.0 ** powers[int(np.argmin(total))]
    fig.set_label(f"Samples at three weights. {' '.join(words)} -ELBO is smallest at {best:g}.")
    return fig


def over_weights(ax: Any, power: np.ndarray, nats: np.ndarray, distance: np.ndarray) -> None:
    """Negative ELBO and Fréchet distance (N,) over the power of two that weights the KL term."""
    ax.plot(power, nats, "o-", color=plots.MODEL, label="-ELBO")
    ax.plot(power, distance, "s--", color=plots.OTHER, label="FD")
    ax.legend(fontsize=10, loc="upper center")
    ax.set(xlabel="beta", ylabel="nats, or FD", yscale="log")
    ax.set_xticks((-4, -2, 0, 2, 4), ("1/16", "1/4", "1", "4", "16"))
    ax.set_yticks((100, 200, 400), (100, 200, 400))
    ax.minorticks_off()


def curves(runs: dict[str, np.ndarray], *, alt: str) -> Any:
    """Training and validation curves, (epochs, 2), one panel per run, all on one scale."""
    fig, axes = plots.figure(1, len(runs), size=(10, 3.4), alt=alt)
    shown = np.concatenate(list(runs.values()))
    for ax, (title, values) in zip(np.atleast_1d(axes), runs.items(), strict=True):
        epochs = np.arange(1, len(values) + 1)
        ax.plot(epochs, values[:, 0], "--", color=plots.MODEL, label="training digits")
        ax.plot(epochs, values[:, 1], color=plots.DATA, label="validation set")
        ax.set_ylim(shown.min() - 5, shown.max() + 5)
        ax.legend()
        plots.label(ax, f"{title}, {len(values)} epochs", "epoch", "-ELBO (nats per digit)")
    return fig


def seeds(baselines: Any, residuals: Any) -> Any:
    """Mean losses of runs with eight seeds for two recipes, losses (8, N) each, beside the standard
    errors of one mean and of one difference, as a figure.
    """
    runs = {"baseline": np.asarray(baselines), "residual": np.asarray(residuals)}
    root, first, second = runs["baseline"].shape[1] ** 0.5, runs["baseline"][0], runs["residual"][0]
    errors = {
        "one model": first.std(ddof=1) / root,
        "a difference": (first - second).std(ddof=1) / root,
    }
    means = {name: losses.mean(axis=1) for name, losses in runs.items()}  # (8,) each
    reach = [f"{name} {m.min():.1f} to {m.max():.1f}" for name, m in means.items()]
    words = [f"of {name} {error:.1f}" for name, error in errors.items()]
    alt = f"Mean losses: {', '.join(reach)}. Standard errors: {', '.join(words)}."
    fig, ax = plots.figure(alt=alt, size=(8, 3))
    center = np.concatenate([*means.values()]).mean()
    for y, values, mark in zip((3, 2), means.values(), "ox", strict=True):
        ax.scatter(values, np.full(8, y), marker=mark, s=50, color=plots.MODEL)
    for y, error in zip((1, 0), errors.values(), strict=True):
        ax.errorbar(center, y, xerr=error, color=plots.MUTED, capsize=5, linewidth=2)
    ax.set_yticks((3, 2, 1, 0), (*means, *(f"± standard error of {name}" for name in errors)))
    ax.set_ylim(-0.6, 3.6)
    plots.label(ax, "Two recipes, eight seeds each", "validation -ELBO (nats per digit)")
    return fig


def clouds(a: np.ndarray, b: np.ndarray) -> Any:
    """Two clouds of points (N, 2) in one panel, as a figure."""
    fig, ax = plots.figure(
        alt="Two narrow clouds with one center: one rises to the right, one falls.", size=(4.6, 3.6)
    )
    ax.scatter(*a.T, s=8, color=plots.DATA, label="a")
    ax.scatter(*b.T, s=14, color=plots.MODEL, marker="x", label="b")
    ax.set_ylim(-4, 5.2)
    ax.legend(loc="upper center", ncols=2)
    plots.label(ax, "Same means, same variances", "feature 1", "feature 2")
    return fig


def distances(fd: dict[str, float], images: dict[str, Any]) -> Any:
    """Fréchet distances as bars, each in one line with twelve images of its set, as a figure."""
    colors = {"training digits": plots.DATA}
    colors |= dict.fromkeys(("reconstructions", "residual (z from q)"), plots.OTHER)
    fd = {name: fd[name] for name in dict.fromkeys((*colors, *fd))}
    words = ", ".join(f"{name} {value:.0f}" for name, value in fd.items())
    fig, axes = plots.figure(
        1, 2, size=(11, 0.7 + 0.42 * len(fd)), alt=f"Fréchet distances: {words}; images of each."
    )
    plots.bars(
        list(fd),
        list(fd.values()),
        axes[0],
        color=[colors.get(name, plots.MODEL) for name in fd],
        form=".0f",
    )
    plots.label(axes[0], "Distance to the test digits", "Fréchet distance (lower is better)")
    shown = np.concatenate([np.asarray(images[name][:12].cpu()) for name in fd])
    plots.images(shown, axes[1], columns=12, title="twelve images of each")
    axes[0].set(ylim=(len(fd) - 0.5, -0.5), box_aspect=len(fd) / 12)
    return fig


def nearest(distance: dict[str, Any], ones: float) -> Any:
    """How far images are from their nearest training digit, (N,) by name, as a figure. `ones` is
    the median distance of the 1s among the first.
    """
    words = ", ".join(f"{name} {float(d.median()):.1f}" for name, d in distance.items())
    fig, ax = plots.figure(alt=f"Median distance to a training digit: {words}.", size=(7, 3))
    edges = np.linspace(0, 10, 41)
    styles = zip((plots.DATA, plots.MODEL, plots.WRONG), ("-", "--", ":"), strict=True)
    for (name, values), (color, dash) in zip(distance.items(), styles, strict=False):
        counts, _ = np.histogram(values, edges)
        ax.stairs(counts, edges, label=name, color=color, linestyle=dash, linewidth=2)
    ax.set_ylim(0, 180)
    note = {"ha": "center", "color": plots.DATA, "fontsize": 11}
    ax.annotate("the 1s", (ones, 25), (ones, 55), arrowprops={"arrowstyle": "->"}, **note)
    ax.legend(loc="upper right")
    plots.label(ax, "Nearest training digit", "distance (pixel by pixel)", "images")
    return fig


def variances(sorted_variances: dict[str, Any], threshold: float) -> Any:
    """Variance of mu of each latent dimension, (Z,) by name, sorted, as a figure."""
    fig, ax = plots.figure(
        alt="Sorted variances; the deeper model's fall off a cliff about halfway.", size=(7, 3.2)
    )
    for (name, values), dash in zip(sorted_variances.items(), ("-", ":", "--"), strict=True):
        number = np.arange(1, len(values) + 1)
        ax.plot(number, values, dash, color=plots.MODEL, label=name)
    ax.axhline(threshold, color=plots.MUTED, linewidth=1)
    ax.set_yscale("log")
    ax.set_ylim(bottom=ax.get_ylim()[0] / 10)
    ax.set_xticks((1, 5, 10, 15, 20))
    ax.legend(loc="lower left", ncols=3)
    plots.label(
        ax, "Signal in each latent dimension", "latent dimensions, sorted", "variance of mu"
    )
    return fig


def thousand(epoch: np.ndarray, values: dict[str, np.ndarray]) -> Any:
    """A long run: -ELBO on training and validation digits, with the encoder's and with the best
    Gaussians, and the Fréchet distance, (checkpoints,) each, as a figure.
    """
    ends = {name: f"{curve[-1]:.0f}" for name, curve in values.items()}
    alt = (
        f"At epoch 1,000: -ELBO {ends['train']} on training digits, {ends['encoder']} on 100"
        f" validation digits, {ends['best']} on these with the best Gaussians; FD {ends['fd']}."
    )
    fig, axes = plots.figure(1, 2, size=(10, 3.6), alt=alt)
    styles = {
        "train": ("training digits", "--", plots.MODEL),
        "encoder": ("100 new digits, encoder", "-", plots.DATA),
        "best": ("the same, best Gaussians", ":", plots.OTHER),
    }
    for name, (label, dash, color) in styles.items():
        axes[0].plot(epoch, values[name], dash, marker="o", color=color, label=label)
        axes[0].annotate(f" {values[name][-1]:.0f}", (epoch[-1], values[name][-1]), va="center")
    axes[0].set(xlim=(epoch[0] / 1.3, 2.5 * epoch[-1]), ylim=(75, 225))
    axes[0].legend(loc="upper right")
    axes[1].plot(epoch, values["fd"], "o-", color=plots.MODEL)
    for ax in axes:
        ax.set_xscale("log")
    plots.label(axes[0], "1,000 digits", "epoch", "-ELBO (nats per digit)")
    plots.label(axes[1], "Their samples", "epoch", "Fréchet distance")
    return fig
