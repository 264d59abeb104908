"""The pictures of lesson 08 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from course_utils import plots


def facts_told_right(ax: Any, facts: dict[str, dict[str, float]], kinds: list[str]) -> None:
    """For each kind of fact, a group of bars: which share every model tells right."""
    styles = {
        "RNN": (plots.WRONG, "//"),
        "LSTM": (plots.OTHER, ".."),
        "Transformer": (plots.MODEL, ""),
        "rules": (plots.DATA, "xx"),
    }
    for i, (name, (color, hatch)) in enumerate(styles.items()):
        shares, places = [facts[name].get(kind, 0) for kind in kinds], np.arange(len(kinds))
        style = {"color": color, "hatch": hatch, "edgecolor": "white", "label": name}
        ax.bar(places + 0.2 * i - 0.3, shares, 0.18, **style)
    ax.set_xticks(range(len(kinds)), kinds)
    ax.legend(ncol=4, loc="upper center", bbox_to_anchor=(0.5, 1.22))
    plots.label(ax, x="kind of fact", y="share told right")


def two_gates(
    words: list[str], forget: np.ndarray, ledger: np.ndarray, units: dict[str, int], body: slice
) -> Any:
    """Hidden units of an LSTM along a text, one panel each: forget and ledger are (T, H); `units`
    holds a name for each unit shown. The alt text looks for the lowest forget gate in `body`.
    """
    fig, axes = plots.figure(len(units), 1, alt="drawn below", size=(10.5, 3.4 * len(units)))
    said = []
    for ax, (name, unit) in zip(np.atleast_1d(axes), units.items(), strict=True):
        gates(ax, words, forget[:, unit], ledger[:, unit])
        inside = forget[body, unit]
        at = words[body.start + int(inside.argmin())]
        ax.set_title(f"{name}: mean of the forget gate {inside.mean():.2f}")
        said.append(f"{name}: the forget gate is lowest, {inside.min():.2f}, at {at!r}.")
    fig.set_label(" ".join(said))
    return fig


def gates(ax: Any, words: list[str], forget: np.ndarray, ledger: np.ndarray) -> None:
    """One number of an LSTM's memory along a text (T,): its forget gate as bars, its ledger, scaled
    to [-1, 1], as a line.
    """
    steps = np.arange(len(words))
    ax.bar(
        steps,
        forget,
        color=plots.OTHER,
        alpha=0.45,
        width=0.85,
        label="forget gate (1: all is kept)",
    )
    ax.plot(
        steps, ledger / max(1e-9, np.abs(ledger).max()), color=plots.MODEL, label="ledger c, scaled"
    )
    ax.axhline(0, color=plots.MUTED, lw=0.8)
    ax.set_xticks(steps, words, rotation=90, fontsize=8, parse_math=False)
    ax.set(ylim=(-1.05, 1.05), xlim=(-0.6, len(words) - 0.4))
    ax.legend(loc="upper right", bbox_to_anchor=(1, 1.22), ncols=2, fontsize=9)
    ax.grid(axis="x", visible=False)


def story(
    ax: Any, thing: str, scenes: dict[int, tuple[str, list[tuple[str, int]]]], path: list[int]
) -> None:
    """A branching story as a graph from top to bottom, the scenes of `path` and the ways between
    them marked.
    """
    depth, boxes = _depths(scenes), {}
    for scene, (x, y) in (at := _places(depth)).items():
        boxes[scene] = ax.text(
            x,
            y,
            scenes[scene][0].replace(" : ", "\n"),
            ha="center",
            va="center",
            fontsize=10,
            bbox={
                "boxstyle": "round",
                "fc": "#FBE3D3" if scene in path else "white",
                "ec": plots.MODEL if scene == path[-1] else plots.MUTED,
                "lw": 2.5 if scene == path[-1] else 1,
            },
        )
    ways = [(start, way, end) for start in at for way, end in scenes[start][1] if end in at]
    for start, way, end in ways:
        taken = (start, end) in pairwise(path)
        ax.annotate(
            "",
            at[end],
            at[start],
            zorder=4,
            arrowprops={
                "arrowstyle": "-|>",
                "color": plots.MODEL if taken else plots.MUTED,
                "lw": 3 if taken else 1,
                "shrinkA": 1,
                "shrinkB": 2,
                "patchA": boxes[start].get_bbox_patch(),
                "patchB": boxes[end].get_bbox_patch(),
            },
        )
        middle = 0.5 * np.add(at[start], at[end]) + (0.02, 0)
        ax.text(*middle, way, fontsize=9, ha="left", va="center")
    ax.set(xlim=(-0.2, 1.2), ylim=(-max(depth.values()) - 0.5, 0.5))
    ax.axis("off")
    plots.label(ax, f"find the {thing}")


def _depths(scenes: dict[int, tuple[str, list[tuple[str, int]]]]) -> dict[int, int]:
    """How many ways lie between scene 1 and each scene that can be reached."""
    depth, ahead = {1: 0}, [1]
    for scene in ahead:
        for _, target in scenes[scene][1]:
            if target in scenes and target not in depth:
                depth[target] = depth[scene] + 1
                ahead.append(target)
    return depth


def _places(depth: dict[int, int]) -> dict[int, tuple[float, float]]:
    """Where each scene stands: its depth decides the row, and a row is spread evenly."""
    rows: dict[int, list[int]] = {}
    for scene, row in depth.items():
        rows.setdefault(row, []).append(scene)
    return {
        scene: ((i + 0.5) / len(row), -y) for y, row in rows.items() for i, scene in enumerate(row)
    }
