"""The pictures of lesson 06 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from course_utils import plots


def density_duel(
    axes: Any,
    x: np.ndarray,
    p: np.ndarray,
    q: np.ndarray,
    said: np.ndarray,
    plans: np.ndarray,
    places: np.ndarray,
    *,
    frame: int,
    rounds: int,
) -> None:
    """One moment of a game between a forger and an inspector on a line: four panels on an array of
    four axes.

    x (N,) even boxes, p (N,) density of the data; for each of F moments q (F, N) density of the
    forgeries, said (F, N) the inspector's probability of real, places (F, P) where the plans (P,)
    land. `rounds` is the last moment's round.
    """
    x, p, q, said = (np.asarray(a, dtype=float) for a in (x, p, q, said))
    best = (p + 1e-12) / (p + q + 2e-12)  # (F, N), one half where neither ever is
    densities, answers, bends, value = np.ravel(axes)
    _densities(densities, x, p, q[frame])
    _answers(answers, x, said[frame], best[frame], p + q[frame] > 0.01)
    _bent_noise(bends, plans, places[frame])
    _value_of_the_game(value, [_value(p, q, d, x[1] - x[0]) for d in (said, best)], frame, rounds)


def duels(
    x: np.ndarray,
    p: np.ndarray,
    plans: np.ndarray,
    moments: Mapping[tuple[int, int], list[np.ndarray]],
    rounds: int,
) -> Any:
    """Moments of games side by side, one column each. moments: (log2 of the ratio, moment of 41) ->
    the film so far as `density_duel` takes it.
    """
    named = {}
    for (ratio, moment), film in moments.items():
        moves = f"{max(1, 2**ratio)} : {max(1, 2**-ratio)}"
        named[f"D : G = {moves}, round {moment * rounds // 40}"] = film
    fig, axes = plots.figure(4, len(named), alt="drawn below", size=(11, 10.8))
    x, p = np.asarray(x, dtype=float), np.asarray(p, dtype=float)
    words = []
    for column, (title, film) in zip(axes.T, named.items(), strict=True):
        q, said, places = (np.asarray(part) for part in film)
        density_duel(column, x, p, q, said, plans, places, frame=len(q) - 1, rounds=rounds)
        column[0].set_title(title)
        best = (p + 1e-12) / (p + q[-1:] + 2e-12)
        js = (_value(p, q[-1:], best, x[1] - x[0])[0] + np.log(4)) / 2
        left = 100 * q[-1][x < 0].sum() / q[-1].sum()
        words.append(
            f"{title}: {left:.0f} % of the generator's mass is left of 0, JS {js:.2f} nats."
        )
    fig.set_label(" ".join(words))
    return fig


def _densities(ax: Any, x: np.ndarray, p: np.ndarray, q: np.ndarray) -> None:
    ax.fill_between(x, p, color=plots.DATA, alpha=0.3, linewidth=0)
    ax.plot(x, p, color=plots.DATA)
    ax.plot(x, q, "--", color=plots.MODEL)
    ax.text(-3.9, 1.42, "data p", color=plots.DATA, fontsize=11)
    ax.text(-3.9, 1.26, "forger q", color=plots.MODEL, fontsize=11)
    ax.set(xlim=(-4, 4), ylim=(0, 1.6), xticks=(-2, 0, 2), yticks=(0, 1))
    plots.label(ax, "who is where", "x", "density")


def _answers(ax: Any, x: np.ndarray, said: np.ndarray, best: np.ndarray, seen: np.ndarray) -> None:
    ax.axhline(0.5, color=plots.MUTED, linewidth=0.8, linestyle=":")
    ax.plot(x, np.where(seen, best, np.nan), "--", color=plots.OTHER)
    ax.plot(x, said, color="black", linewidth=1.6)
    ax.text(-3.9, 1.13, "D says", fontsize=11)
    ax.text(-1.2, 1.13, "best D", color=plots.OTHER, fontsize=11)
    ax.set(xlim=(-4, 4), ylim=(-0.03, 1.27), xticks=(-2, 0, 2), yticks=(0, 0.5, 1))
    plots.label(ax, "what the inspector says", "x", "probability of real")


def _bent_noise(ax: Any, plans: np.ndarray, places: np.ndarray) -> None:
    for hump in (-2, 2):
        ax.axhspan(hump - 0.6, hump + 0.6, color=plots.DATA, alpha=0.25, linewidth=0)
    ax.plot(plans, places, color=plots.MODEL)
    ax.set(xlim=(-3, 3), ylim=(-4, 4), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    plots.label(ax, "how G bends its noise", "plan z1", "place g(z1)")


def _value(p: np.ndarray, q: np.ndarray, d: np.ndarray, width: float) -> np.ndarray:
    """V(D, G) by boxes for every moment. (N,), (F, N), (F, N) -> (F,)"""
    d = np.clip(d, 1e-12, 1 - 1e-12)
    return (p * np.log(d) + q * np.log1p(-d)).sum(axis=1) * width


def _value_of_the_game(ax: Any, values: list[np.ndarray], frame: int, rounds: int) -> None:
    t, (actual, best) = np.linspace(0, rounds, len(values[0])), values
    floor = -np.log(4)
    ax.axhline(floor, color=plots.MUTED, linewidth=0.8, linestyle=":")
    ax.plot(t, best, "--", color=plots.OTHER, linewidth=1.6)
    ax.plot(t, actual.clip(-2.2), color="black", linewidth=1.2)
    ax.axvline(t[frame], color=plots.WRONG, linewidth=1)
    ax.plot(t[frame], best[frame], "o", color=plots.OTHER)
    ax.text(
        0.98 * rounds,
        floor - 0.04,
        "-log 4: q is p",
        ha="right",
        va="top",
        color=plots.MUTED,
        fontsize=11,
    )
    ax.set(xlim=(0, rounds), ylim=(-2.3, 0.1), xticks=(0, rounds // 2, rounds), yticks=(-2, -1, 0))
    plots.label(
        ax,
        f"V {actual[frame]:.2f}, with the best D {best[frame]:.2f}\nJS"
        f" {(best[frame] - floor) / 2:.2f} nats",
        "round",
    )


def flow(
    ax: Any,
    boxes: Mapping[str, tuple[float, float]],
    *,
    arrows: list[tuple[str, str]],
    messages: tuple[tuple[str, str], ...] = (),
    learned: tuple[str, ...] = (),
    bend: float = 0.3,
) -> Any:
    """A flowchart: boxes by name at (x, y), arrows from box to box, dashed curved `messages` of
    what is learned.

    A message to a lower box passes below, any other above, as high as `bend` says. Boxes in
    `learned` are filled: they are networks. Raises KeyError if an arrow names no box.
    """
    drawn = {}
    for name, (x, y) in boxes.items():
        network = name in learned
        drawn[name] = ax.text(
            x,
            y,
            name,
            ha="center",
            va="center",
            color="white" if network else "black",
            fontsize=12,
            bbox={
                "boxstyle": "round,pad=0.45",
                "facecolor": plots.DATA if network else "white",
                "edgecolor": plots.DATA if network else plots.MUTED,
            },
        )
    for start, end in [*arrows, *messages]:
        below = boxes[end][1] < boxes[start][1]
        dashed = {
            "color": plots.MODEL,
            "linestyle": "--",
            "connectionstyle": f"arc3,rad={-bend if below else bend}",
        }
        ax.annotate(
            "",
            boxes[end],
            boxes[start],
            arrowprops={
                "arrowstyle": "-|>",
                "patchA": drawn[start].get_bbox_patch(),
                "patchB": drawn[end].get_bbox_patch(),
                "shrinkA": 3,
                "shrinkB": 3,
                **(dashed if (start, end) in messages else {"color": "black"}),
            },
        )
    xs, ys = zip(*boxes.values(), strict=True)
    ax.set(xlim=(min(xs) - 0.7, max(xs) + 0.7), ylim=(min(ys) - 0.9, max(ys) + 0.9))
    ax.axis("off")
    return ax


def two_players(ax: Any) -> None:
    """The game of a GAN: who feeds whom, and who learns from D's answer."""
    places = {"noise z": (0, 1), "G": (1.3, 1), "G(z)": (2.6, 1), "data x": (2.6, 0)}
    flow(
        ax,
        places | {"D": (4, 0.5), "real?": (5.4, 0.5)},
        arrows=[("noise z", "G"), ("G", "G(z)"), ("G(z)", "D"), ("data x", "D"), ("D", "real?")],
        messages=(("real?", "D"), ("real?", "G")),
        learned=("G", "D"),
    )


