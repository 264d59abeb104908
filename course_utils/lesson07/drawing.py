"""The figures and tables of lesson 07: drawing only, the ideas are in the notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from course_utils import metrics, plots
from course_utils.lesson07.floorplans import CELL, NAMES, Box
from course_utils.lesson07.plan_drawing import draw as plan
from course_utils.lesson07.repairing import Part

__all__ = [
    "broken_parts",
    "cuts",
    "fine_tuning",
    "gan_against_cvae",
    "hundred",
    "plan",
    "plans",
    "print_changed",
    "print_rates",
    "wrong_labels",
]
COLORS = (plots.MUTED, plots.MODEL, plots.OTHER)
COLUMNS = ("valid", "obeys", "both", "walls", "daylight", "width", "hall")


def hundred(images: Any, title: str) -> None:
    """Ten images for each requested digit, two digits per row. (100, 784)"""
    obeyed = int((metrics.read_digits(images) == np.repeat(np.arange(10), 10)).sum())
    alt = (
        "A hundred digits, requested from 0 to 9, ten of each. A classifier labels"
        f" {obeyed} of them as requested."
    )
    plots.images(images.cpu(), columns=20, title=title, alt=alt)


def wrong_labels(costs: Mapping[str, float]) -> None:
    """Bars: how many nats a wrong condition costs, model by model."""
    words = ", ".join(f"{name}: {value:.1f}" for name, value in costs.items())
    ax = plots.bars(
        list(costs),
        list(costs.values()),
        form=".1f",
        color=[plots.MUTED, plots.MODEL, plots.WRONG],
        alt=f"Nats per digit that a wrong condition costs. {words}.",
    )
    plots.label(ax, "what a wrong condition costs", "nats per digit")


def print_rates(table: Mapping[str, Sequence[float]]) -> None:
    """Shares of plans, a row for each way to draw them."""
    print(" " * 18, "".join(f"{name:>9}" for name in COLUMNS))
    for name, row in table.items():
        print(f"{name:<19}", "".join(f"{value:>9.2f}" for value in row))


def print_changed(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> None:
    """How many cells a repair changed, the median over plans."""
    changed = [(a != b).sum() for a, b in zip(before, after, strict=True)]
    print(f"cells that repair changed in a plan: {np.median(changed):.0f} of {before[0].size}")


def plans(rows: Mapping[str, Sequence[tuple[Any, str]]]) -> None:
    """Rows of two plans: name of the row -> (plan, what is written above it) of some, the first two
    of which are drawn.
    """
    rows = {name: list(sheets)[:2] for name, sheets in rows.items()}
    alt = "Floor plans. " + " ".join(
        f"{name}: {'; '.join(title for _, title in sheets)}." for name, sheets in rows.items()
    )
    fig, grid = plots.figure(len(rows), 2, size=(7.7, 3.6 * len(rows)), alt=alt)
    for axes, (name, sheets) in zip(np.atleast_2d(grid), rows.items(), strict=True):
        for ax, (sheet, title) in zip(axes, sheets, strict=True):
            plan(np.asarray(sheet), ax, title=f"{name}\n{title}")


def cuts(raw: np.ndarray, house: Part, finished: np.ndarray) -> None:
    """A repair in four panels: what the model drew, the first cut, all cuts, and the doors."""
    alt = (
        f"Four panels. The model's plan; the first cut, into {_rooms(house.parts[0])} and"
        f" {_rooms(house.parts[1])}; all cuts, a box for each of the {len(house.rooms)} rooms; the"
        " finished plan with doors."
    )
    fig, grid = plots.figure(2, 2, size=(7.7, 6), alt=alt)
    axes = grid.ravel()
    plan(raw, axes[0], title="as the model drew it", labels=False)
    _boxes(axes[1], raw, {_rooms(part, "\n"): part.box for part in house.parts}, "the first cut")
    _boxes(axes[2], raw, {NAMES[k]: box for k, box in house.leaves().items()}, "all cuts")
    plan(finished, axes[3], title="and the doors", labels=False)


def _rooms(part: Part, between: str = ", ") -> str:
    return between.join(NAMES[kind] for kind in part.rooms)


def _boxes(ax: Any, raw: np.ndarray, boxes: Mapping[str, Box], title: str) -> None:
    """Boxes with names on an empty sheet, in the frame of a drawn plan."""
    from matplotlib.patches import Rectangle

    height, width = raw.shape[0] * CELL, raw.shape[1] * CELL
    for name, box in boxes.items():
        size = box.width * CELL, box.height * CELL
        corner = box.left * CELL, box.top * CELL
        ax.add_patch(Rectangle(corner, *size, facecolor="#F4F4F4", edgecolor="#222222"))
        center = corner[0] + size[0] / 2, corner[1] + size[1] / 2
        narrow = size[0] < 3.5 and size[0] < size[1]
        ax.text(*center, name, ha="center", va="center", fontsize=7.5, rotation=90 * narrow)
    ax.set(xlim=(-0.9, width + 0.4), ylim=(height + 0.2, -0.9), aspect="equal")
    ax.set_title(title, fontsize=11)
    ax.axis("off")


def gan_against_cvae(long: Mapping[str, np.ndarray], cvae: Mapping[str, float]) -> None:
    """Control and FD of a conditional GAN over a minute, the CVAE's beside them."""
    alt = (
        f"Over {long['seconds'][-1]:.0f} CPU seconds the GAN's control goes from"
        f" {long['control'][0]:.2f} to {long['control'][-1]:.2f} and its FD from"
        f" {long['fd'][0]:.0f} to {long['fd'][-1]:.0f}. Dashed, the CVAE after a few seconds:"
        f" {cvae['control']:.2f} and {cvae['FD']:.0f}."
    )
    fig, axes = plots.figure(1, 2, size=(10, 3), alt=alt)
    for ax, key, ours, name in (
        (axes[0], "control", cvae["control"], "control"),
        (axes[1], "fd", cvae["FD"], "Fréchet distance"),
    ):
        t = long["seconds"]
        ax.plot(t, long[key], "o-", color=plots.MODEL, markersize=4)
        ax.axhline(ours, color=plots.OTHER, linestyle="--")
        ax.text(t[-1], ours, "CVAE, a few seconds", color=plots.OTHER, ha="right", va="bottom")
        plots.label(ax, name, "CPU seconds of training", name)


