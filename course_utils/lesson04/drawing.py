"""The pictures of lesson 04 that need more than a few lines: drawing only, the ideas are in the
notebook.
"""

from __future__ import annotations

from typing import Any

from course_utils import plots


def weights(sweep: dict[int, tuple], collapsed: dict[int, int]) -> Any:
    """Samples of models at three weights of the KL term, and their measures at all weights.

    sweep: log2 of the weight -> ELBO, reconstruction, KL, FD, samples; collapsed: units of 8.
    """
    shown = [min(sweep), 0, max(sweep)]
    fig, axes = plots.figure(1, 4, alt="drawn below", size=(11, 2.9))
    words = []
    for ax, power in zip(axes, shown, strict=False):
        elbo, _, kl, distance, drawn = sweep[power]
        title = (
            f"beta {2.0**power:g}: FD {distance:.1f}\nELBO {elbo:.1f}, {collapsed[power]} collapsed"
        )
        plots.images(drawn[:30], ax, columns=5, title=title)
        words.append(
            f"beta {2.0**power:g}: FD {distance:.1f}, ELBO {elbo:.1f}, KL {kl:.1f} nats,"
            f" {collapsed[power]} of 8 units collapsed."
        )
    chart, powers = axes[3], list(sweep)
    chart.plot(powers, [sweep[k][2] for k in powers], "o-", color=plots.MODEL)
    chart.plot(powers, [sweep[k][3] for k in powers], "s--", color=plots.OTHER)
    chart.set_xlabel("log2 of beta")
    chart.set_title("KL in nats (solid)\nand FD (dashed)")
    least = min(sweep, key=lambda k: sweep[k][3])
    best = max(sweep, key=lambda k: sweep[k][0])
    fig.set_label(
        f"Samples at three weights. {' '.join(words)} FD is smallest at beta {2.0**least:g}, the"
        f" ELBO largest at {2.0**best:g}."
    )
    return fig
