"""Figures: arrays in, axes out. One style, colors that color-blind readers can tell apart, alt
text on every figure.

A function that is given no `ax` makes a figure of its own and then needs `alt`: one sentence that
says what is to be seen. In a notebook every figure is shown as an HTML image with that text.
"""

from __future__ import annotations

import base64
import html
import io
import math
import re
from typing import Any

import numpy as np

from course_utils.platform.frontend import shell

# The same color for the same thing in all lessons (Okabe & Ito's palette, safe for color-blind
# readers).
DATA, MODEL, WRONG, OTHER, MUTED = "#0072B2", "#D55E00", "#CC79A7", "#009E73", "#7A7A7A"
# the same, dark enough to be read as text
INKS = {MODEL: "#C25500", WRONG: "#BC4C92", OTHER: "#00845F", MUTED: "#757575"}
STYLE = {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 2.2,
    "legend.frameon": False,
    "image.cmap": "gray_r",
    "savefig.facecolor": "white",
}


def use_course_style() -> None:
    """Set the style, whatever the user's own settings are; in IPython show figures as images with
    alt text.
    """
    import matplotlib
    from cycler import cycler
    from matplotlib import style
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    matplotlib.rcdefaults()
    style.use(STYLE | {"axes.prop_cycle": cycler(color=[DATA, MODEL, OTHER, WRONG, MUTED])})
    if shell() is not None:
        _use_a_backend_that_shows()
        formatter = shell().display_formatter
        for format_of_its_own in formatter.formatters.values():
            format_of_its_own.pop(Figure, None)
        formatter.mimebundle_formatter.for_type(Figure, as_bundle_once)
        # a cell may end with axes, whose figure shows already
        formatter.ipython_display_formatter.for_type(Axes, lambda ax: None)


def _use_a_backend_that_shows() -> None:
    """A kernel has no windows: figures go into the notebook, by the front end's own backend if it
    has one. Either brings formatters of its own.
    """
    import matplotlib
    import matplotlib.pyplot as plt

    backend = matplotlib.get_backend().lower()
    if hasattr(shell(), "kernel") and not re.search("inline|ipympl|widget", backend):
        shell().run_line_magic("matplotlib", "inline")
    else:
        plt.switch_backend(backend)


def figure(
    rows: int = 1, cols: int = 1, *, alt: str, size: tuple[float, float] | None = None
) -> tuple[Any, Any]:
    """A figure and its axes: one Axes if there is one panel, else an array of them. `size` in
    inches.
    """
    import matplotlib.pyplot as plt

    if not alt.strip():
        raise ValueError("alt must say in words what the figure shows")
    fig, axes = plt.subplots(rows, cols, figsize=size or (min(4.2 * cols, 11), 3.0 * rows))
    fig.set_label(alt)
    return fig, axes


def panel(*, alt: str, size: tuple[float, float] | None = None) -> Any:
    """The axes of a new figure with one panel."""
    return figure(alt=alt, size=size)[1]


def as_html(fig: Any, *, sharp: bool = True) -> str:
    """The figure as an <img> with its alt text; text in a color of the course gets its dark ink."""
    return as_bundle(fig, sharp=sharp)["text/html"]


def as_bundle(fig: Any, *, sharp: bool = True) -> dict[str, str]:
    """The figure as an <img> with its alt text and, for a reader that takes no HTML, such as
    LaTeX, as the same PNG alone. Closes it, since the end of a cell shows every open figure.

    sharp: two pixels for each that the figure asks for, in 256 colors; without, half the time
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import to_hex
    from matplotlib.text import Text

    for text in fig.findobj(Text):
        text.set_color(INKS.get(to_hex(text.get_color()).upper(), text.get_color()))
    data, width, height = _sharp(fig) if sharp else _plain(fig)
    plt.close(fig)
    picture = base64.b64encode(data).decode()
    alt = html.escape(fig.get_label(), quote=True)
    page = (
        f'<img alt="{alt}" src="data:image/png;base64,{picture}" width="{width}"'
        f' height="{height}" style="max-width:100%;height:auto">'
    )
    return {"text/html": page, "image/png": picture}


def _plain(fig: Any) -> tuple[bytes, int, int]:
    """The figure as a PNG, and its size on the page in pixels."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", pil_kwargs={"compress_level": 3})
    width, height = (round(side * fig.dpi) for side in fig.get_size_inches())
    return buffer.getvalue(), width, height