def fine_tuning(curves: Mapping[str, Mapping[int, Sequence[float]]]) -> None:
    """Bound, control and FD over the epochs of fine-tuning, a line for each start."""
    first, last = (pick(next(iter(curves.values()))) for pick in (min, max))
    words = " ".join(
        f"{name}: from {curve[first][1]:.2f} to {curve[last][1]:.2f}."
        for name, curve in curves.items()
    )
    alt = f"Three panels over the epochs of fine-tuning: bound, control, FD. Control, {words}"
    fig, axes = plots.figure(1, 3, size=(11, 3.3), alt=alt)
    for (name, curve), color, dash in zip(curves.items(), COLORS, (":", "--", "-"), strict=True):
        for ax, values in zip(axes, zip(*curve.values(), strict=True), strict=True):
            ax.plot(list(curve), values, dash, marker="o", markersize=4, color=color, label=name)
    for ax, what in zip(axes, ("bound on test digits (nats)", "control", "FD"), strict=True):
        ax.set_xscale("log")
        ax.set_xticks(epochs := list(next(iter(curves.values()))), epochs)
        ax.minorticks_off()
        plots.label(ax, what, "epochs on fifty digits")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def broken_parts(shares: Mapping[str, float]) -> None:
    """Bars: how often each requirement of a bracket is broken."""
    words = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
    ax = plots.bars(
        list(shares), list(shares.values()), form=".2f", color=plots.WRONG,
        alt=f"Shares of raw brackets that break each requirement: {words}.",
    )  # fmt: skip
    plots.label(ax, "what raw brackets break", "share of raw brackets")
