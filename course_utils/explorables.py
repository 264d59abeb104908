"""Pictures of the explorables that need more than a few lines: drawing only, the ideas stand in the notebooks."""
from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots

DIGIT_COLORS = (plots.DATA, plots.OTHER, plots.WRONG, plots.MUTED, "black")
GAPS = (0.03, 0.1, 0.3, 0.6, 1, 2, 4)  # where the shade of the landscape changes, in nats


def elbo_gap(axes: Any, z: np.ndarray, f: np.ndarray, log_joint: np.ndarray, ledger: tuple[float, float, float, float], *,
             x: float, q: tuple[float, float], reveal: bool) -> None:
    """One proposal q = N(mean, sigma²) in a world of one number: four panels on an array of four axes.

    z (N,) even boxes, f (N,) what each plan makes, log_joint (N,) = log p(z) + log p(x|z); ledger holds log p(x),
    reconstruction, price and gap in nats. With `reveal` the last panel shows the gap of every other proposal too.
    """
    world, plans, nats, proposals = np.ravel(axes)
    _world(world, z, f, x)
    _plans(plans, z, log_joint - ledger[0], q)
    _ledger(nats, *ledger)
    title = _landscape(proposals, z, log_joint, ledger[0]) if reveal else "all proposals: set reveal to 1"
    proposals.plot(*q, "o", color=plots.MODEL, markeredgecolor="white", markersize=10)
    proposals.set(xlim=(-2, 2), ylim=(0.1, 1.5), xticks=(-2, 0, 2), yticks=(0.5, 1, 1.5))
    plots.label(proposals, title, "mean of q", "sigma of q")


def latent_map(axes: Any, codes: Any, labels: Any, *, z: tuple[float, float], picture: Any, drawn: Any, width: float,
               title: str) -> None:
    """A map of two-dimensional codes, the picture at one place of it, and pictures from all over: three axes.

    codes (N, 2) with labels (N,) from 0 to 9; picture (D,) is decoded at z; drawn (M, D) are samples, whose codes
    lie in the square from -width to width, or in the bell N(0, I) if width is 0.
    """
    where, here, crowd = np.ravel(axes)
    codes, labels = np.asarray(codes), np.asarray(labels)
    for digit in range(10):
        own = codes[labels == digit][:25]
        where.scatter(*own.T, s=30, marker=f"${digit}$", linewidths=0, color=DIGIT_COLORS[digit % 5])
    turn = np.linspace(0, 2 * np.pi, 90)
    for radius in (1, 2):
        where.plot(radius * np.cos(turn), radius * np.sin(turn), "--", color=plots.MUTED, linewidth=1)
    if width:
        where.plot(width * np.array([-1, 1, 1, -1, -1]), width * np.array([-1, -1, 1, 1, -1]), color="black", linewidth=1.5)
    where.plot(*z, "o", color=plots.MODEL, markeredgecolor="white", markersize=12)
    where.set(xlim=(-4.2, 4.2), ylim=(-4.2, 4.2), xticks=(-4, -2, 0, 2, 4), yticks=(-4, -2, 0, 2, 4))
    plots.label(where, "where digits have their codes\n", "z1", "z2")
    plots.images(np.asarray(picture)[None], here, columns=1, title=f"decoded at\n({z[0]:g}, {z[1]:g})")
    plots.images(drawn, crowd, columns=8, title=title)
