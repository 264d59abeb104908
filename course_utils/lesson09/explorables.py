"""The pictures of lesson 09 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots
from course_utils.lesson09 import dungeons, paths_by_torch
from course_utils.live import net

FOLDER = Path(__file__).parent
NAMES = ("linear", "cosine")


def noise(x0: Any, eps: Any, schedules: list[Any]) -> live.Explorable:
    """The forward process on a picture x0 in [-1, 1] with fixed noise eps, (3, H, W) each, for the
    linear and the cosine schedule of alpha bar, (T,) each.
    """
    shares = [np.asarray(live.plain(np.asarray(share))) for share in schedules]
    picture = np.asarray(x0).transpose(1, 2, 0)  # (H, W, 3)

    def numbers(t: int, schedule: int) -> dict[str, float]:
        share = float(shares[schedule][int(t)])
        return {"percent": 100 * share, "snr": share / max(1e-12, 1 - share)}

    return live.explorable(
        "09.noise",
        FOLDER / "noise.js",
        [
            live.Range("t", 0, len(shares[0]) - 1, 1, 20, "step t"),
            live.Choice("schedule", NAMES, label="noise schedule"),
            live.Play("t", "add noise"),
        ],
        "At t = {t:.0f}, {percent:.0f}% of the variance is still data; signal to noise {snr:.2f}.",
        numbers,
        {
            "x0": live.packed(picture, -1, 1),
            "eps": live.packed(np.asarray(eps).transpose(1, 2, 0), -4, 4),
            "height": picture.shape[0],
            "width": picture.shape[1],
            "schedules": shares,
        },
        _still(picture, np.asarray(eps).transpose(1, 2, 0), shares[0]),
    )


def walk(levels: Any) -> live.Explorable:
    """A walker on the shortest path through dungeons (N, 12, 12), those that can be solved."""
    found = [(np.asarray(level), dungeons.shortest_path(level)) for level in levels]
    levels, paths = zip(*[(level, path) for level, path in found if path], strict=True)
    longest = max(len(path) for path in paths) - 1

    def numbers(level: int, step: int) -> dict[str, float]:
        steps = len(paths[int(level)]) - 1
        return {"here": min(step, steps), "steps": steps}

    fig, ax = plots.figure(alt="drawn below", size=(4, 4))
    ax.imshow(dungeons.picture(levels[0], hero=paths[0][0]), interpolation="nearest")
    ax.axis("off")
    return live.explorable(
        "09.walk",
        FOLDER / "walk.js",
        [
            live.Range("level", 0, len(levels) - 1, 1, 0, "map"),
            live.Range("step", 0, longest, 1, 0),
            live.Play("step", "walk", 250),
        ],
        "Map {level:.0f}: the walker after {here:.0f} of {steps:.0f} steps of the shortest path.",
        numbers,
        {
            "levels": np.stack(levels).reshape(len(levels), -1),
            "paths": paths,
            "tiles": [dungeons.pixels(dungeons.SPRITES[tile]) for tile in range(5)],
            "hero": dungeons.pixels(dungeons.HERO),
            "size": dungeons.SIZE,
        },
        fig,
    )


def paths() -> live.Explorable:
    """DDPM, DDIM and flow matching side by side, trained in the page on points in the plane."""
    return live.explorable(
        "09.paths",
        FOLDER / "paths.js",
        [
            live.Train("rounds", paths_by_torch.SETTINGS["high"], "step"),
            live.Choice("kind", net.KINDS, 2, "data"),
            live.Choice(
                "steps", [str(n) for n in paths_by_torch.STEPS], 3, "steps of DDIM and flow"
            ),
            live.Range("time", 0, 1, 0.01, 1, "sampled so far"),
            live.Play("time", "sample", 30),
            live.Button("clear", "clear the drawing", {"kind": 4, "cleared": True}),
        ],
        "After {rounds:.0f} training steps the squared error is {eps_loss:.2f} for ε and"
        " {v_loss:.2f} for v. Energy distance to the data{older}: DDPM in 100 steps {ddpm:.3f}; in"
        " {n:.0f} steps DDIM {ddim:.3f}, flow {flow:.3f}.",
        lambda **values: paths_by_torch.numbers(**values) | {"older": ""},
        paths_by_torch.SETTINGS | {"drawing": net.HEART},
        _still_paths(),
        network=True,
    )


def _still_paths() -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(4, 4))
    ax.scatter(*net.toy_data(2, net.HEART, 200, net.RandomNumbers(4)).T, s=8, color=plots.DATA)
    ax.scatter(*net.RandomNumbers(3).normals(400).reshape(200, 2).T, s=8, color=plots.MODEL)
    ax.set(aspect="equal", xlim=(-3, 3), ylim=(-3, 3))
    plots.label(ax, "data, and the noise to start from", "x1", "x2")
    return fig


def _still(x0: np.ndarray, eps: np.ndarray, shares: np.ndarray) -> Any:
    fig, axes = plots.figure(1, 2, alt="drawn below", size=(4.5, 2))
    for ax, t in zip(axes, (5, 50), strict=True):
        share = shares[min(t, len(shares) - 1)]
        ax.imshow(np.clip((np.sqrt(share) * x0 + np.sqrt(1 - share) * eps + 1) / 2, 0, 1))
        ax.set_title(f"t = {t}: {100 * share:.0f}% data")
        ax.axis("off")
    return fig
