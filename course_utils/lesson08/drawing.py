"""The pictures of lesson 08 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from course_utils import plots

WIDE = 100  # letters in a line of a report
CHANCE = {  # how often a fact is right that is drawn as the match's own was
    "home": 1 / 8,
    "away": 1 / 8,
    "goals": 1 / 5,
    "scorer": 1 / 10,
    "weather": 1 / 5,
    "result": 0.4**2 + 0.2**2 + 0.4**2,  # win, draw, loss
}


def ngrams(bits: dict[int, float], entropy: float) -> Any:
    """Bits per token of n-gram models, by n, above the entropy."""
    best = min(bits, key=lambda n: bits[n])
    ax = plots.panel(
        alt=f"Bits per token of new text fall from {bits[1]:.1f} at n = 1 to {bits[best]:.2f} at"
        f" n = {best}, above the entropy of {entropy:.2f}, and rise again.",
        size=(7, 3),
    )
    ax.plot(list(bits), list(bits.values()), color=plots.MODEL, marker="o")
    ax.axhline(entropy, color=plots.DATA, linestyle="--")
    note = {"xytext": (0, 5), "textcoords": "offset points"}
    ax.annotate(f"entropy {entropy:.2f}", (1, entropy), color=plots.DATA, **note)
    ax.set(ylim=(0, 7))
    return plots.label(
        ax, "n-grams on new documents", "n (words of context, plus one)", "bits per token"
    )


def forgetting(arrives: dict[str, np.ndarray]) -> Any:
    """How much of the gradient arrives at each of T inputs (T,), by the name of a network."""
    ends = ", ".join(f"{name} {share[0]:.0e}" for name, share in arrives.items())
    ax = plots.panel(alt=f"Share of the gradient that arrives 39 steps back: {ends}.", size=(7, 3))
    for (name, share), color in zip(
        arrives.items(), (plots.WRONG, plots.MUTED, plots.MODEL), strict=True
    ):
        plots.line(np.arange(len(share)), share[::-1], ax, name=name, at=0.6, color=color)
    ax.set(yscale="log", ylim=(None, 300))
    return plots.label(ax, "How much of the gradient arrives", "steps back", "share (log scale)")


def ladder(study: dict[str, np.ndarray], entropy: float) -> Any:
    """Models with one more part each, (models, seeds) bits per token, as bits above the entropy."""
    names, above = [str(name) for name in study["names"]], study["bits"] - entropy
    said = "; ".join(f"{name} {row.mean():.3f}" for name, row in zip(names, above, strict=True))
    ax = plots.panel(alt=f"Bits per token above the entropy: {said}.", size=(8.5, 3.4))
    for row, values in enumerate(above):  # no other model builds on the aside
        color = plots.MUTED if names[row] == "average, with positions" else plots.MODEL
        ax.plot(values, np.full(len(values), row), "o", color=color, markersize=7)
        ax.text(values.max() * 1.1, row, f"{values.mean():.3f}", va="center")
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xscale="log", xlim=(0.008, 0.6))
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    return plots.label(
        ax,
        "One more part each (gray: an aside), three seeds and their mean",
        "bits per token above the entropy (log scale)",
    )


def bits_above(bits: dict[str, float], entropy: float) -> Any:
    """Bits per token of several models, and the entropy that no honest one falls below."""
    said = ", ".join(f"{name} {value:.2f}" for name, value in bits.items())
    colors = {"RNN": plots.WRONG, "LSTM": plots.OTHER, "Transformer": plots.MODEL}
    ax = plots.bars(
        list(bits),
        list(bits.values()),
        form=".2f",
        color=[colors.get(name, plots.MUTED) for name in bits],
        alt=f"Bits per token of new documents: {said}; entropy {entropy:.2f}.",
    )
    ax.axvline(entropy, color=plots.DATA, linestyle="--")
    return plots.label(ax, f"New documents; dashed: entropy {entropy:.2f}", "bits per token")


def facts_told_right(facts: dict[str, dict[str, float]]) -> Any:
    """For each kind of fact, a group of bars: which share every writer tells right."""
    kinds, places = list(CHANCE), np.arange(len(CHANCE))
    said = "; ".join(
        f"{name} "
        + ", ".join(f"{kind} {shares[kind]:.2f}" for kind in (*kinds, "all") if kind in shares)
        for name, shares in (facts | {"chance": CHANCE}).items()
    )
    ax = plots.panel(alt=f"Of all facts told, the share that is right: {said}.", size=(9, 3.4))
    styles = {
        "RNN": (plots.WRONG, "//"),
        "LSTM": (plots.OTHER, ".."),
        "Transformer": (plots.MODEL, ""),
        "rules": (plots.DATA, "xx"),
    }
    for i, (name, (color, hatch)) in enumerate(styles.items()):
        shares = [facts[name].get(kind, np.nan) for kind in kinds]
        style = {"color": color, "hatch": hatch, "edgecolor": "white", "label": name}
        ax.bar(places + 0.2 * i - 0.3, shares, 0.18, **style)
    ax.hlines(list(CHANCE.values()), places - 0.42, places + 0.42, "black", ":", label="chance")
    ax.set_xticks(places, kinds)
    ax.legend(ncol=5, loc="upper center", bbox_to_anchor=(0.5, 1.22))
    return plots.label(ax, x="kind of fact", y="share told right")


def writing(written: dict[tuple[float, float], dict[str, float]]) -> Any:
    """Shares of reports that are fluent, and that are different, by temperature; solid without a
    cut, dashed with top-p: (T, p) -> shares by name.
    """
    temperatures, cuts = (list(dict.fromkeys(key)) for key in zip(*written, strict=True))
    said = {
        p: "; ".join(
            f"T = {T:g}: fluent {written[T, p]['fluent']:.2f}, different"
            f" {written[T, p]['different']:.2f}"
            for T in temperatures
        )
        for p in cuts
    }
    ax = plots.panel(
        alt="Shares of forty reports. "
        + " ".join(
            f"{'Without top-p' if p == 1 else f'With p = {p:g}'}: {text}."
            for p, text in said.items()
        ),
        size=(7.5, 3.2),
    )
    for name, color, marker in (
        ("fluent", plots.DATA, "o"),
        ("different", plots.MODEL, "s"),
    ):
        for p, style in zip(cuts, ("-", "--"), strict=True):
            ax.plot(
                temperatures,
                [written[T, p][name] for T in temperatures],
                style,
                color=color,
                marker=marker,
                label=name if p == 1 else f"{name}, p = {p:g}",
            )
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    ax.set(ylim=(-0.05, 1.08))
    return plots.label(ax, "Forty reports on one match", "temperature", "share")


def reports(shown: dict[str, Any]) -> Any:
    """Reports on one match as `explorables.reports` holds them, with false facts crossed out."""
    rows: list[tuple[str, list[str], list[int]]] = [("facts of the match", shown["box"], [])]
    for letter, report in zip("ABCDEF", shown["reports"], strict=False):
        rows.append((f"report {letter}, by the {report['name']}", report["words"], report["marks"]))
    fig, ax = plots.figure(alt="drawn below", size=(9, 4.2))
    y = 0.0
    for title, words, marks in rows:
        ax.text(0, y, title, fontsize=10.5, fontweight="bold")
        y = _flow(ax, y + 1, words, marks) + 1.7
    ax.set(xlim=(0, WIDE), ylim=(y - 1, -1))
    ax.set_position((0.01, 0.01, 0.98, 0.98))
    ax.axis("off")
    return fig


def _flow(ax: Any, y: float, words: list[str], marks: list[int]) -> float:
    """Words from line y on, each letter one unit wide. Returns the last line."""
    x = 0
    for i, word in enumerate(words):
        if x + len(word) > WIDE:
            x, y = 0, y + 1
        mark = marks[i] if marks else 0
        color = {1: plots.DATA, -1: plots.WRONG}.get(mark, "black")
        ax.text(x, y, word, fontsize=9.5, family="monospace", color=color, parse_math=False)
        if mark < 0:
            ax.plot([x, x + len(word)], [y - 0.22, y - 0.22], color=color, lw=1.5)
        x += len(word) + 1
    return y


def shooting_script(match: Any, film: dict[str, Any]) -> None:
    """A film as a crew would read it, below the facts of its match."""
    print("facts:", *match.box[:-1])
    print(f"{film['title'].strip()}, {film['seconds']} seconds")
    for number, scene in enumerate(film["scenes"], 1):
        print(f"{number}  {scene['shot']:<9} {scene['seconds']} s  {scene['say'].strip()}")


def ode(setting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sixteen beats of the Ode to Joy (16, 4) as sixteenths with onsets, (64, 4) each; in its last
    bar the melody is dotted, and the second note of the pair is an eighth.
    """
    notes = np.repeat(setting, 4, axis=0)  # (64, 4)
    onsets = np.broadcast_to(np.arange(64)[:, None] % 4 == 0, (64, 4)).copy()
    notes[54:56, 0] = notes[56, 0]  # D dotted, then an eighth C
    onsets[52, 0], onsets[54, 0] = False, True
    onsets[60, 0] = False  # and the last one lasts two beats
    return notes, onsets