def _sharp(fig: Any) -> tuple[bytes, int, int]:
    """The same with twice the pixels on each side, and no more bytes: 256 colors are enough."""
    from PIL import Image

    drawn, buffer = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, format="png", dpi=2 * fig.dpi, pil_kwargs={"compress_level": 1})
    picture = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(buffer, format="png")
    return buffer.getvalue(), picture.width // 2, picture.height // 2


def as_bundle_once(fig: Any) -> dict[str, str]:
    """The same for a cell that ends with a figure, which a notebook would show again below it."""
    from matplotlib import pyplot

    bundle = as_bundle(fig)
    pyplot.close(fig)
    return bundle


def axes_for(ax: Any, alt: str | None, size: tuple[float, float] | None = None) -> Any:
    """The given axes, or those of a new figure, which must then have an alt text."""
    if ax is not None:
        return ax
    if alt is None:
        raise ValueError(
            "a figure of its own needs alt='...': one sentence that says what is to be seen"
        )
    return panel(alt=alt, size=size)


def label(ax: Any, title: str = "", x: str = "", y: str = "") -> Any:
    """Title and axis labels in one call."""
    ax.set(title=title, xlabel=x, ylabel=y)
    return ax


def line(
    x: Any,
    y: Any,
    ax: Any = None,
    *,
    name: str = "",
    at: float = 1.0,
    alt: str | None = None,
    **style: Any,
) -> Any:
    """A curve, (N,) against (N,), with its name written beside it at the fraction `at` of its
    length.
    """
    ax = axes_for(ax, alt)
    (drawn,) = ax.plot(x, y, **style)
    if name:
        i = min(int(at * len(x)), len(x) - 1)
        ax.annotate(
            name, (x[i], y[i]), xytext=(5, 4), textcoords="offset points", color=drawn.get_color()
        )
    return ax


def bars(
    names: list[str],
    values: Any,
    ax: Any = None,
    *,
    color: Any = DATA,
    form: str = ".3g",
    alt: str | None = None,
) -> Any:
    """Horizontal bars, the first on top, each with its name on the left and its value beside it."""
    ax = axes_for(ax, alt, (7, 0.7 + 0.42 * len(names)))
    drawn = ax.barh(names, values, color=color, height=0.7)
    ax.bar_label(drawn, labels=[f"{v:{form}}" for v in values], padding=4)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.grid(axis="y", visible=False)
    return ax


def strip(theta: Any, dart: float, ax: Any = None, *, alt: str | None = None) -> Any:
    """Probabilities (K,) side by side as pieces of a strip of length one, and a dart at a number
    from 0 to 1.
    """
    ax = axes_for(ax, alt, (8, 1.7))
    edges = np.concatenate([[0], np.cumsum(theta)])  # (K + 1,)
    for k, length in enumerate(theta):
        ax.barh(
            0,
            length,
            left=edges[k],
            color=(DATA, OTHER, MODEL, WRONG)[k % 4],
            edgecolor="white",
            linewidth=3,
        )
        ax.text(edges[k] + length / 2, 0, str(k), ha="center", va="center", color="white")
    ax.annotate(
        f"dart u = {dart:g}",
        (dart, 0.4),
        (dart, 0.85),
        ha="center",
        arrowprops={"arrowstyle": "->"},
    )
    ax.set(ylim=(-0.5, 1.1), yticks=[], xticks=edges.round(6))
    return label(ax, f"categories 0 to {len(theta) - 1}", "running sum of the probabilities")


