"""The showpieces draw what is true: the map shows every digit, a story every scene."""

import numpy as np
import pytest

from course_utils import widgets
from course_utils.lesson01.drawing import masses_of_heads
from course_utils.lesson02.drawing import all_forecasts, bands
from course_utils.lesson04.explorables import gap
from course_utils.lesson06.explorables import distances, pull
from course_utils.lesson08.drawing import gates, story, two_gates


def title(ax):
    """Where it stands depends on the style."""
    return ax.get_title(loc="left") or ax.get_title()


WORDS = ["<start>", "harbour", "3", "mill", "ada", ":", "ada", "scored", "."]


def test_gates_are_drawn_for_every_word_and_the_ledger_is_scaled():
    _, ax = widgets.canvas()
    gates(ax, WORDS, np.linspace(0, 1, 9), np.linspace(-4, 2, 9))
    assert len(ax.patches) == 9 and abs(ax.lines[0].get_ydata()).max() == 1


def test_a_story_shows_every_scene_that_can_be_reached_and_survives_a_way_to_nowhere():
    _, ax = widgets.canvas()
    scenes = {
        1: ("the mill", [("north", 2), ("south", 3)]),
        2: ("the tower : a dead end", []),
        3: ("the inn", [("left", 9)]),
    }
    story(ax, "key", scenes, [1, 3])
    shown = [text.get_text() for text in ax.texts]
    assert {"the mill", "the tower\na dead end", "the inn", "north", "south"} <= set(
        shown
    ) and "key" in title(ax)


def test_the_alt_text_of_the_gates_names_the_lowest_one_that_is_looked_at():
    forget = np.linspace(0.9, 0.2, 9)[:, None].repeat(2, axis=1)
    fig = two_gates(WORDS, forget, np.ones((9, 2)), {"a": 0, "b": 1}, slice(2, 6))
    assert fig.get_label().count("lowest, 0.46, at ':'") == 2


def test_the_masses_of_heads_are_drawn_with_their_totals():
    _, ax = widgets.canvas()
    masses_of_heads(ax, [0.25, 0.5, 0.25], [0.25, 0.25, 0.25], title="two tosses")
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["multinomial, total 1.000", "claim, total 0.750"] and len(ax.patches) == 6


def test_named_forecasts_lie_on_the_curve_above_the_floor():
    ax = all_forecasts(np.array([0.5, 0.9]), [0.7, 0.4], 0.3, {"90 : 10": (0.9, 0.4)})
    curve, floor, dot = ax.lines
    assert [*dot.get_data()] == [[0.9], [0.4]] and set(floor.get_ydata()) == {0.3}
    assert curve.get_ydata()[-1] == 0.4
    assert {text.get_text() for text in ax.texts} == {"entropy H(y) = 0.300", "90 : 10"}


def test_a_band_reaches_two_standard_deviations_to_either_side():
    x = np.array([0.0, 1.0])
    models = {
        "one": lambda x: (x, np.zeros(len(x))),
        "growing": lambda x: (0 * x, np.log(1 + x)),
    }
    fig = bands(x, x, models)
    reach = [ax.collections[0].get_paths()[0].get_extents() for ax in fig.axes]
    assert [(box.y0, box.y1) for box in reach] == [
        (pytest.approx(-2), pytest.approx(3)),
        (pytest.approx(-4), pytest.approx(4)),
    ]


@pytest.mark.parametrize("x, mean, sigma, bend", [(1, 0.5, 0.8, 0), (0.3, -1.25, 0.45, 0.7)])
def test_the_sums_in_the_sentence_of_the_elbo_hold_in_the_digits_shown(x, mean, sigma, bend):
    shown = {k: round(v, 2) for k, v in gap().numbers(x, mean, sigma, bend).items()}
    assert round(shown["reconstruction"] - shown["kl_shown"], 2) == shown["elbo"]
    assert round(shown["elbo"] + shown["gap_shown"], 2) == shown["evidence"]
    assert shown["kl_shown"] >= 0 and shown["gap_shown"] >= 0


def test_no_sentence_says_minus_zero():
    still = pull().numbers(0, 0, 1.5), distances().numbers(2, 0.3)
    assert not any("-" in f"{v:.2f}" for numbers in still for v in numbers.values())
