"""Make docs/cards/NN.webp, the small picture of each lesson, from what the lesson makes:
`python -m tools cards [NN ...]`. It takes about ten seconds.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import numpy as np
import torch
from matplotlib import pyplot as plt
from PIL import Image

from course_utils import data, plots, pretrained
from course_utils.lesson02 import explorables as lesson02
from course_utils.lesson03 import drawing as drawing03
from course_utils.lesson03 import explorables as lesson03
from course_utils.lesson04 import taught as lesson04
from course_utils.lesson09 import shapes
from course_utils.lesson09 import taught as lesson09
from course_utils.lesson10 import chemistry
from tools import picture

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "cards"
SIZE = (2.7, 1.8)  # inches, of 200 pixels each: twice the 270 x 180 of a card
LARGEST = 25_000  # bytes


def fit(ax: Any) -> None:
    """The ink of real digits, and the Gaussian of largest likelihood."""
    digits = data.mnist(numpy=True)
    ink = 100 * digits.x_train.reshape(len(digits.x_train), -1).mean(axis=1)
    x = np.linspace(0, 30, 200)
    ax.hist(ink, 40, density=True, color=plots.DATA, alpha=0.5)
    density = np.exp(-0.5 * ((x - ink.mean()) / ink.std()) ** 2) / (ink.std() * np.sqrt(2 * np.pi))
    ax.plot(x, density, color=plots.MODEL, linewidth=3)
    ax.set_xlim(0, 30)


def directions(ax: Any) -> None:
    """A target with two modes, and the Gaussians that forward and reverse KL prefer."""
    grid = [(m, s) for m in np.arange(-4, 4.1, 0.1) for s in np.arange(0.5, 3.6, 0.1)]
    divergences = [lesson02.divergences(*each) for each in grid]
    ax.fill_between(lesson02.LINE, lesson02.TARGET, color=plots.DATA, alpha=0.4)
    for way, color in (("forward", plots.MODEL), ("reverse", plots.OTHER)):
        best = grid[int(np.argmin([each[way] for each in divergences]))]
        ax.plot(lesson02.LINE, lesson02.normal(*best), color=color, linewidth=3)
    ax.set_xlim(-6, 6)


def valley(ax: Any) -> None:
    path = lesson03.descent(0.09, 0.0, 20.0, -9.0, 1.5)
    drawing03.path_in_valley(ax, path, 20)


def invented(ax: Any) -> None:
    """What the lesson's VAE draws from its prior, as probabilities."""
    torch.manual_seed(0)
    _, decoder = lesson04.train_vae((data.digits8().x_train > 0.5).float().reshape(-1, 64))
    with torch.no_grad():
        drawn = torch.sigmoid(decoder(torch.randn(15, 8))).reshape(-1, 8, 8)
    sheet(ax, np.pad(drawn.numpy(), ((0, 0), (1, 1), (1, 1))), 5)


def epochs(ax: Any) -> None:
    """Three seeds, on what they were trained on and on the validation data."""
    study = data.study("digit_epochs")
    for name, color in (("train", plots.MUTED), ("val", plots.MODEL)):
        ax.plot(study["epoch"], study[name].T, color=color, linewidth=2)
    ax.set_xscale("log")


def generated(ax: Any) -> None:
    sheet(ax, data.study("gan_race")["samples_clusters"][:24].reshape(-1, 28, 28) / 255, 6)


def noised(ax: Any) -> None:
    """Three pictures with captions, at five times of the forward process."""
    colors = torch.stack([shapes.all_captions()[i] for i in (0, 16, 32)])
    x0, _ = shapes.draw(colors)  # (3, 3, H, W)
    ab = torch.cos(torch.linspace(0, 0.8, 5) * torch.pi / 2) ** 2  # (5,)
    torch.manual_seed(0)
    t = torch.arange(5)
    rows = [lesson09.q_sample(x.expand(5, *x.shape), t, ab, torch.randn(5, *x.shape)) for x in x0]
    wide = torch.cat([torch.cat([*row.flip(0)], dim=2) for row in rows], dim=1)  # (3, 3H, 5W)
    ax.imshow(((wide + 1) / 2).clamp(0, 1).permute(1, 2, 0), interpolation="nearest")


def molecules(ax: Any) -> None:
    for i, plan in enumerate(chemistry.shipped()["layouts"][:4]):
        chemistry.draw(plan, ax.inset_axes((0.5 * (i % 2), 0.5 * (1 - i // 2), 0.48, 0.48)))


def chorale(ax: Any) -> None:
    notes, onsets = pretrained.chorale(4, np.random.default_rng(0), with_onsets=True)
    plots.piano_roll(notes, onsets, ax)
    for text in [*ax.texts]:
        text.remove()


def sheet(ax: Any, pictures: np.ndarray, columns: int) -> None:
    """Gray pictures (N, H, W) in rows."""
    n, height, width = pictures.shape
    wide = pictures.reshape(-1, columns, height, width).swapaxes(1, 2)
    ax.imshow(wide.reshape(-1, columns * width), cmap="gray_r", interpolation="nearest")


PANELS: dict[str, Callable[[Any], None]] = {
    "01": fit,
    "02": directions,
    "03": valley,
    "04": invented,
    "05": epochs,
    "06": generated,
    "07": picture.house,
    "08": chorale,
    "09": noised,
    "10": molecules,
}


def draw(number: str) -> bytes:
    """The picture of one lesson as a WebP file."""
    fig, ax = plt.subplots(figsize=SIZE, layout="none")
    fig.subplots_adjust(0.03, 0.04, 0.97, 0.96)
    PANELS[number](ax)
    ax.set(title="", xlabel="", ylabel="")
    ax.axis("off")
    drawn = io.BytesIO()
    fig.savefig(drawn, format="png")
    plt.close(fig)
    image = Image.open(drawn).convert("RGB")
    sizes = (_webp(image, quality) for quality in (80, 65, 50, 35))
    return next(made for made in sizes if len(made) <= LARGEST)


def _webp(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "webp", quality=quality, method=6)
    return file.getvalue()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools cards", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("lessons", nargs="*", metavar="NN", help="all, or these")
    options = parser.parse_args(arguments)
    plots.use_course_style()
    plt.rcParams["figure.dpi"] = 200
    FOLDER.mkdir(exist_ok=True)
    for number in options.lessons or PANELS:
        made = draw(number)
        (FOLDER / f"{number}.webp").write_bytes(made)
        print(f"wrote docs/cards/{number}.webp, {len(made) / 1000:.1f} kB")
    print("look at them")
    return 0
