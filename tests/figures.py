"""What a reader could not read in a figure: text over text, off the canvas or too small, a legend
on the data. `faults` names it; `watch` writes it down for every figure that a kernel shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.transforms import Bbox

COLUMN, SMALLEST = 774, 9  # pixels: JupyterLab's column, and the smallest text in it
SLACK = 2  # pixels that boxes of letters may share


def faults(fig: Any) -> list[str]:
    """Sentences; none for a figure that can be read."""
    texts = [(text, _box(text)) for text in _drawn(fig)]
    shrunk = min(1.0, COLUMN / (fig.get_figwidth() * fig.dpi))
    return [
        *(f"{_name(text)} is {size:.1f} pixels" for text, size in _small(texts, fig.dpi * shrunk)),
        *(f"{_name(text)} leaves the canvas" for text, box in texts if _leaves(box, fig)),
        *(
            f"{_name(one)} lies on {_name(other)}"
            for (one, a), (other, b) in itertools.combinations(texts, 2)
            if _share(a, b)
        ),
        *(f"a legend lies on {n} points" for n in map(_covered, fig.findobj(Legend)) if n),
    ]


def _drawn(fig: Any) -> list[Text]:
    """The texts that appear when the figure is drawn: not those of an axis that is switched off."""
    drawn = []

    def draw(text: Text, renderer: Any) -> None:
        if text.get_visible() and text.get_text().strip():
            drawn.append(text)
        original(text, renderer)

    original = Text.draw
    with patch.object(Text, "draw", draw):
        fig.canvas.draw()
    return drawn


def _box(text: Text) -> Bbox:
    """Of the letters alone, also where there is an arrow; of what is left of them if the axes cut
    them off.
    """
    box = Text.get_window_extent(text)
    cut = text.get_clip_box() if text.get_clip_on() else None  # a title has none
    return box if cut is None else Bbox.intersection(box, cut) or Bbox.null()


def _small(texts: list[tuple[Text, Bbox]], dpi: float) -> Iterator[tuple[Text, float]]:
    for text, _ in texts:
        size = text.get_fontsize() * dpi / 72
        if size < SMALLEST - 0.05:
            yield text, size


def _leaves(box: Bbox, fig: Any) -> bool:
    width, height = fig.canvas.get_width_height()
    return bool(min(box.x0, box.y0) < -SLACK or box.x1 > width + SLACK or box.y1 > height + SLACK)


def _share(a: Bbox, b: Bbox) -> bool:
    x = min(a.x1, b.x1) - max(a.x0, b.x0)
    y = min(a.y1, b.y1) - max(a.y0, b.y0)
    return x > SLACK and y > SLACK


def _covered(legend: Legend) -> int:
    """How many points of lines and of scattered dots the legend's words and signs cover."""
    ax, box = legend.axes, legend.get_window_extent()
    if ax is None:
        return 0
    points = [line.get_transform().transform(line.get_xydata()) for line in ax.lines]
    points += [c.get_offset_transform().transform(c.get_offsets()) for c in ax.collections]
    at = np.concatenate(
        [np.ma.filled(p, np.nan).reshape(-1, 2) for p in points] or [np.empty((0, 2))]
    )
    return int(((at > box.min + SLACK) & (at < box.max - SLACK)).all(1).sum())


def _name(text: Text) -> str:
    return repr(text.get_text().replace("\n", " ")[:40])


def watch(plots: Any, report: str) -> None:
    """From now on the faults of every figure that is shown are written to the file `report`."""
    show = plots.as_bundle

    def checked(fig: Any, **settings: Any) -> dict[str, str]:
        with open(report, "a", encoding="utf-8") as file:
            file.writelines(f"{fig.get_label()[:60]}: {fault}\n" for fault in faults(fig))
        return show(fig, **settings)

    plots.as_bundle = checked