def demands(steps: np.ndarray, shares: np.ndarray, names: tuple[str, ...]) -> Any:
    """Which share of stories meets each demand, and all of them, after so many training steps:
    shares are (checkpoints, demands + 1).
    """
    rows = [*names, "all of them"]
    said = "; ".join(
        f"{name} " + ", ".join(f"{share:.2f}" for share in row)
        for name, row in zip(rows, shares.T, strict=True)
    )
    ax = plots.panel(
        alt="Share of stories that meet each demand, by training steps"
        f" {', '.join(str(step) for step in steps)}: {said}.",
        size=(7, 3.4),
    )
    ax.imshow(shares.T, cmap="Blues", vmin=0, vmax=1.8, aspect="auto")
    for x, column in enumerate(shares):
        for y, share in enumerate(column):
            ax.text(x, y, f"{share:.2f}", ha="center", va="center", color="black")
    ax.set_xticks(range(len(steps)), [str(step) for step in steps])
    ax.set_yticks(range(len(rows)), rows)
    ax.axhline(len(names) - 0.5, color=plots.MUTED, lw=1)
    ax.grid(visible=False)
    return plots.label(ax, "Share of a hundred stories that meet each demand", "training steps")


def two_gates(
    words: list[str], forget: np.ndarray, cells: np.ndarray, units: dict[str, int], body: slice
) -> Any:
    """Hidden units of an LSTM along a text, one panel each: forget and cells are (T, H); `units`
    holds a name for each unit shown. The alt text looks for the lowest forget gate in `body`.
    """
    fig, axes = plots.figure(len(units), 1, alt="drawn below", size=(10.5, 3.4 * len(units)))
    said = []
    for ax, (name, unit) in zip(np.atleast_1d(axes), units.items(), strict=True):
        gates(ax, words, forget[:, unit], cells[:, unit])
        inside = forget[body, unit]
        at = words[body.start + int(inside.argmin())]
        ax.set_title(f"{name}: mean of the forget gate {inside.mean():.2f}")
        said.append(f"{name}: the forget gate is lowest, {inside.min():.2f}, at {at!r}.")
    fig.set_label(" ".join(said))
    return fig


