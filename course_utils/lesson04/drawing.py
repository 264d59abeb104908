"""The pictures of lesson 04: drawing only, the ideas are in the notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from course_utils import plots

LENGTHS = {"color": plots.MODEL, "histtype": "step", "linewidth": 1.8, "density": True}


def codes_and_lengths(flat: Any, labels: Any, codes: Any, prior: Any) -> None:
    """Two-dimensional codes (N, 2) by digit with circles of N(0, I), and the lengths of codes
    (N, Z) beside those of samples from the prior (M, Z).
    """
    flat, labels = np.asarray(flat.cpu()), np.asarray(labels.cpu())
    longest_prior, shortest = float(prior.norm(dim=1).max()), float(codes.norm(dim=1).min())
    alt = (
        "Left: codes of ten digits in two dimensions, a lopsided cloud with gaps, far wider than"
        " the circles of N(0, I). Right: lengths in eight dimensions, at least"
        f" {shortest:.1f} for codes and at most {longest_prior:.1f} for samples from the prior."
    )
    _, (plane, lengths) = plots.figure(1, 2, size=(11, 4.6), alt=alt)
    colors = colors_of_digits()
    places = _apart(np.stack([np.median(flat[labels == k], axis=0) for k in range(10)]), 1.6)
    for digit, place in enumerate(places):
        plane.scatter(*flat[labels == digit].T, s=9, color=colors[digit], alpha=0.8)
        plane.text(
            *(*place, str(digit)),
            **{"ha": "center", "va": "center", "fontsize": 12, "fontweight": "bold"},
            bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": colors[digit]},
        )
    angle = np.linspace(0, 2 * np.pi, 100)
    for radius in (1, 2):
        plane.plot(radius * np.cos(angle), radius * np.sin(angle), "k", linewidth=1.5)
    plane.update_datalim(1.15 * places)  # room for the digits
    plane.set_aspect("equal", adjustable="datalim")
    plots.label(plane, "Z = 2: codes, and N(0, I) within 1 and 2 std", "z1", "z2")
    bins = np.linspace(0, float(codes.norm(dim=1).max()), 60)
    lengths.hist(codes.norm(dim=1).cpu(), bins, density=True, color=plots.DATA, alpha=0.5)
    lengths.hist(prior.norm(dim=1).cpu(), bins, **LENGTHS)
    plots.label(
        lengths, "Z = 8: prior (orange line), codes of digits (blue)", "length of z", "density"
    )


def _apart(points: np.ndarray, distance: float) -> np.ndarray:
    """The points (N, 2), moved a little so that no two are closer than `distance`."""
    points = points.copy()
    for _ in range(200):
        between = points[:, None] - points  # (N, N, 2)
        length = np.linalg.norm(between, axis=-1, keepdims=True) + np.eye(len(points))[..., None]
        points += (between / length * np.clip(distance - length, 0, None)).sum(axis=1) / 4
    return points


def colors_of_digits() -> Any:
    """One color for each of ten digits."""
    import matplotlib

    return [matplotlib.colormaps["tab10"](digit) for digit in range(10)]


def new_digits(real: Any, vae: Any, autoencoder: Any) -> None:
    """Real digits, black and white as the decoders saw them, and what two decoders make of the same
    samples from the prior, (30, 64).
    """
    alt = (
        "Left: real digits. Middle: soft digits from the VAE, most of them readable. Right: gray"
        " smudges from the autoencoder."
    )
    fig, axes = plots.figure(1, 3, size=(11, 4.8), alt=alt)
    fig.get_layout_engine().set(wspace=0.08)
    black = np.asarray(real) > 0.5
    shown = {"real": black, "VAE, z from the prior": vae, "autoencoder, same z": autoencoder}
    for ax, (title, digits) in zip(axes, shown.items(), strict=True):
        _smooth(digits, ax, 5, title)


def _smooth(digits: Any, ax: Any, columns: int, title: str) -> None:
    """Gray digits (N, 64), enlarged without corners, side by side on white."""
    tiles = np.pad(np.asarray(digits).reshape(-1, columns, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)))
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in tiles])
    ax.imshow(sheet, interpolation="bicubic", vmin=0, vmax=1)
    ax.set_title(title)
    ax.axis("off")


def lengths(codes: Mapping[str, Any], prior: Any) -> None:
    """Lengths of the codes of two models, (N, Z) each, beside those of samples from the prior."""
    medians = {name: float(z.norm(dim=1).median()) for name, z in codes.items()}
    listed = ", ".join(f"{name} {median:.1f}" for name, median in medians.items())
    middle = float(prior.norm(dim=1).median())
    alt = (
        f"Median length of z: {listed}, prior {middle:.1f}. The VAE's histogram lies over the"
        " prior's, a little narrower."
    )
    _, axes = plots.figure(1, len(codes), size=(11, 2.8), alt=alt)
    for ax, (name, z) in zip(axes, codes.items(), strict=True):
        bins = np.linspace(0, max(6.0, float(z.norm(dim=1).max())), 50)
        ax.hist(z.norm(dim=1), bins, density=True, color=plots.DATA, alpha=0.5)
        ax.hist(prior.norm(dim=1), bins, **LENGTHS)
        plots.label(ax, f"{name} (blue), prior (orange line)", "length of z", "density")


def distances(fd: Mapping[str, float]) -> None:
    """Dots of Fréchet distances by name, on a log axis because one is far larger than the rest."""
    alt = "Fréchet distances: " + ", ".join(f"{name} {value:.2f}" for name, value in fd.items())
    colors = [plots.DATA, plots.WRONG, plots.MODEL, plots.WRONG, plots.MODEL, plots.MUTED]
    ax = plots.axes_for(None, alt, (7, 0.7 + 0.42 * len(fd)))
    for row, (value, color) in enumerate(zip(fd.values(), colors, strict=True)):
        ax.plot(value, row, "o", color=color, markersize=9)
        ax.annotate(f"{value:.2f}", (value, row), (9, 0), textcoords="offset points", va="center")
    ticks = [0.5, 1, 2, 5, 10, 20]
    ax.set(xscale="log", yticks=range(len(fd)), yticklabels=list(fd))
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.margins(y=0.1)
    ax.set_xlim(0.7 * min(fd.values()), 2 * max(fd.values()))  # room for the last number
    ax.invert_yaxis()
    plots.label(ax, "Distance to real test digits: lower is better", "Fréchet distance (log scale)")


def rate_distortion(sweep: Mapping[float, Mapping[str, Any]]) -> None:
    """Rate against distortion of models by beta, and what three of them draw."""
    best = max(sweep, key=lambda beta: sweep[beta]["ELBO"])
    shown = [min(sweep), best, max(sweep)]
    fd = ", ".join(f"{sweep[beta]['FD']:.1f}" for beta in shown)
    alt = (
        f"Rate against distortion for six values of beta; the best ELBO is at beta {best:g}."
        " Pixel probabilities: with the smallest beta often broken digits, with beta 1 soft ones,"
        f" with the largest a gray blur; Fréchet distances of samples {fd}."
    )
    _, (curve, samples) = plots.figure(1, 2, size=(11, 4.8), alt=alt)
    rate, distortion = ([sweep[beta][key] for beta in sweep] for key in ("rate", "distortion"))
    curve.plot(rate, distortion, "o-", color=plots.DATA, linewidth=1.5)
    left = False
    for i, (beta, r, d) in enumerate(zip(sweep, rate, distortion, strict=True)):
        # to the right of its point, unless the last one is there
        left = not left and i > 0 and abs(d - distortion[i - 1]) < 0.045 * max(distortion)
        side = {"xytext": (-7, -4), "ha": "right", "va": "top"} if left else {"xytext": (7, 4)}
        curve.annotate(f"β = {beta:g}", (r, d), textcoords="offset points", **side)
    ends = np.array([0, 1.1 * max(rate)])
    nats = -sweep[best]["ELBO"]
    curve.plot(ends, nats - ends, "--", color=plots.MODEL, linewidth=1.3)
    curve.set(xlim=(-1, 1.32 * max(rate)), ylim=(0, 1.12 * max(distortion)))
    plots.label(
        *(curve, f"dashed: ELBO {-nats:.1f}, the best of the six"),
        *("rate: mean KL in nats", "distortion: mean of −log p(x|z) in nats"),
    )
    drawn = np.concatenate([np.asarray(sweep[beta]["samples"]) for beta in shown])
    betas = ", ".join(f"{beta:g}" for beta in shown)
    title = f"pixel probabilities, two rows each: β = {betas}\n(FD of samples: {fd})"
    _smooth(drawn, samples, 6, title)
