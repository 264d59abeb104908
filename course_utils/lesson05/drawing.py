"""The pictures of lesson 05 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots

DIGIT_COLORS = (plots.DATA, plots.OTHER, plots.WRONG, plots.MUTED, "black")


def latent_map(
    axes: Any,
    codes: Any,
    labels: Any,
    *,
    z: tuple[float, float],
    picture: Any,
    drawn: Any,
    width: float,
    title: str,
) -> None:
    """A map of two-dimensional codes, the picture at one place of it, and pictures from all over:
    three axes.

    codes (N, 2) with labels (N,) from 0 to 9; picture (D,) is decoded at z; drawn (M, D) are
    samples, whose codes lie in the square from -width to width, or in the bell N(0, I) if width is
    0.
    """
    where, here, crowd = np.ravel(axes)
    codes, labels = np.asarray(codes), np.asarray(labels)
    for digit in range(10):
        own = codes[labels == digit][:25]
        where.scatter(
            *own.T, s=30, marker=f"${digit}$", linewidths=0, color=DIGIT_COLORS[digit % 5]
        )
    turn = np.linspace(0, 2 * np.pi, 90)
    for radius in (1, 2):
        where.plot(
            radius * np.cos(turn), radius * np.sin(turn), "--", color=plots.MUTED, linewidth=1
        )
    if width:
        where.plot(
            width * np.array([-1, 1, 1, -1, -1]),
            width * np.array([-1, -1, 1, 1, -1]),
            color="black",
            linewidth=1.5,
        )
    where.plot(*z, "o", color=plots.MODEL, markeredgecolor="white", markersize=12)
    where.set(
        xlim=(-4.2, 4.2), ylim=(-4.2, 4.2), xticks=(-4, -2, 0, 2, 4), yticks=(-4, -2, 0, 2, 4)
    )
    plots.label(where, "where digits have their codes\n", "z1", "z2")
    plots.images(
        np.asarray(picture)[None], here, columns=1, title=f"decoded at\n({z[0]:g}, {z[1]:g})"
    )
    plots.images(drawn, crowd, columns=8, title=title)


def over_weights(
    ax: Any, power: np.ndarray, nats: np.ndarray, distance: np.ndarray, here: float
) -> None:
    """Negative ELBO and Fréchet distance (N,) over the power of two that weights the KL term, with
    a line at one of them.
    """
    ax.plot(power, nats, "o-", color=plots.MODEL, label="-ELBO")
    ax.plot(power, distance, "s--", color=plots.OTHER, label="FD")
    ax.axvline(here, color=plots.MUTED, linewidth=1)
    ax.legend(fontsize=10)
    ax.set(xticks=range(-4, 5, 2), xlabel="log2 of beta", ylabel="nats, or FD", yscale="log")
    ax.set_yticks((100, 200, 400), (100, 200, 400))
    ax.minorticks_off()
