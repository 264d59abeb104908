"""The pictures of lesson 05 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils import plots


def weights(study: Any, middle: dict[str, np.ndarray], total: np.ndarray) -> Any:
    """Samples at three weights of the KL term; negative ELBO and Fréchet distance at all."""
    powers = list(study["power"])
    fig, axes = plots.figure(1, 4, alt="drawn below", size=(11, 2.9))
    words = []
    for ax, power in zip(axes, (-4, 1, 4), strict=False):
        i = powers.index(power)
        distance, active = middle["fd"][i], middle["active"][i]
        title = f"beta {2.0**power:g}: FD {distance:.0f}\n{active:.0f} of 20 units active"
        plots.images(study["samples"][i] / 255, ax, columns=5, title=title)
        words.append(f"beta {2.0**power:g}: FD {distance:.0f}, {active:.0f} of 20 units active.")
    over_weights(axes[3], study["power"], total, middle["fd"])
    best = 2.0 ** powers[int(np.argmin(total))]
    fig.set_label(f"Samples at three weights. {' '.join(words)} -ELBO is smallest at {best:g}.")
    return fig


def over_weights(ax: Any, power: np.ndarray, nats: np.ndarray, distance: np.ndarray) -> None:
    """Negative ELBO and Fréchet distance (N,) over the power of two that weights the KL term."""
    ax.plot(power, nats, "o-", color=plots.MODEL, label="-ELBO")
    ax.plot(power, distance, "s--", color=plots.OTHER, label="FD")
    ax.legend(fontsize=9, loc="upper center")
    ax.set(xticks=range(-4, 5, 2), xlabel="log2 of beta", ylabel="nats, or FD", yscale="log")
    ax.set_yticks((100, 200, 400), (100, 200, 400))
    ax.minorticks_off()