def images(
    x: Any,
    ax: Any = None,
    *,
    columns: int = 10,
    alt: str | None = None,
    title: str = "",
    **style: Any,
) -> Any:
    """Gray images, (N, H, W) or square (N, D), side by side in rows of `columns`: 0 is white, 1 is
    ink.
    """
    x = np.asarray(x, dtype=float)
    x = x if x.ndim == 3 else x.reshape(len(x), math.isqrt(x.shape[1]), -1)
    return _sheet(x, ax, columns, 0.62, 2, np.nan, alt, title, **{"vmin": 0, "vmax": 1} | style)


def pictures(
    x: Any,
    ax: Any = None,
    *,
    columns: int = 10,
    alt: str | None = None,
    title: str = "",
    size: float = 0.95,
) -> Any:
    """Color pictures, (N, 3, H, W) in [-1, 1], side by side in rows of `columns`, each `size`
    inches wide.
    """
    x = ((np.clip(np.asarray(x, dtype=float), -1, 1) + 1) / 2).transpose(0, 2, 3, 1)  # (N, H, W, 3)
    return _sheet(x, ax, columns, size, max(1, x.shape[2] // 12), 0.85, alt, title)


def _sheet(
    x: np.ndarray,
    ax: Any,
    columns: int,
    size: float,
    gap: int,
    paper: float,
    alt: str | None,
    title: str,
    **style: Any,
) -> Any:
    """Pictures (N, H, W) or (N, H, W, 3) in rows of `columns`, `size` inches each, `gap` pixels of
    `paper` between them.
    """
    n, height, width, *colors = x.shape
    rows = -(-n // columns)
    ax = axes_for(ax, alt, (min(size * columns, 11), size * rows + 0.35 * bool(title)))
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *colors), paper)
    for i, picture in enumerate(x):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    ax.imshow(sheet, **{"interpolation": "nearest"} | style)
    ax.set_title(title)
    ax.axis("off")
    return ax


def rows(groups: dict[str, Any], *, alt: str, columns: int = 20) -> Any:
    """Several rows of images, each under its title: title -> (N, H, W) or (N, D). Returns the
    figure.
    """
    fig, axes = figure(len(groups), 1, alt=alt, size=(10, 0.86 * len(groups)))
    for ax, (title, pictures) in zip(np.atleast_1d(axes), groups.items(), strict=True):
        images(pictures, ax, columns=columns, title=title)
    return fig


def piano_roll(
    notes: Any, onsets: Any = None, ax: Any = None, *, steps_a_bar: int = 16, alt: str | None = None
) -> Any:
    """Four voices as bars of color: `notes` (T, 4) MIDI pitches, -1 for silence, one row a
    sixteenth.

    `onsets` (T, 4) bool tells where a repeated note is struck again.
    """
    ax = axes_for(ax, alt, (10, 3.2))
    notes = np.asarray(notes)
    struck = np.zeros(notes.shape, bool) if onsets is None else np.asarray(onsets)
    for voice, (name, color) in enumerate(
        zip(("soprano", "alto", "tenor", "bass"), (DATA, MODEL, OTHER, WRONG), strict=True)
    ):
        pitch = notes[:, voice]
        starts = np.flatnonzero(np.r_[True, (pitch[1:] != pitch[:-1]) | struck[1:, voice]])
        for begin, end in zip(starts, np.r_[starts[1:], len(pitch)], strict=True):
            if pitch[begin] >= 0:
                ax.barh(pitch[begin], end - begin - 0.2, left=begin, height=0.9, color=color)
        ax.annotate(
            name,
            (1, 0.86 - 0.24 * voice),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            color=color,
        )
    low, high = notes[notes >= 0].min() - 2, notes.max() + 3
    octaves = [c for c in range(0, 128, 12) if low <= c <= high]
    ax.set_yticks(octaves, [f"C{c // 12 - 1}" for c in octaves])
    ax.set_ylim(low, high)
    ax.set_xticks(range(0, len(notes) + 1, steps_a_bar), range(1, len(notes) // steps_a_bar + 2))
    return label(ax, x="bar", y="pitch")
