"""Explorables that live in the page: one output with its data, its picture and a small script.

The output asks no kernel and nothing from outside, so that it can move wherever a page may run
scripts; tests move it in a page, in a sandboxed frame and in JupyterLab. Where scripts are not
allowed, the still picture in it shows. The page's side is `live.js`; each explorable adds a
function of its own, which draws, and returns the numbers that its sentence needs.
"""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Range:
    """A number to move through, from `low` to `high` in steps of `step`, beginning at `start`."""

    name: str
    low: float
    high: float
    step: float
    start: float
    label: str = ""
    unit: str = ""
    kind: str = "range"


@dataclass(frozen=True)
class Choice:
    """One of several options, by their words; its value is the number of the option."""

    name: str
    options: Sequence[str]
    start: int = 0
    label: str = ""
    kind: str = "choice"


@dataclass(frozen=True)
class Switch:
    """On or off."""

    name: str
    start: bool = False
    label: str = ""
    kind: str = "switch"


@dataclass(frozen=True)
class Play:
    """A button that moves the range `name` to its end, `stride` steps every `wait` milliseconds."""

    name: str
    label: str = "play"
    wait: int = 60
    stride: int = 1
    kind: str = "play"


@dataclass(frozen=True)
class Button:
    """A button that sets other controls, by their names, to `values`."""

    name: str
    label: str
    values: dict[str, Any]
    kind: str = "button"


@dataclass(frozen=True)
class Train:
    """Buttons of a network that trains in the page: run, one step, start again. `name` counts the
    steps, called `unit`, up to `high`.
    """

    name: str
    high: int
    unit: str = "step"
    label: str = "train"
    start: int = 0
    kind: str = "train"


Control = Range | Choice | Switch | Play | Button | Train


class Explorable:
    """What a cell returns: HTML for a front end, one sentence elsewhere.

    `controls` and `numbers(**values)` say what can be moved and what the page should say then.
    """

    def __init__(
        self,
        html_: str,
        words: str,
        controls: Sequence[Control],
        numbers: Callable[..., dict[str, Any]],
    ):
        self.html, self.words, self.controls, self.numbers = html_, words, controls, numbers

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.words


def explorable(
    name: str,
    script: Path,
    controls: Sequence[Control],
    words: str,
    numbers: Callable[..., dict[str, Any]],
    data: Any = None,
    still: Any = None,
    network: bool = False,
) -> Explorable:
    """An explorable called `name`, such as "01.fit", that `script` draws.

    `script` holds a JavaScript function as live.js describes it, which finds `data` (JSON; arrays
    become lists). `words` is the sentence that follows the picture, with `{mean}` or `{score:.3f}`
    in it, filled with the controls' values and with what the script returns, which is also what
    `numbers(**values)` returns here. `still` is a figure of the start. With `network`, `script` may
    use net.js to train one, and the toy data of toys.js. Raises ValueError if the
    sentence names a number that nobody provides.
    """
    start = {c.name: c.start for c in controls if not isinstance(c, Play | Button)}
    try:
        said = words.format(**start | numbers(**start))
    except KeyError as error:
        raise ValueError(f"the words of {name} need {error}, which nobody provides") from None
    spec = {
        "data": plain(data),
        "controls": [asdict(c) | {"label": c.label or c.name.replace("_", " ")} for c in controls],
        "words": words,
        "start": start,
    }
    engine = ("".join(map(_file, ("net.js", "toys.js"))) if network else "") + _file("live.js")
    page = _page(name, script.read_text(encoding="utf-8"), engine, spec, said, still)
    return Explorable(page, said, controls, numbers)