def gates(ax: Any, words: list[str], forget: np.ndarray, cell: np.ndarray) -> None:
    """One hidden unit of an LSTM along a text (T,): its forget gate as bars, its cell, scaled to
    [-1, 1], as a line.
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
    ax.plot(steps, cell / max(1e-9, np.abs(cell).max()), color=plots.MODEL, label="cell c, scaled")
    ax.axhline(0, color=plots.MUTED, lw=0.8)
    ax.set_xticks(steps, words, rotation=90, fontsize=9, parse_math=False)
    ax.set(ylim=(-1.05, 1.05), xlim=(-0.6, len(words) - 0.4))
    ax.legend(loc="upper right", bbox_to_anchor=(1, 1.22), ncols=2, fontsize=9)
    ax.grid(axis="x", visible=False)


def story(
    ax: Any, thing: str, scenes: dict[int, tuple[str, list[tuple[str, int]]]], path: list[int]
) -> None:
    """A branching story as a graph from top to bottom, the scenes of `path` and the ways between
    them marked.
    """
    boxes = {}
    for scene, (x, y) in (at := places(scenes)).items():
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
        paper = {"fc": "white", "ec": "none", "pad": 1}
        ax.text(*middle, way, fontsize=9, ha="left", va="center", zorder=5, bbox=paper)
    ax.set(xlim=(-0.2, 1.2), ylim=(min(y for _, y in at.values()) - 0.5, 0.5))
    ax.axis("off")
    plots.label(ax, f"find the {thing} before night")


def _depths(scenes: dict[int, tuple[str, list[tuple[str, int]]]]) -> dict[int, int]:
    """How many ways lie between scene 1 and each scene that can be reached."""
    depth, ahead = {1: 0}, [1]
    for scene in ahead:
        for _, target in scenes[scene][1]:
            if target in scenes and target not in depth:
                depth[target] = depth[scene] + 1
                ahead.append(target)
    return depth


def places(
    scenes: dict[int, tuple[str, list[tuple[str, int]]]],
) -> dict[int, tuple[float, float]]:
    """Where each scene is drawn: its depth decides the row, and a row is spread evenly."""
    rows: dict[int, list[int]] = {}
    for scene, row in _depths(scenes).items():
        rows.setdefault(row, []).append(scene)
    return {
        scene: ((i + 0.5) / len(row), -y) for y, row in rows.items() for i, scene in enumerate(row)
    }
