"""Make the README's pictures and docs/social.png, which is shown where somebody links to the
course: `python -m tools picture`. docs/picture.png is drawn by the course's own models;
docs/training.webp is an explorable that trains, photographed in Chromium. It takes a minute.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import numpy as np
import torch
from matplotlib import pyplot as plt
from PIL import Image

from course_utils import plots, pretrained
from course_utils.lesson06 import explorables
from course_utils.lesson07 import floorplans, plan_drawing, repairing
from course_utils.lesson07 import taught as lesson07
from course_utils.lesson10 import chemistry
from tools.measure.live import opened

DOCS = Path(__file__).resolve().parent.parent / "docs"


def digits(ax: Any) -> None:
    drawn = pretrained.digits(30, np.random.default_rng(4))  # (30, 28, 28)
    plots.images(drawn, ax, columns=6, title="digits that nobody wrote")


def chorale(ax: Any) -> None:
    # (64, 4) each
    notes, onsets = pretrained.chorale(4, np.random.default_rng(0), with_onsets=True)
    plots.piano_roll(notes, onsets, ax)
    plots.label(ax, "four voices that nobody composed")


def house(ax: Any) -> None:
    """Trained on all briefs but one; asked for that one, and repaired."""
    rng = np.random.default_rng(7)
    unseen, *briefs = floorplans.all_briefs()
    briefs = [briefs[i] for i in rng.integers(len(briefs), size=2000)]
    plans = torch.as_tensor(floorplans.make_plans(briefs, rng))  # (2000, H, W)
    torch.manual_seed(0)
    draw = lesson07.train_planner(
        plans, torch.as_tensor(floorplans.brief_vectors(briefs), dtype=torch.float32)
    )
    with torch.no_grad():
        # (H, W)
        sheet = draw(torch.as_tensor(floorplans.brief_vectors([unseen]), dtype=torch.float32))[0]
    chosen = np.eye(floorplans.KINDS)[np.asarray(sheet)].transpose(2, 0, 1)  # (KINDS, H, W)
    ax.imshow(_sheet(repairing.repair(chosen, unseen, rng)))
    ax.axis("off")
    plots.label(ax, "a house that nobody planned")


def _sheet(plan: np.ndarray) -> np.ndarray:
    """A plan on paper of its own, whose letters fit its rooms, without the arrow to the north:
    that would stand beside the next panel. -> RGBA pixels (height, width, 4)
    """
    fig, ax = plt.subplots(figsize=(3.6, 3.4), dpi=300)
    plan_drawing.draw(plan, ax)
    next(text for text in ax.texts if text.get_text() == "N").remove()
    pixels = io.BytesIO()
    fig.savefig(pixels, bbox_inches="tight")
    plt.close(fig)
    return np.asarray(Image.open(pixels))


def molecules(ax: Any) -> None:
    """The four of highest QED among those that the study's model wrote and had not been shown."""
    ax.axis("off")
    plots.label(ax, "molecules that a network spelled")
    for i, molecule in enumerate(chemistry.shipped()["best"][:4]):
        inner = ax.inset_axes((0.5 * (i % 2), 0.5 * (1 - i // 2), 0.48, 0.46))
        chemistry.draw(molecule["layout"], inner)


def main(arguments: list[str]) -> int:
    argparse.ArgumentParser(
        prog="python -m tools picture", description=(__doc__ or "").split(":")[0]
    ).parse_args(arguments)
    plots.use_course_style()
    panels = (digits, chorale, house, molecules)
    fig, axes = plt.subplots(
        1, 4, figsize=(15, 3.9), width_ratios=(1.2, 1.6, 1.25, 1.3), layout="constrained"
    )
    save(fig, axes, panels, "picture.png")
    fig, axes = plt.subplots(2, 2, figsize=(12, 6.3), width_ratios=(3, 4), layout="constrained")
    fig.suptitle("Generative AI in Python and PyTorch", x=0.01, ha="left", size=26, weight="bold")
    save(fig, axes.ravel(), (digits, chorale, molecules, house), "social.png")
    film()
    return 0


def film() -> None:
    """Lesson 06's GAN, photographed again and again until it has trained for all its rounds."""
    frames = []
    with opened(explorables.gan().html, width=936) as page:
        box = page.locator("[data-explorable]")
        page.locator("button", has_text="train").click()
        while page.locator("button", has_text="pause").count():
            frames.append(Image.open(io.BytesIO(box.screenshot())).crop((0, 0, 920, 319)))
    frames = [frames[i] for i in np.linspace(0, len(frames) - 1, 24).astype(int)]
    times = [*(180 for _ in frames[1:]), 4000]  # milliseconds
    path, still = DOCS / "training.webp", DOCS / "training.png"
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=times, quality=30, method=6
    )
    frames[-1].quantize(64).save(still, optimize=True)
    for made in (path, still):
        print(f"wrote {made.name}, {made.stat().st_size / 1000:.0f} kB: look at it")


def save(fig: Any, axes: Any, panels: Any, name: str) -> None:
    """Draw the panels, and write the figure as a PNG of few colors."""
    for panel, ax in zip(panels, axes, strict=True):
        panel(ax)
        ax.set_anchor("N")  # all titles at one height
    fig.savefig(DOCS / name, dpi=100)
    plt.close(fig)
    print(f"wrote {name}, {(DOCS / name).stat().st_size / 1000:.0f} kB: look at it")
