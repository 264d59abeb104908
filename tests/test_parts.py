"""Brackets: dice stay within their limits, and a drawing says every measure."""

import numpy as np

from course_utils import plots
from course_utils.lesson07 import parts


def test_brackets_by_dice_lie_between_the_limits_and_depend_on_the_generator():
    once, again = (parts.random_brackets(500, np.random.default_rng(0)) for _ in range(2))
    assert once.shape == (500, 6) and (once == again).all()
    assert (once >= parts.LOW).all() and (once <= parts.HIGH).all()


def test_a_drawing_has_two_views_and_every_measure():
    part = parts.Bracket(61.5, 42.5, 51.0, 4.2, 5.3, 9.6)
    fig, axes = plots.figure(1, 2, alt="a bracket")
    parts.draw(part, axes, notes="120 g")
    fig.canvas.draw()
    text = " ".join(t.get_text() for ax in axes for t in ax.texts)
    assert all(f"{measure:.1f}" in text for measure in part) and "120 g" in text and "load" in text


def test_the_extremes_stay_on_the_sheet():
    for part in (parts.LOW, parts.HIGH):
        _, axes = plots.figure(1, 2, alt="a bracket")
        parts.draw(part, axes)
        for ax in axes:
            assert ax.get_xlim()[1] > max(part.width, part.depth) and ax.get_ylim()[1] > part.height


def test_a_bracket_s_mass_is_that_of_its_outline():
    part = parts.Bracket(50.0, 40.0, 30.0, 3.0, 5.0, 10.0)
    t = part.thickness
    corner = np.pi / 4 * ((2 * t) ** 2 - t**2)  # a quarter of a ring, inner radius t
    area = (part.height - 2 * t) * t + (part.depth - 2 * t) * t + corner
    volume = area * part.width - 4 * np.pi / 4 * part.hole**2 * t
    assert np.isclose(parts.mass(part), parts.DENSITY * volume)


def test_deflection_is_that_of_beam_theory():
    """By integrating moment times unit moment over both legs (the unit-load method)."""
    part, load = parts.Bracket(50.0, 40.0, 30.0, 3.0, 5.0, 10.0), 100.0
    arm, back = part.depth - part.edge, part.height - part.edge
    x, y = np.linspace(0, arm, 20001), np.linspace(0, back, 20001)
    unit = np.trapezoid((arm - x) ** 2, x) + np.trapezoid((arm * (1 - y / back)) ** 2, y)
    deflection = load * unit / (parts.MODULUS * part.width * part.thickness**3 / 12)
    used = parts.check(part, load, 100.0)
    assert np.isclose(used["deflection"] * parts.DEFLECTION, deflection, rtol=1e-6)


def test_the_pull_on_the_screws_balances_the_load_about_the_end_of_the_bend():
    """The outer radius is 2t, so the lowest point that touches the wall is 2t above the corner."""
    part, load = parts.Bracket(50.0, 40.0, 30.0, 3.0, 5.0, 10.0), 100.0
    pull = parts.check(part, load, 100.0)["screws"] * parts.PULL_OUT  # of each of two screws
    above = part.height - part.edge - 2 * part.thickness  # the screws, from that point
    assert np.isclose(2 * pull * above, load * (part.depth - part.edge))


def test_a_thicker_bracket_uses_less_of_everything_but_its_mass_and_room():
    thin, thick = (
        parts.check(parts.Bracket(50.0, 40.0, 40.0, t, 5.0, 10.0), 100.0, 50.0) for t in (3.0, 4.0)
    )
    assert all(thick[key] < thin[key] for key in ("sheet", "stress", "deflection"))
    assert thick["mass"] > thin["mass"] and thick["head"] > thin["head"]


def test_a_bracket_made_by_hand_is_lighter_than_any_that_the_lessons_repair_reaches():
    """Studio D of lesson 07: 200 newtons, and handles that move in steps of 0.1 and 0.5 mm."""
    part = parts.Bracket(42.5, 25.0, 25.0, 2.2, 3.0, 16.0)
    assert parts.holds(part, 200, 12) and 11 < parts.mass(part) < 11.5
    safe = [parts.Bracket(33.0, 25.0, 25.0, t, 4.0, 6.5) for t in np.arange(2.0, 8.0, 0.1)]
    assert [any(parts.holds(one, 200, limit) for one in safe) for limit in (14, 16)] == [
        False,
        True,
    ]
