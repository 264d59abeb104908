"""The pictures of lesson 09: drawing only, the ideas are in the notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from course_utils import plots
from course_utils.lesson09 import shapes


def clouds(groups: Mapping[str, Any], color: str, alt: str) -> None:
    """Clouds of points side by side: title -> (N, 2)."""
    _, axes = plots.figure(1, len(groups), size=(11, 2.5), alt=alt)
    for ax, (title, points) in zip(axes, groups.items(), strict=True):
        ax.scatter(*points[:1000].T, s=3, color=color)
        ax.set(title=title, xlim=(-3.4, 3.4), ylim=(-3.4, 3.4), xticks=(-3, 0, 3), yticks=())


def destinations(start: Any, ends: Mapping[str, Any]) -> None:
    """Noise (N, 2) above and what samplers make of it below, (N, 2) each. The color of a point is
    the direction in which it ends, so that one can see in the noise where each part goes.
    """
    from matplotlib import colormaps

    _, axes = plots.figure(
        2,
        len(ends),
        size=(9, 5.5),
        alt="Above, the same noise three times, colored by where each point ends; below, the two"
        f" moons it becomes, for {'; '.join(ends)}. Where neighbors in the noise have one color,"
        " they end close together.",
    )
    axes[0, 0].get_gridspec().set_height_ratios([7, 4.6])
    for column, (name, points) in zip(axes.T, ends.items(), strict=True):
        x, y = np.asarray(points).T
        turn = (np.arctan2(y, x) / (2 * np.pi)) % 1
        colors = 0.88 * colormaps["hsv"](turn)[:, :3]
        for ax, shown in zip(column, (start, points), strict=True):
            ax.scatter(*np.asarray(shown).T, s=7, c=colors)
            ax.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), xticks=(), yticks=(), aspect="equal")
            ax.spines[:].set_visible(False)
        column[0].set_title(name)
        column[1].set_ylim(-2.3, 2.3)
    axes[0, 0].set_ylabel("the noise")
    axes[1, 0].set_ylabel("where it ends")


def captioned(pictures: Any, captions: Sequence[str], alt: str = "") -> None:
    """Pictures (N, 3, H, W) in a row, each under its caption."""
    alt = alt or "Small pictures, each under its caption: " + "; ".join(captions) + "."
    _, axes = plots.figure(1, len(captions), size=(1.8 * len(captions), 2.3), alt=alt)
    for ax, picture, caption in zip(axes, pictures, captions, strict=True):
        plots.pictures(picture[None], ax, columns=1)
        ax.set_title(caption.replace(", ", ",\n"), fontsize=9.5)


def outputs(sheets: Mapping[str, Any], clean: Mapping[str, float]) -> None:
    """The same requests by networks that output the velocity and x0, with their median misfit."""
    names = {"v": "the network outputs v", "x0": "the network outputs x₀"}
    misfit = {kind: shapes.read(sheet)[1].median().item() for kind, sheet in sheets.items()}
    alt = (
        f"Above, v: shapes under heavy colored noise, {clean['v']:.0%} clean, median misfit"
        f" {misfit['v']:.2f}. Below, x₀: the same requests as clean shapes on white,"
        f" {clean['x0']:.0%} clean, median misfit {misfit['x0']:.2f}."
    )
    _, axes = plots.figure(2, 1, size=(10, 2.7), alt=alt)
    for ax, (kind, sheet) in zip(axes, sheets.items(), strict=True):
        title = f"{names[kind]}: {clean[kind]:.0%} are clean, median misfit {misfit[kind]:.2f}"
        plots.pictures(sheet[:24:2], ax, columns=12, title=title)


def guidance(scores: Mapping[float, Mapping[str, float]], real: float, study: Any) -> None:
    """What guidance buys and costs: shares of pictures, those of the two withheld pairs, and the
    variety of those that obey. Thick: this run; thin: the networks of the study.
    """
    scales = list(scores)
    alt = (
        "Left, against the guidance scale: known captions are obeyed from w = 1 on; new ones less"
        " often, and differently from network to network, and obeyed by a clean picture"
        f" {scores[1.0]['new, clean']:.2f} at w = 1, {scores[2.0]['new, clean']:.2f} at 2 and"
        f" {scores[4.0]['new, clean']:.2f} at 4; the share of clean pictures is"
        f" {scores[2.0]['clean']:.2f} at 2 and {scores[3.0]['clean']:.2f} at 3. Middle:"
        " green triangles are read as asked by all five networks, blue circles by some. Right:"
        f" the standard deviation of the center falls from {scores[1.0]['variety']:.2f} pixels at"
        f" w = 1 to {scores[2.0]['variety']:.2f} at 2; real pictures have {real:.2f}."
    )
    _, (shares, pairs, variety) = plots.figure(1, 3, size=(13, 3.8), alt=alt)
    curves = (
        ("known", plots.DATA, "-"),
        ("new", plots.MODEL, "--"),
        ("new, clean", plots.WRONG, "-."),
        ("clean", plots.OTHER, ":"),
    )
    for name, color, style in curves:
        for values in study[name]:
            shares.plot(study["w"], values, color=color, linewidth=0.8, alpha=0.45)
        values = [score[name] for score in scores.values()]
        shares.plot(scales, values, style, color=color, linewidth=2.2, marker="o", label=name)
    shares.set_ylim(-0.03, 1.08)
    title = "thick: this run; thin: five other networks"
    shares.legend(
        loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0), frameon=False, title=title
    )
    plots.label(shares, "", "guidance scale w", "share of pictures")
    withheld_pairs(pairs, study)
    upto = 6  # beyond w = 3 fewer pictures are clean
    for values in study["variety"]:
        variety.plot(
            study["w"][1:upto], values[1:upto], color=plots.MODEL, linewidth=0.8, alpha=0.45
        )
    values = [score["variety"] for score in scores.values()]
    variety.plot(scales[1:upto], values[1:upto], color=plots.MODEL, linewidth=2.2, marker="o")
    variety.axhline(real, color=plots.DATA, linestyle="--")
    variety.annotate(
        "real pictures", (scales[upto - 1], real), (0, 4), textcoords="offset points", ha="right"
    )
    variety.set_ylim(0, 1.2 * real)
    plots.label(variety, "variety: std of the center, in pixels", "guidance scale w", "")


def withheld_pairs(ax: Any, study: Any) -> None:
    """How often pictures of each new pair read as asked: a line for each network of the study."""
    for name, color, mark in (
        ("green triangle", plots.OTHER, "^"),
        ("blue circle", plots.DATA, "o"),
    ):
        for k, values in enumerate(study[name]):
            label = name if k == 0 else None
            ax.plot(study["w"], values, color=color, marker=mark, linewidth=0.8, label=label)
    ax.set_ylim(-0.03, 1.08)
    title = "five other networks, by pair"
    ax.legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0), frameon=False, title=title)
    plots.label(ax, "", "guidance scale w", "share read as asked")


def caption_trajectory(
    ax: Any, times: Sequence[float], trajectory: Any, estimate: Any, six: Any, title: str
) -> None:
    """One picture on its way from noise (8, 3, H, W), what the network expects at each of its
    moments, and six results (6, 3, H, W); the times t of the moments are on the axis above.
    """
    import torch

    blank = torch.ones_like(six[:1]).expand(8 - len(six), -1, -1, -1)
    plots.pictures(torch.cat([trajectory, estimate, six, blank]), ax, columns=8, title=title)
    ax.axis("on")
    ax.set(yticks=[8, 25, 42], yticklabels=["x at time t", "its x₀", "six results"])
    ax.set_xticks(8 + 17 * np.arange(8), [f"{t:g}" for t in times])
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def decoder_and_painter(mean: Any, drawn: Any) -> None:
    """Six answers (6, 3, H, W) of a decoder without noise beside six pictures of the painter."""
    alt = (
        "Left, the decoder: the same square six times. Right, the painter: six squares that differ"
        " in place and size."
    )
    _, axes = plots.figure(1, 2, size=(11, 1.4), alt=alt)
    titles = ("decoder without noise", "painter")
    for ax, pictures, title in zip(axes, (mean, drawn), titles, strict=True):
        plots.pictures(pictures, ax, columns=6, title=title)


def sheets(groups: Mapping[str, Any], alt: str) -> None:
    """An even number of groups of pictures (N, 3, H, W), two to a row, each under its title."""
    _, axes = plots.figure(len(groups) // 2, 2, size=(9, 0.55 * len(groups)), alt=alt)
    for ax, (title, pictures) in zip(axes.flat, groups.items(), strict=True):
        plots.pictures(pictures, ax, columns=len(pictures), title=title)


def photographs(groups: Mapping[str, Any], alt: str) -> None:
    """Photographs (3, H, W) in [0, 1] side by side, each under its title, not smoothed."""
    columns = len(groups) if len(groups) <= 4 else -(-len(groups) // 2)
    rows = -(-len(groups) // columns)
    _, axes = plots.figure(rows, columns, size=(2.8 * columns, 3.1 * rows), alt=alt)
    for ax, (title, photograph) in zip(axes.flat, groups.items(), strict=True):
        ax.imshow(np.asarray(photograph).transpose(1, 2, 0).clip(0, 1), interpolation="nearest")
        ax.set_title(title)
        ax.axis("off")


def expressive_range(groups: Mapping[str, Any]) -> None:
    """Length of the shortest solution against the share of open tiles, for each group (2, N)."""
    most = max(len(pair[0]) for pair in groups.values())
    shown = {name: np.asarray(pair) for name, pair in groups.items() if len(pair[0]) >= most / 4}
    alt = (
        "Expressive range: steps of the shortest solution against the share of open tiles, for "
        + "; ".join(
            f"{name}, median {np.median(pair[0]):.0f} steps" for name, pair in shown.items()
        )
        + "."
    )
    _, axes = plots.figure(1, len(shown), size=(11, 3.2), alt=alt)
    bins = (np.arange(0.5, 27), np.linspace(0, 0.6, 31))
    for ax, (name, (steps, share)) in zip(axes, shown.items(), strict=True):
        ax.hist2d(steps, share, bins=bins, cmap="Blues", cmin=1)
        plots.label(
            ax, name.replace(", ", ",\n"), "steps", "share of open tiles" if ax is axes[0] else ""
        )