def chart_of_the_article(ax: Any) -> None:
    """One chain for every generative model, as the article draws it."""
    chain = ["data", "encoder", "distribution", "decoder", "generated"]
    chain += ["discriminator", "loss", "optimizer", "update"]
    flow(
        ax,
        {name: (1.5 * i, 0) for i, name in enumerate(chain)},
        arrows=list(pairwise(chain)),
        messages=(("update", "encoder"),),
        learned=("encoder", "decoder", "discriminator"),
        bend=0.15,
    )


def chart_of_a_vae(ax: Any) -> None:
    """What a VAE computes, and what its one loss teaches."""
    chain = ["data x", "encoder", "mu, logvar", "z", "decoder", "minus ELBO"]
    places = {name: (x, 0) for name, x in zip(chain, (0, 1.6, 3.3, 4.9, 6.3, 8.2), strict=True)}
    flow(
        ax,
        places | {"noise": (4.9, 1), "x again": (8.2, 1)},
        arrows=[*pairwise(chain), ("noise", "z"), ("x again", "minus ELBO")],
        messages=(("minus ELBO", "decoder"), ("minus ELBO", "encoder")),
        learned=("encoder", "decoder"),
    )


def chart_of_a_gan(ax: Any) -> None:
    """What a GAN computes, and what each of its two losses teaches."""
    places = {"noise z": (0, 1), "G": (1.6, 1), "G(z)": (3.3, 1), "data x": (3.3, 0)}
    forging = [("noise z", "G"), ("G", "G(z)"), ("G(z)", "D")]
    flow(
        ax,
        places | {"D": (4.9, 0.5), "g_loss": (6.6, 1), "d_loss": (6.6, 0)},
        arrows=[*forging, ("data x", "D"), ("D", "d_loss"), ("D", "g_loss")],
        messages=(("d_loss", "D"), ("g_loss", "G")),
        learned=("G", "D"),
    )
