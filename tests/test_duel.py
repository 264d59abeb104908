"""The showpiece of lesson 06 shows true numbers, redraws fast, and the flowcharts draw the arrows
that they are given.
"""

import time

import numpy as np
import pytest

from course_utils import plots, widgets
from course_utils.lesson06 import drawing

X = np.arange(-4, 4.025, 0.05)
PLANS = np.linspace(-3, 3, 50)


def bell(mu, sigma):
    return np.exp(-0.5 * ((X - mu) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)


P = (bell(-2, 0.3) + bell(2, 0.3)) / 2


def draw(q, said, frame=0):
    """The four panels after drawing a film of two moments."""
    fig, axes = widgets.canvas(4, rows=2)
    places = np.stack([PLANS, PLANS])
    drawing.density_duel(
        axes, X, P, np.stack([q, q]), np.stack([said, said]), PLANS, places, frame=frame, rounds=100
    )
    return fig, axes


def title(ax):
    return ax.get_title(loc="left") or ax.get_title()


@pytest.mark.parametrize(
    "q, js", [(P, 0.0), (bell(0, 0.1), np.log(2))], ids=["the same", "nothing in common"]
)
def test_the_title_tells_the_jensen_shannon_divergence(q, js):
    _, axes = draw(q, np.full_like(X, 0.5))
    told = float(title(axes[3]).split("JS ")[1].split()[0])
    assert told == pytest.approx(js, abs=0.006)


def test_a_discriminator_that_knows_nothing_gets_minus_log_four_and_the_optimal_one_more():
    _, axes = draw(bell(0, 1), np.full_like(X, 0.5))
    actual, best = (
        float(part.split()[-1])
        for part in title(axes[3]).split("\n")[0].replace("V ", "").split(", optimal D")
    )
    assert actual == pytest.approx(-np.log(4), abs=0.006) and best > actual


def test_the_optimal_discriminator_is_drawn_only_where_there_is_density():
    _, axes = draw(bell(0, 0.1), np.full_like(X, 0.5))
    shown = axes[1].lines[1].get_ydata()
    assert (
        np.isnan(shown[abs(X) > 3.9]).all()
        and shown[np.argmin(abs(X))] < 0.01
        and shown[np.argmin(abs(X - 2))] > 0.99
    )


def test_a_redraw_takes_at_most_a_tenth_of_a_second():
    fig, axes = widgets.canvas(4, size=(9, 5.4), rows=2)
    film = np.stack([P] * 41), np.full((41, len(X)), 0.5)

    def show(axes, frame):
        drawing.density_duel(
            axes, X, P, *film, PLANS, np.stack([PLANS] * 41), frame=frame, rounds=1000
        )

    widgets.render(fig, axes, show, lambda frame: "the same", {"frame": 0})
    spent = []
    for frame in range(5):
        start = time.process_time()
        widgets.render(fig, axes, show, lambda frame: "the same", {"frame": frame})
        spent.append(time.process_time() - start)
    assert min(spent) < 0.2  # 0.1 on an idle machine; this one may be shared


def test_a_flowchart_has_its_boxes_and_arrows_and_names_a_missing_box():
    ax = plots.panel(alt="two boxes")
    drawing.flow(
        ax, {"a": (0, 0), "b": (1, 0)}, arrows=[("a", "b")], messages=(("b", "a"),), learned=("a",)
    )
    assert [text.get_text() for text in ax.texts] == ["a", "b", "", ""]
    with pytest.raises(KeyError):
        drawing.flow(ax, {"a": (0, 0)}, arrows=[("a", "nowhere")])


@pytest.mark.parametrize(
    "chart, boxes",
    [
        (drawing.two_players, {"noise z", "G", "G(z)", "data x", "D", "real?"}),
        (drawing.chart_of_a_vae, {"data x", "encoder", "mu, logvar", "z", "noise", "decoder"}),
        (drawing.chart_of_a_gan, {"noise z", "G", "G(z)", "data x", "D", "g_loss", "d_loss"}),
        (drawing.chart_of_the_article, {"data", "encoder", "discriminator", "update"}),
    ],
)
def test_each_chart_of_the_lesson_has_its_boxes(chart, boxes):
    ax = plots.panel(alt="a chart")
    chart(ax)
    assert boxes <= {text.get_text() for text in ax.texts}