def density_duel(axes: Any, x: np.ndarray, p: np.ndarray, q: np.ndarray, said: np.ndarray, plans: np.ndarray,
                 places: np.ndarray, *, frame: int, rounds: int) -> None:
    """One moment of a game between a forger and an inspector on a line: four panels on an array of four axes.

    x (N,) even boxes, p (N,) density of the data; for each of F moments q (F, N) density of the forgeries, said (F, N)
    the inspector's probability of real, places (F, P) where the plans (P,) land. `rounds` is the last moment's round.
    """
    x, p, q, said = (np.asarray(a, dtype=float) for a in (x, p, q, said))
    best = (p + 1e-12) / (p + q + 2e-12)  # (F, N), one half where neither ever is
    densities, answers, bends, value = np.ravel(axes)
    _densities(densities, x, p, q[frame])
    _answers(answers, x, said[frame], best[frame], p + q[frame] > 0.01)
    _bent_noise(bends, plans, places[frame])
    _value_of_the_game(value, [_value(p, q, d, x[1] - x[0]) for d in (said, best)], frame, rounds)


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
    ax.text(0.98 * rounds, floor - 0.04, "-log 4: q is p", ha="right", va="top", color=plots.MUTED, fontsize=11)
    ax.set(xlim=(0, rounds), ylim=(-2.3, 0.1), xticks=(0, rounds // 2, rounds), yticks=(-2, -1, 0))
    plots.label(ax, f"V {actual[frame]:.2f}, with the best D {best[frame]:.2f}\nJS {(best[frame] - floor) / 2:.2f} nats", "round")


def flow(ax: Any, boxes: dict[str, tuple[float, float]], *, arrows: list[tuple[str, str]],
         messages: tuple[tuple[str, str], ...] = (), learned: tuple[str, ...] = (), bend: float = 0.3) -> Any:
    """A flowchart: boxes by name at (x, y), arrows from box to box, dashed curved `messages` of what is learned.

    A message to a lower box passes below, any other above, as high as `bend` says. Boxes in `learned` are filled: they are networks. Raises
    KeyError if an arrow names no box.
    """
    drawn = {}
    for name, (x, y) in boxes.items():
        network = name in learned
        drawn[name] = ax.text(x, y, name, ha="center", va="center", color="white" if network else "black", fontsize=12, bbox={
            "boxstyle": "round,pad=0.45", "facecolor": plots.DATA if network else "white",
            "edgecolor": plots.DATA if network else plots.MUTED})
    for start, end in [*arrows, *messages]:
        below = boxes[end][1] < boxes[start][1]
        dashed = {"color": plots.MODEL, "linestyle": "--", "connectionstyle": f"arc3,rad={-bend if below else bend}"}
        ax.annotate("", boxes[end], boxes[start], arrowprops={
            "arrowstyle": "-|>", "patchA": drawn[start].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch(),
            "shrinkA": 3, "shrinkB": 3, **(dashed if (start, end) in messages else {"color": "black"})})
    xs, ys = zip(*boxes.values())
    ax.set(xlim=(min(xs) - 0.7, max(xs) + 0.7), ylim=(min(ys) - 0.9, max(ys) + 0.9))
    ax.axis("off")
    return ax


def _world(ax: Any, z: np.ndarray, f: np.ndarray, x: float) -> None:
    ax.plot(z[::5], f[::5], color=plots.MUTED)
    ax.axhspan(x - 0.5, x + 0.5, color=plots.DATA, alpha=0.25)
    ax.set(xlim=(-3, 3), ylim=(-3, 4), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    plots.label(ax, f"the world; a band around x = {x:g}", "plan z", "f(z)")


def _plans(ax: Any, z: np.ndarray, log_posterior: np.ndarray, q: tuple[float, float]) -> None:
    curves = (("prior", _bell(z, 0, 1), plots.MUTED, ":"), ("posterior", np.exp(log_posterior), plots.DATA, "-"),
              ("q, yours", _bell(z, *q), plots.MODEL, "--"))
    top = 1.45 * max(density.max() for _, density, _, _ in curves)
    for i, (name, density, color, style) in enumerate(curves):
        ax.plot(z[::4], density[::4], style, color=color)
        ax.text(-2.9, top * (0.92 - 0.1 * i), name, color=color, fontsize=11)
    ax.set(xlim=(-3, 3), ylim=(0, top), xticks=(-2, 0, 2), yticks=(0, 1))
    plots.label(ax, "which plans?", "plan z", "density")


def _ledger(ax: Any, evidence: float, reconstruction: float, price: float, gap: float) -> None:
    elbo = reconstruction - price
    ax.barh(2, evidence, color=plots.DATA)
    ax.barh(1, reconstruction, color=plots.OTHER)
    ax.barh(1, -price, left=reconstruction, color=plots.MODEL, hatch="..", edgecolor="white")
    ax.barh(0, gap, left=elbo, color="white", edgecolor=plots.MODEL, hatch="//")
    for y, at, name in ((2, evidence, "log p(x)"), (1, elbo, "ELBO"), (0, elbo, "gap")):
        ax.text(max(at, -9.9) - 0.15, y, name, ha="right" if at > -8 else "left", va="center")
    ax.text(-0.1, 1.44, "reconstruction", ha="right", color=plots.OTHER, fontsize=11)
    ax.set(xlim=(-10, 0), ylim=(-0.6, 2.6), xticks=(-10, -5, 0), yticks=())
    plots.label(ax, f"ELBO {reconstruction:.2f} - {price:.2f}, gap {gap:.2f}", "nats")


def _landscape(ax: Any, z: np.ndarray, log_joint: np.ndarray, evidence: float) -> str:
    """The gap of every proposal on a grid, by Gauss-Hermite quadrature with twelve nodes. -> what the smallest is"""
    means, sigmas = np.linspace(-2, 2, 41), np.geomspace(0.1, 1.5, 31)
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    at = np.interp(means[:, None] + sigmas[:, None, None] * nodes, z, log_joint)  # (31, 41, 12)
    entropy = 0.5 * np.log(2 * np.pi * np.e * sigmas**2)  # (31,)
    gaps = evidence - (at @ weights) / weights.sum() - entropy[:, None]  # (31, 41)
    ax.pcolormesh(means, sigmas, -np.digitize(gaps, GAPS), cmap="cividis")
    i, j = np.unravel_index(gaps.argmin(), gaps.shape)
    ax.plot(means[j], sigmas[i], "*", color="white", markeredgecolor="black", markersize=15)
    return f"smallest gap {max(0.0, gaps.min()):.2f}"


def _bell(z: np.ndarray, mean: float, sigma: float) -> np.ndarray:
    return np.exp(-0.5 * ((z - mean) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)


def risk_and_use(axes: Any, plane: dict[Any, tuple[float, float, Any, Any]], key: Any) -> None:
    """A release of synthetic data: whom the attacker sees, and where it stands in the plane of risk and use.

    plane maps a setting to (AUC of the attack, accuracy, distances of patients in the data (N,), of others (M,)).
    """
    (auc, use, near_in, near_out), (left, right) = plane[key], np.ravel(axes)
    edges = np.linspace(0, 10, 41)
    left.hist(np.clip(near_out, 0, 10), edges, color=plots.MUTED, alpha=0.6, label="were not in")
    left.hist(np.clip(near_in, 0, 10), edges, histtype="step", color=plots.WRONG, linewidth=2.2, label="were in")
    left.legend(fontsize=9)
    plots.label(left, "distance to the nearest synthetic", "standard deviations", "patients")
    right.axvspan(0.4, 0.6, ymin=_share(0.94, 0.85, 0.99), color=plots.OTHER, alpha=0.18)
    right.scatter(*np.array([entry[:2] for entry in plane.values()], dtype=float).T, s=14, color=plots.MUTED)
    right.plot(auc, use, "*", color=plots.MODEL, markersize=16, markeredgecolor="white")
    right.set(xlim=(0.4, 1), ylim=(0.85, 0.99), xticks=(0.5, 0.6, 0.8, 1.0), yticks=(0.86, 0.9, 0.94, 0.98))
    plots.label(right, f"AUC {auc:.2f}, TSTR {use:.3f}", "risk: AUC of the attack", "use: TSTR")


def watermark(axes: Any, words: list[str], green: Any, z_marked: Any, z_plain: Any, length: int) -> None:
    """A text with its green words in bold over a dot, and how far texts with and without a mark stand from chance.

    words and green (L,) belong together; z_marked, z_plain (n,) are values of texts with `length` words.
    """
    text, counts = np.ravel(axes)
    _coloured_words(text, words, green)
    edges = np.arange(-5, 21, 0.5)
    tallest = max(np.histogram(np.clip(z, -5, 20), edges)[0].max() for z in (z_plain, z_marked))
    counts.hist(np.clip(z_plain, -5, 20), edges, color=plots.MUTED, alpha=0.7, label="not marked")
    counts.hist(np.clip(z_marked, -5, 20), edges, histtype="step", color=plots.OTHER, linewidth=2.2, label="as found")
    counts.axvline(4, color="black", linestyle="--", linewidth=1.2)
    counts.set(xlim=(-5, 20), xticks=(-4, 0, 4, 8, 12, 16, 20), ylim=(0, 1.45 * tallest))
    counts.legend(fontsize=9, loc="upper right")
    plots.label(counts, f"{(np.asarray(z_marked) > 4).mean():.0%} of the texts above 4",
                f"z of {length} words", "texts")


def _coloured_words(ax: Any, words: list[str], green: Any, lines: int = 5) -> None:
    """Words in rows of a fixed-width font, as many as the panel holds; three texts a row, each with gaps for the others."""
    inches = ax.get_position().width * ax.figure.get_figwidth()
    size = 11 if inches > 5 else 8.5
    wide = int(inches * 72 / (0.61 * size))  # characters in a row
    rows, shown = [[""] * 3], 0  # green words, the others, dots under the green ones
    for word, is_green in zip(words, green):
        if len(rows[-1][0]) + len(word) > wide:
            if len(rows) == lines:
                break
            rows.append([""] * 3)
        gap = " " * len(word)
        parts = (word, gap, "•".center(len(word))) if is_green else (gap, word, gap)
        rows[-1] = [text + part + " " for text, part in zip(rows[-1], parts)]
        shown += 1
    styles = ((0, plots.OTHER, "bold"), (0, plots.MUTED, "normal"), (0.36, plots.OTHER, "normal"))
    for row, texts in enumerate(rows):
        for text, (lower, color, weight) in zip(texts, styles):
            ax.text(0, row + lower, text.rstrip(), family="monospace", fontsize=size, color=color, weight=weight)
    ax.set(xlim=(0, wide), ylim=(lines - 0.3, -0.9))
    ax.axis("off")
    plots.label(ax, f"green: {int(np.sum(green[:shown]))} of the first {shown} words")


def _share(value: float, low: float, high: float) -> float:
    """Where a value lies between two limits, from 0 to 1."""
    return (value - low) / (high - low)
