"""The showpieces draw what is true: in a world of bells the gap can be closed, with two humps it cannot; the map shows every digit."""
import numpy as np
import pytest

from course_utils import explorables, widgets

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
    explorables.elbo_gap(axes, Z, f, log_joint, (evidence, -4.0, 0.5, -4.5 - evidence), x=1.0, q=(0.0, 1.0), reveal=True)
    found = float(title(axes[3]).split()[-1])
    assert smallest[0] <= found <= smallest[1]
    assert "-4.00 - 0.50" in title(axes[2])


def test_unrevealed_it_keeps_the_answer_to_itself():
    fig, axes = widgets.canvas(4, rows=2)
    log_joint, evidence = world(Z, 1.0)
    explorables.elbo_gap(axes, Z, Z, log_joint, (evidence, -4.0, 0.5, 1.0), x=1.0, q=(0.0, 1.0), reveal=False)
    assert "reveal" in title(axes[3]) and not axes[3].collections


@pytest.mark.parametrize("width, lines", [(0, 3), (1.5, 4)])
def test_the_map_of_codes_shows_every_digit_the_place_and_the_square(width, lines):
    rng = np.random.default_rng(0)
    _fig, axes = widgets.canvas(3)
    explorables.latent_map(axes, rng.normal(size=(200, 2)), np.arange(200) % 10, z=(0.5, -1), picture=np.zeros(784),
                           drawn=np.zeros((40, 784)), width=width, title="forty")
    where, here, crowd = axes
    assert len(where.collections) == 10 and len(where.lines) == lines  # two rings, the dot, and a square if there is one
    assert [float(v[0]) for v in where.lines[-1].get_data()] == [0.5, -1]
    assert "(0.5, -1)" in title(here) and title(crowd) == "forty"


def test_the_plane_of_risk_and_use_puts_the_star_where_the_release_stands():
    rng = np.random.default_rng(0)
    plane = {(k, 0.0): (0.5 + 0.1 * k, 0.97 - 0.01 * k, rng.exponential(2, 50), rng.exponential(2, 50)) for k in range(4)}
    fig, axes = widgets.canvas(2)
    explorables.risk_and_use(axes, plane, (3, 0.0))
    assert "AUC 0.80, TSTR 0.940" in title(axes[1])
    assert [list(map(float, line.get_data()[0])) for line in axes[1].lines] == [[pytest.approx(0.8)]]


def test_green_words_are_bold_and_counted_and_fit_the_panel():
    fig, axes = widgets.canvas(2, rows=2)
    words, green = ["alpha", "beta", "gamma", "delta"] * 12, np.arange(48) % 2 == 0
    explorables.watermark(axes, words, green, np.full(10, 6.0), np.zeros(10), 200)
    bold, thin, dots = (axes[0].texts[kind::3] for kind in range(3))
    assert {word for text in bold for word in text.get_text().split()} == {"alpha", "gamma"}
    assert {word for text in thin for word in text.get_text().split()} == {"beta", "delta"}
    assert all(text.get_weight() == "bold" for text in bold) and all(text.get_weight() == "normal" for text in thin)
    assert [text.get_text().count("•") for text in dots] == [len(text.get_text().split()) for text in bold]
    shown = sum(len(text.get_text().split()) for text in [*bold, *thin])
    assert f"{sum(green[:shown])} of the first {shown} words" in title(axes[0])
    assert title(axes[1]).startswith("100%")
    assert max(len(text.get_text()) for text in axes[0].texts) <= axes[0].get_xlim()[1]