def _page(name: str, figure: str, engine: str, spec: dict[str, Any], said: str, still: Any) -> str:
    picture = f'<div class="still">{_still(still, said)}</div>'
    # `<` would let data end the script that holds them
    held = json.dumps(spec, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    code = f"(() => {{const NAME = {json.dumps(name)}, FIGURE = {figure.strip().rstrip(';')};\n"
    return (
        f'<div class="explorable" data-explorable="{html.escape(name)}">'
        f"<style>{_file('live.css')}</style>{picture}"
        f'<script type="application/json">{held}</script>'
        f"<script>{code}{engine}}})()</script></div>"
    )


def _still(figure: Any, said: str) -> str:
    """The figure as an image with the sentence as its alt text; the sentence alone without one."""
    if figure is None:
        return f"<p>{html.escape(said)}</p>"
    from matplotlib import pyplot as plt

    from course_utils import plots

    figure.set_label(said)
    page = plots.as_html(figure)
    plt.close(figure)  # else the notebook shows it a second time, below the explorable
    return page


@cache
def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def packed(array: np.ndarray, low: float, high: float, bits: int = 8) -> dict[str, Any]:
    """An array as bytes, in 256 steps from `low` to `high`, or in 65536 with 16 `bits`: an eighth
    or a quarter of the size of its digits.
    """
    codes = np.clip(np.round(_codes(array, low, high, bits)), 0, 2**bits - 1)
    text = base64.b64encode(codes.astype(_kind(bits)).tobytes()).decode()
    return {"bytes": text, "low": low, "high": high, "bits": bits}


def _kind(bits: int) -> np.dtype:
    return np.dtype("<u2" if bits == 16 else np.uint8)


def _codes(array: Any, low: float, high: float, bits: int) -> np.ndarray:
    return (np.asarray(array, dtype=float) - low) * (2**bits - 1) / (high - low)


def weights(layers: Any, examples: Any, rank: int) -> tuple[list[dict[str, Any]], Callable]:
    """A trained decoder, nn.Linear with nn.SiLU between them, small enough for a page.

    A layer with many weights becomes two, of `rank` numbers between them: those directions of its
    outputs in which the outputs at `examples` (N, inputs) vary most. -> what the page's
    `feedForward` takes, and the same network here, (B, inputs) -> (B, outputs)
    """
    from torch import nn

    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    x, held = _array(examples), []
    for i, layer in enumerate(linear):
        w, b, silu = _array(layer.weight), _array(layer.bias), i < len(linear) - 1
        x = x @ w.T + b
        if rank * sum(w.shape) < 0.75 * w.size:
            middle = x.mean(axis=0)
            basis = np.linalg.svd(x - middle, full_matrices=False)[2][:rank]  # (rank, outputs)
            held += [_layer(basis @ w, basis @ (b - middle), 16), _layer(basis.T, middle, 8, silu)]
        else:
            held.append(_layer(w, b, 16, silu))
        x = x / (1 + np.exp(-x)) if silu else x

    def forward(x: Any) -> np.ndarray:
        x = np.asarray(x, dtype=float)
        for part in held:
            x = x @ unpacked(part["w"]).reshape(part["out"], -1).T + unpacked(part["b"])
            x = x / (1 + np.exp(-x)) if part["silu"] else x
        return x

    return held, forward


def _layer(w: np.ndarray, b: np.ndarray, bits: int, silu: bool = False) -> dict[str, Any]:
    held = {"w": _tight(w, bits), "b": _tight(b, 16)}
    return {"inputs": w.shape[1], "out": len(w), "silu": silu, **held}


def _array(parameter: Any) -> np.ndarray:
    return parameter.detach().cpu().double().numpy()  # Apple GPUs have no float64


def _tight(array: np.ndarray, bits: int) -> dict[str, Any]:
    return packed(array, float(array.min()), float(array.max()), bits)


def unpacked(held: dict[str, Any]) -> np.ndarray:
    """The numbers that the page finds in what `packed` made."""
    codes = np.frombuffer(base64.b64decode(held["bytes"]), _kind(held["bits"])).astype(float)
    return held["low"] + (held["high"] - held["low"]) * codes / (2 ** held["bits"] - 1)


def plain(value: Any, digits: int = 5) -> Any:
    """Arrays as lists, real numbers with so many significant digits; a NaN becomes None."""
    if isinstance(value, dict):
        return {key: plain(item, digits) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = np.asarray(value).tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item, digits) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value
