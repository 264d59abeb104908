"""The pictures of lesson 06: drawing only, the ideas are in the notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from course_utils import plots
from course_utils.lesson06.toys import modes


def density_duel(
    axes: Any,
    x: np.ndarray,
    p: np.ndarray,
    q: np.ndarray,
    answers: np.ndarray,
    latents: np.ndarray,
    places: np.ndarray,
    *,
    frame: int,
    rounds: int,
) -> None:
    """One moment of a game on a line: four panels on an array of four axes.

    x (N,) even grid, p (N,) density of the data; for each of F moments q (F, N) density of the
    samples, answers (F, N) D's probability of real, places (F, P) of the latent variables (P,).
    `rounds` is the last moment's round.
    """
    x, p, q, answers = (np.asarray(a, dtype=float) for a in (x, p, q, answers))
    best = (p + 1e-12) / (p + q + 2e-12)  # (F, N), one half where both densities are 0
    top, second, third, last = np.ravel(axes)
    _densities(top, x, p, q[frame])
    _answers(second, x, answers[frame], best[frame], p + q[frame] > 0.01)
    _bent_noise(third, latents, places[frame])
    _value_function(last, [_value(p, q, d, x[1] - x[0]) for d in (answers, best)], frame, rounds)


def duels(
    x: np.ndarray,
    p: np.ndarray,
    latents: np.ndarray,
    moments: Mapping[tuple[tuple[int, int], int], list[np.ndarray]],
    rounds: int,
) -> Any:
    """Moments of games, one row each, as wide as a slide. moments: (moves of D and G, moment of 41)
    -> the film so far as `density_duel` takes it.
    """
    named = {}
    for ((d, g), moment), film in moments.items():
        named[f"D : G = {d} : {g}, round {moment * rounds // 40}"] = film
    fig, axes = plots.figure(len(named), 4, alt="drawn below", size=(11, 6.2))
    x, p = np.asarray(x, dtype=float), np.asarray(p, dtype=float)
    words = []
    for row, (title, film) in zip(axes, named.items(), strict=True):
        q, answers, places = (np.asarray(part) for part in film)
        last = rounds * (len(q) - 1) // 40  # a film of 41 moments, as far as it is shown
        density_duel(row, x, p, q, answers, latents, places, frame=len(q) - 1, rounds=last)
        row[0].set_title(title)
        best = (p + 1e-12) / (p + q[-1:] + 2e-12)
        js = (_value(p, q[-1:], best, x[1] - x[0])[0] + np.log(4)) / 2
        left = 100 * q[-1][x < 0].sum() / q[-1].sum()
        words.append(
            f"{title}: {left:.0f} % of the generator's mass is left of 0, JS {js:.2f} nats."
        )
    for ax in axes[:-1].flat:
        ax.set_xlabel("")
    fig.set_label(" ".join(words))
    return fig


def _densities(ax: Any, x: np.ndarray, p: np.ndarray, q: np.ndarray) -> None:
    ax.fill_between(x, p, color=plots.DATA, alpha=0.3, linewidth=0)
    ax.plot(x, p, color=plots.DATA)
    ax.plot(x, q, "--", color=plots.MODEL)
    ax.text(-3.9, 1.4, "data p", color=plots.DATA, fontsize=11)
    ax.text(-0.6, 1.4, "samples q", color=plots.MODEL, fontsize=11)
    ax.set(xlim=(-4, 4), ylim=(0, 1.6), xticks=(-2, 0, 2), yticks=(0, 1))
    plots.label(ax, "densities", "x", "density")


def _answers(
    ax: Any, x: np.ndarray, answers: np.ndarray, best: np.ndarray, seen: np.ndarray
) -> None:
    ax.axhline(0.5, color=plots.MUTED, linewidth=0.8, linestyle=":")
    ax.plot(x, np.where(seen, best, np.nan), "--", color=plots.OTHER)
    ax.plot(x, answers, color="black", linewidth=1.6)
    ax.text(-3.9, 1.13, "D", fontsize=11)
    ax.text(-1.2, 1.13, "optimal D", color=plots.OTHER, fontsize=11)
    ax.set(xlim=(-4, 4), ylim=(-0.03, 1.27), xticks=(-2, 0, 2), yticks=(0, 0.5, 1))
    plots.label(ax, "discriminator", "x", "P(real)")


def _bent_noise(ax: Any, latents: np.ndarray, places: np.ndarray) -> None:
    for mode in (-2, 2):
        ax.axhspan(mode - 0.6, mode + 0.6, color=plots.DATA, alpha=0.25, linewidth=0)
    ax.plot(latents, places, color=plots.MODEL)
    ax.set(xlim=(-3, 3), ylim=(-4, 4), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    plots.label(ax, "how G bends its noise", "latent variable z1", "place g(z1)")


def _value(p: np.ndarray, q: np.ndarray, d: np.ndarray, width: float) -> np.ndarray:
    """V(D, G) on the grid for every moment. (N,), (F, N), (F, N) -> (F,)"""
    d = np.clip(d, 1e-12, 1 - 1e-12)
    return (p * np.log(d) + q * np.log1p(-d)).sum(axis=1) * width


def _value_function(ax: Any, values: list[np.ndarray], frame: int, rounds: int) -> None:
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
        f"V {actual[frame]:.2f}, optimal D {best[frame]:.2f}\nJS"
        f" {(best[frame] - floor) / 2:.2f} nats",
        "round",
    )


def optimal_discriminator(x: Any, p: Any, q: Any, trained: Any, optimal: Any) -> None:
    """Two densities, and what a discriminator says of them. All (N, 1)."""
    x, p, q, trained, optimal = (np.ravel(a) for a in (x, p, q, trained, optimal))
    gap = abs(trained - optimal)
    alt = (
        f"Data with two modes, one wide normal distribution. D is within"
        f" {gap[abs(x) < 2.5].mean():.2f} of the optimum on average between -2.5 and 2.5, and"
        f" {gap[abs(x) > 3].mean():.2f} away beyond 3."
    )
    _, axes = plots.figure(1, 2, size=(11, 3), alt=alt)
    plots.line(x, p, axes[0], color=plots.DATA, name="data p", at=0.28)
    axes[0].plot(x, q, "--", color=plots.MODEL)
    axes[0].text(0, 0.43, "generator q", color=plots.MODEL, ha="center")
    plots.label(axes[0], "Two densities", "x", "density")
    axes[1].plot(x, trained, color="black", label="D, trained")
    axes[1].plot(x, optimal, "--", color=plots.OTHER, label="optimal, p/(p + q)")
    axes[1].set(ylim=(-0.03, 1.3), yticks=(0, 0.5, 1))
    axes[1].legend(loc="upper center", ncols=2)
    plots.label(axes[1], "Discriminator", "x", "probability of real")


def _points(ax: Any, real: Any, samples: Any, title: str) -> None:
    """Samples over real data in the plane."""
    ax.scatter(*real.cpu().T, s=4, color=plots.DATA)
    ax.scatter(*samples.cpu().T, s=4, marker="x", color=plots.MODEL)
    ax.set(xlim=(-3, 3), ylim=(-3, 3), xticks=(-2, 0, 2), yticks=(-2, 0, 2), aspect="equal")
    ax.set_title(title)


def _count(samples: Any) -> str:
    count = modes(samples)[0]
    return f"{count} mode{'s' * (count != 1)}"


def _share(samples: Any) -> str:
    return f"{100 * modes(samples)[1]:.0f} % on a mode"


def ring_film(real: Any, film: Sequence[Any]) -> None:
    """Four moments of a game on the ring; film: samples after every 50 rounds."""
    shown = [min(i, len(film) - 1) for i in (0, 1, 5, len(film) - 1)]
    summary = ", ".join(f"{_count(film[i])} after {50 * (i + 1)} rounds" for i in shown)
    _, axes = plots.figure(1, 4, size=(11, 3), alt=f"Samples over the eight modes: {summary}.")
    for ax, i in zip(axes, shown, strict=True):
        _points(ax, real, film[i], f"round {50 * (i + 1)}: {_count(film[i])}")


def ring_lab(real: Any, lab: Mapping[Any, Any], counts: Mapping[Any, list[int]]) -> None:
    """Games by (beta1, seed): samples of two seeds, counts of modes, losses of the last seed.

    lab: (film, losses (rounds, 2)); one row for each beta1.
    """
    summary = "; ".join(
        f"beta1 {b}, seed {s}: {_count(film[-1])}, {_share(film[-1])}"
        for (b, s), (film, _) in lab.items()
    )
    ends = ", ".join(
        f"D {d:.2f} and G {g:.2f} for beta1 {b}, seed {s}"
        for (b, s), (_, losses) in lab.items()
        if s == max(seed for _, seed in lab)
        for d, g in [losses[-100:].mean(axis=0)]
    )
    alt = f"Samples at the end: {summary}. Mean losses of the last 100 rounds: {ends}."
    _, axes = plots.figure(2, 4, size=(11, 5.8), alt=alt)
    for row, beta1 in zip(axes, (0.5, 0.9), strict=True):
        seeds = [seed for beta, seed in lab if beta == beta1]
        for ax, seed in zip(row[:2], (seeds[0], seeds[-1]), strict=True):
            film = lab[beta1, seed][0]
            title = f"β1 {beta1}, seed {seed}: {_count(film[-1])}\n{_share(film[-1])}"
            _points(ax, real, film[-1], title)
        rounds = 50 * (1 + np.arange(len(lab[beta1, seeds[0]][0])))
        for seed, style in zip(seeds, ("-", "--"), strict=True):
            row[2].plot(rounds, counts[beta1, seed], style, linewidth=1.4, label=f"seed {seed}")
        row[2].set(ylim=(-0.3, 8.3))
        plots.label(row[2], "modes found", "round")
        losses = lab[beta1, seeds[-1]][1]
        smooth = losses[: len(losses) // 25 * 25].reshape(-1, 25, 2).mean(axis=1)  # (rounds/25, 2)
        for values, name, color in zip(smooth.T, "DG", (plots.OTHER, plots.MODEL), strict=True):
            row[3].plot(25 * (1 + np.arange(len(values))), values, color=color, label=name)
        for level in np.log([4, 2]):
            row[3].axhline(level, color=plots.MUTED, linewidth=0.8, linestyle=":")
        row[3].set(ylim=(0, 3.5))
        plots.label(row[3], f"losses, seed {seeds[-1]}", "round")
    axes[1, 2].legend(fontsize=10)
    axes[0, 3].legend(fontsize=10)


def circles(paths: Mapping[str, np.ndarray]) -> None:
    """Paths of a game of two numbers around its equilibrium, one panel each."""
    ends = {name: np.linalg.norm(path[-1]) for name, path in paths.items()}
    summary = ", ".join(
        f"{name} {end:.2f} after {len(paths[name]) - 1} rounds" for name, end in ends.items()
    )
    alt = f"A circle, two outward spirals and one inward, from distance 1. Distances: {summary}."
    _, axes = plots.figure(1, len(paths), size=(11, 3.1), alt=alt)
    for ax, (name, path) in zip(axes, paths.items(), strict=True):
        ax.plot(*path.T, color=plots.MODEL, linewidth=1)
        ax.plot(*path[0], "o", color="black", markersize=4)
        ax.plot(0, 0, "+", color=plots.DATA, markersize=12)
        size = 1.1 * max(1, abs(path).max())
        ax.set(xlim=(-size, size), ylim=(-size, size), aspect="equal")
        rounds = len(path) - 1
        plots.label(ax, f"{name}\ndistance after {rounds}: {ends[name]:.2f}", "theta (G)")
    axes[0].set_ylabel("phi (D)")


def far_away(paths: Mapping[tuple[str, bool], tuple[list[float], list[float]]]) -> None:
    """W1 to the data and norms of G's gradient; paths: (loss, with Adam) -> both."""
    summary = ", ".join(
        f"{name} with {'Adam' if adam else 'SGD'} {path[-1]:.1f}"
        for (name, adam), (path, _) in paths.items()
    )
    _, axes = plots.figure(
        1, 2, size=(11, 3), alt=f"All start near 8. W1 to the data at the end: {summary}."
    )
    for (name, adam), (path, size) in paths.items():
        color = plots.WRONG if name == "saturating" else plots.MODEL
        axes[0].plot(path, "-" if adam else "--", color=color, linewidth=1.4)
        if not adam:
            axes[1].plot(size, "--", color=color, linewidth=1.2, label=name)
    axes[0].set(ylim=(0, 9))
    axes[1].set(yscale="log", ylim=(1e-6, 1e4))
    axes[1].legend(loc="upper center", ncols=2)
    plots.label(
        axes[0], "W1 to the data; solid Adam, dashed SGD", "round after D's head start", "W1"
    )
    plots.label(axes[1], "Gradient of G, with SGD", "round after D's head start", "length")


