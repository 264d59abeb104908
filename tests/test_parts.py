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
