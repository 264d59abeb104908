"""Wiring for figures that move: a live picture with sliders, and the same as a static grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from course_utils import plots

# draw(ax, **values): a plain function that draws one picture on given axes
Draw = Callable[..., Any]


class Slider(NamedTuple):
    """A range to move through: from `low` to `high` in steps of `step`, beginning at `start`."""

    low: float
    high: float
    step: float
    start: float


class Choice(NamedTuple):
    """One of several options, by their words; its value is the number of the option."""

    options: Sequence[str]
    start: int = 0


def explore(
    draw: Draw,
    *,
    alt: Callable[..., str],
    grid: list[dict[str, Any]],
    panels: int = 1,
    rows: int = 1,
    size: tuple[float, float] | None = None,
    **sliders: Slider | Choice,
) -> dict[str, Any]:
    """Show `draw(ax, **values)` live under one slider or choice per value, and below it a static
    grid, one column an entry: for pictures that the reader's own function moves. Others live in the
    page (`course_utils.live`).

    A kernel cannot know whether its front end can move sliders (a website cannot), so both are
    always shown. With `panels` > 1, `draw` gets an array of axes, which stand in `rows` rows.
    `alt(**values)` describes the picture in words. Returns the sliders by name, so that a test can
    move them.
    """
    import ipywidgets
    from IPython.display import display

    controls = {name: _control(name, slider) for name, slider in sliders.items()}
    picture = ipywidgets.HTML()
    fig, axes = canvas(panels, size, rows)

    def redraw(_change: Any = None) -> None:
        picture.value = render(
            fig, axes, draw, alt, {name: control.value for name, control in controls.items()}
        )

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    display(ipywidgets.VBox([*controls.values(), picture]))
    static_grid(draw, alt, grid, panels)
    return controls


def canvas(
    panels: int = 1, size: tuple[float, float] | None = None, rows: int = 1
) -> tuple[Any, Any]:
    """A figure to draw on again and again, which the front end does not show by itself."""
    import matplotlib.pyplot as plt

    size = size or (4.6 * panels if panels > 1 else 5.5, 3.0)
    fig, axes = plots.figure(rows, panels // rows, alt="drawn below", size=size)
    plt.close(fig)
    return fig, np.ravel(axes) if panels > 1 else axes


def render(fig: Any, axes: Any, draw: Draw, alt: Callable[..., str], values: dict[str, Any]) -> str:
    """One picture as an HTML image. The layout is worked out once: that takes as long as drawing
    does.
    """
    for ax in np.ravel(axes):
        ax.clear()
    draw(axes, **values)
    fig.set_label(alt(**values))
    html = plots.as_html(fig, sharp=False)
    fig.set_layout_engine("none")
    return html


def static_grid(
    draw: Draw, alt: Callable[..., str], grid: list[dict[str, Any]], panels: int = 1
) -> Any:
    """The same picture at several settings, side by side, as an ordinary figure."""
    fig, axes = plots.figure(
        panels,
        len(grid),
        alt=" Beside it: ".join(alt(**values) for values in grid),
        size=(11, 2.7 * panels),
    )
    for column, values in zip(np.reshape(axes, (panels, len(grid))).T, grid, strict=True):
        draw(column if panels > 1 else column[0], **values)
    return fig


def _control(name: str, slider: Slider | Choice) -> Any:
    import ipywidgets

    if isinstance(slider, Choice):
        return ipywidgets.Dropdown(
            description=name.replace("_", " "),
            options=[(words, i) for i, words in enumerate(slider.options)],
            value=slider.start,
            style={"description_width": "initial"},
        )
    integer = all(float(v).is_integer() for v in slider)
    kind = ipywidgets.IntSlider if integer else ipywidgets.FloatSlider
    cast = int if integer else float
    return kind(
        description=name.replace("_", " "),
        value=cast(slider.start),
        min=cast(slider.low),
        max=cast(slider.high),
        step=cast(slider.step),
        style={"description_width": "initial"},
        layout={"width": "28em"},
    )