def critic_and_its_loss(
    real: Any, film: Sequence[Any], study: Mapping[str, np.ndarray], row: int = -1
) -> None:
    """A critic's last samples, and minus D's loss against W1 for a GAN and a critic.

    film: samples after every 50 rounds; study: gan_critic; row: of its `moves`.
    """
    most = max(modes(samples)[0] for samples in film)
    labels = {"gan": "GAN", "critic": "critic"}
    spans = "; ".join(
        f"{label}: W1 {study[f'{kind}_w1'][row].min():.1f} to {study[f'{kind}_w1'][row].max():.1f},"
        f" minus D's loss {-study[f'{kind}_loss'][row].max():.1f} to"
        f" {-study[f'{kind}_loss'][row].min():.1f}"
        for kind, label in labels.items()
    )
    alt = f"The critic ends with {_count(film[-1])}, at most {most} on the way. {spans}."
    _, axes = plots.figure(1, 3, size=(11, 3.4), alt=alt)
    _points(axes[0], real, film[-1], f"critic: {_count(film[-1])}")
    for ax, (kind, label) in zip(axes[1:], labels.items(), strict=True):
        loss, distance = study[f"{kind}_loss"][row], study[f"{kind}_w1"][row]
        ax.plot(distance.T, -loss.T, ".", color=plots.MODEL, markersize=4)
        plots.label(ax, f"minus D's loss: {label}, {len(loss)} games", "W1 to the data")
    axes[2].plot([0, 2], [0, 2], "--", color=plots.MUTED, linewidth=1)  # equal


