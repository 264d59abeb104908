"""The showpieces draw what is true: in a world of bells the gap can be closed, with two humps it
cannot; the map shows every digit.
"""

import numpy as np
import pytest

from course_utils import widgets
from course_utils.lesson01.drawing import masses_of_heads
from course_utils.lesson02.drawing import floor_and_excess
from course_utils.lesson04.drawing import elbo_gap
from course_utils.lesson05.drawing import latent_map
from course_utils.lesson08.drawing import attention, gates, paragraph, story
from course_utils.lesson10.drawing import risk_and_use, watermark

Z = np.linspace(-8, 8, 1601)


def world(f, x):
    """log p(z) + log p(x|z) with noise of width one half, and its log-evidence."""
    log_joint = -0.5 * Z**2 - 0.5 * ((x - f) / 0.5) ** 2 - np.log(2 * np.pi * 0.5)
    return log_joint, float(np.log(np.exp(log_joint).sum() * 0.01))


def title(ax):
    """Where it stands depends on the style."""
    return ax.get_title(loc="left") or ax.get_title()


@pytest.mark.parametrize("f, smallest", [(Z, (0.0, 0.01)), (Z**2 - 1, (0.69, 0.75))])
def test_the_smallest_gap_is_nothing_for_a_bell_and_about_log_two_for_two_humps(f, smallest):
    fig, axes = widgets.canvas(4, rows=2)
    log_joint, evidence = world(f, 1.0)
    elbo_gap(
        axes,
        Z,
        f,
        log_joint,
        (evidence, -4.0, 0.5, -4.5 - evidence),
        x=1.0,
        q=(0.0, 1.0),
        reveal=True,
    )
    found = float(title(axes[3]).split()[-1])
    assert smallest[0] <= found <= smallest[1]
    assert "-4.00 - 0.50" in title(axes[2])


def test_unrevealed_it_keeps_the_answer_to_itself():
    fig, axes = widgets.canvas(4, rows=2)
    log_joint, evidence = world(Z, 1.0)
    elbo_gap(axes, Z, Z, log_joint, (evidence, -4.0, 0.5, 1.0), x=1.0, q=(0.0, 1.0), reveal=False)
    assert "reveal" in title(axes[3]) and not axes[3].collections


@pytest.mark.parametrize("width, lines", [(0, 3), (1.5, 4)])
def test_the_map_of_codes_shows_every_digit_the_place_and_the_square(width, lines):
    rng = np.random.default_rng(0)
    _fig, axes = widgets.canvas(3)
    latent_map(
        axes,
        rng.normal(size=(200, 2)),
        np.arange(200) % 10,
        z=(0.5, -1),
        picture=np.zeros(784),
        drawn=np.zeros((40, 784)),
        width=width,
        title="forty",
    )
    where, here, crowd = axes
    # two rings, the dot, and a square if there is one
    assert len(where.collections) == 10 and len(where.lines) == lines
    assert [float(v[0]) for v in where.lines[-1].get_data()] == [0.5, -1]
    assert "(0.5, -1)" in title(here) and title(crowd) == "forty"


def test_the_plane_of_risk_and_use_puts_the_star_where_the_release_stands():
    rng = np.random.default_rng(0)
    plane = {
        (k, 0.0): (0.5 + 0.1 * k, 0.97 - 0.01 * k, rng.exponential(2, 50), rng.exponential(2, 50))
        for k in range(4)
    }
    fig, axes = widgets.canvas(2)
    risk_and_use(axes, plane, (3, 0.0))
    assert "AUC 0.80, TSTR 0.940" in title(axes[1])
    assert [list(map(float, line.get_data()[0])) for line in axes[1].lines] == [
        [pytest.approx(0.8)]
    ]


def test_green_words_are_bold_and_counted_and_fit_the_panel():
    fig, axes = widgets.canvas(2, rows=2)
    words, green = ["alpha", "beta", "gamma", "delta"] * 12, np.arange(48) % 2 == 0
    watermark(axes, words, green, np.full(10, 6.0), np.zeros(10), 200)
    bold, thin, dots = (axes[0].texts[kind::3] for kind in range(3))
    assert {word for text in bold for word in text.get_text().split()} == {"alpha", "gamma"}
    assert {word for text in thin for word in text.get_text().split()} == {"beta", "delta"}
    assert all(text.get_weight() == "bold" for text in bold) and all(
        text.get_weight() == "normal" for text in thin
    )
    assert [text.get_text().count("•") for text in dots] == [
        len(text.get_text().split()) for text in bold
    ]
    shown = sum(len(text.get_text().split()) for text in [*bold, *thin])
    assert f"{sum(green[:shown])} of the first {shown} words" in title(axes[0])
    assert title(axes[1]).startswith("100%")
    assert max(len(text.get_text()) for text in axes[0].texts) <= axes[0].get_xlim()[1]


WORDS = ["<start>", "harbour", "3", "mill", "ada", ":", "ada", "scored", "."]


def test_attention_shades_the_words_before_and_marks_the_true_next_one():
    _, axes = widgets.canvas(2, rows=2)
    weights = np.array([0.1, 0, 0, 0, 0.9, 0])
    guesses = {
        "Transformer": {"ada": 0.9, "bela": 0.02, **{str(i): 0.01 for i in range(8)}},
        "LSTM": {"ada": 0.2, "bela": 0.7, **{str(i): 0.01 for i in range(8)}},
    }
    attention(axes, WORDS, 6, weights, guesses)
    shades = axes[0].collections[0].get_facecolors()[:, 3]
    assert shades.argmax() == 4 and len(axes[0].texts) == len(WORDS) and "90 %" in title(axes[0])
    assert "[ada]" in [tick.get_text() for tick in axes[1].get_xticklabels()]


def test_a_rare_true_word_is_shown_though_it_is_not_among_the_likeliest():
    _, axes = widgets.canvas(2, rows=2)
    guesses = {"Transformer": {str(i): 0.1 for i in range(9)} | {"ada": 1e-6}}
    attention(axes, WORDS, 6, np.full(6, 1 / 6), guesses)
    assert "[ada]" in [tick.get_text() for tick in axes[1].get_xticklabels()]


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


def test_a_paragraph_breaks_lines():
    _, ax = widgets.canvas()
    paragraph(ax, "T = 1", ["word"] * 40)
    assert ax.texts[0].get_text().count("\n") == 3


def test_the_masses_of_heads_are_drawn_with_their_totals():
    _, ax = widgets.canvas()
    masses_of_heads(ax, [0.25, 0.5, 0.25], [0.25, 0.25, 0.25], title="two tosses")
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["with orders, total 1.000", "claim, total 0.750"] and len(ax.patches) == 6


def test_floor_and_excess_add_up_to_the_cross_entropy():
    _, ax = widgets.canvas()
    floor_and_excess(ax, 0.3, 0.5)
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(0.5)
    assert {text.get_text() for text in ax.texts} == {"floor 0.300", "avoidable 0.200"}
