"""The gate for figures names what a reader could not read, and nothing else."""

import numpy as np
import pytest

from course_utils import plots
from tests import figures


def curve():
    fig, ax = plots.figure(alt="a curve", size=(6, 3))
    ax.plot([0, 1], [0, 1], label="the curve")
    return fig, ax


def test_a_figure_that_can_be_read_has_no_faults():
    plots.use_course_style()
    fig, ax = curve()
    plots.label(ax, "title", "x", "y")
    ax.legend(loc="lower right")
    plots.images(np.zeros((3, 8, 8)), alt="three")  # its axis is off: no labels
    assert figures.faults(fig) == []


BROKEN = {
    "lies on": lambda ax: [ax.text(0.5, 0.5, word) for word in ("one word", "another")],
    "leaves the canvas": lambda ax: ax.text(1, 2.5, "far above", in_layout=False),
    "'a title a title": lambda ax: ax.set_title("a title " * 20),
    "is 4.2 pixels": lambda ax: ax.text(0.2, 0.8, "small", size=3),
    "a legend lies on 1 points": lambda ax: ax.legend(loc="upper right"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_is_named(fault):
    plots.use_course_style()
    fig, ax = curve()
    BROKEN[fault](ax)
    [named] = figures.faults(fig)
    assert fault in named


def test_a_wide_figure_is_judged_as_it_is_shown_in_a_column():
    plots.use_course_style()
    fig, ax = plots.figure(alt="wide", size=(15.48, 3))
    ax.text(0.5, 0.5, "half as large", size=12)
    assert any("'half as large' is 8.3 pixels" in fault for fault in figures.faults(fig))