def race(study: Mapping[str, np.ndarray], names: Mapping[str, str]) -> None:
    """FD, precision and recall at equal CPU seconds; names: key in the study -> what it is."""
    last = {
        label: [study[f"{key}_{what}"][:, -1].mean() for what in ("fd", "precision", "recall")]
        for key, label in names.items()
    }
    summary = "; ".join(f"{k}: FD {v[0]:.0f}, P {v[1]:.2f}, R {v[2]:.2f}" for k, v in last.items())
    seconds = study["seconds"]
    alt = f"After {seconds[-1]} CPU seconds, mean of two seeds: {summary}."
    _, axes = plots.figure(1, 3, size=(11, 3), alt=alt)
    styles = ((plots.DATA, "-"), (plots.WRONG, ":"), (plots.MODEL, "--"))
    for (key, label), (color, style) in zip(names.items(), styles, strict=True):
        for ax, what in zip(axes, ("fd", "precision", "recall"), strict=True):
            runs = study[f"{key}_{what}"]  # (seeds, times)
            ax.plot(seconds, runs.mean(axis=0), style, marker="o", color=color, label=label)
            ax.fill_between(seconds, runs.min(axis=0), runs.max(axis=0), color=color, alpha=0.2)
    axes[0].set(yscale="log")
    axes[0].set_yticks((30, 100, 300), ("30", "100", "300"))
    axes[0].minorticks_off()
    axes[0].legend(fontsize=10)
    for ax, title in zip(axes, ("FD: lower is better", "precision", "recall"), strict=True):
        plots.label(ax, title, "CPU seconds")


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
    """A GAN: which network feeds which, and which learn from D's answer."""
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
    places = (0, 1.4, 3.0, 4.6, 6.1, 8.1, 9.7, 11.0, 12.5)  # as far apart as the names are long
    flow(
        ax,
        dict(zip(chain, ((x, 0) for x in places), strict=True)),
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
    generating = [("noise z", "G"), ("G", "G(z)"), ("G(z)", "D")]
    flow(
        ax,
        places | {"D": (4.9, 0.5), "g_loss": (6.6, 1), "d_loss": (6.6, 0)},
        arrows=[*generating, ("data x", "D"), ("D", "d_loss"), ("D", "g_loss")],
        messages=(("d_loss", "D"), ("g_loss", "G")),
        learned=("G", "D"),
    )
