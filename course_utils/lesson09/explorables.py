"""The pictures of lesson 09 that the reader can touch."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots
from course_utils.lesson09 import dungeons
from course_utils.live import net

FOLDER = Path(__file__).parent
NAMES = ("linear", "cosine")
STEPS = (1, 2, 4, 10, 30)
PATHS: dict[str, Any] = {
    "T": 100,
    "lr": 8e-3,
    "batch": 96,
    "hidden": 32,
    "high": 1000,
    "shown": 200,
    "steps": STEPS,
    "average": 0.02,
}


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
            live.Play("t", "let it dissolve"),
        ],
        "At t = {t:.0f}, {percent:.0f} % of the variance is still data; signal to noise {snr:.2f}.",
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
    """Somebody on the shortest way through dungeons (N, 12, 12), those that can be solved."""
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
        "Map {level:.0f}: somebody after {here:.0f} of {steps:.0f} steps of the shortest way.",
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
            live.Train("rounds", PATHS["high"], "step"),
            live.Choice("kind", net.KINDS, 2, "data"),
            live.Choice("steps", [str(n) for n in STEPS], 3, "steps of DDIM and flow"),
            live.Range("time", 0, 1, 0.01, 1, "sampled so far"),
            live.Play("time", "sample", 30),
        ],
        "After {rounds:.0f} training steps the squared error is {eps_loss:.2f} for ε and"
        " {v_loss:.2f} for v. Energy distance to the data: DDPM in 100 steps {ddpm:.3f}; in"
        " {n:.0f} steps DDIM {ddim:.3f}, flow {flow:.3f}.",
        _paths,
        PATHS | {"drawing": net.HEART},
        _still_paths(),
        network=True,
    )


def _paths(rounds: int, kind: int, steps: int, time: float) -> dict[str, float]:
    """What paths.js says after so many training steps, by PyTorch."""
    import torch

    T, beta = PATHS["T"], torch.linspace(0.001, 0.1, PATHS["T"], dtype=torch.float64)
    ab, drawing = torch.cumprod(1 - beta, dim=0), net.HEART

    def inputs(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """(B, 2), (B,) -> (B, 16)"""
        waves = [f(w * x) for w in (1, 2) for f in (torch.sin, torch.cos)]  # (B, 2) each
        clock = [f(w * math.pi * t[:, None]) for w in (0.5, 1, 2) for f in (torch.sin, torch.cos)]
        return torch.cat([x, *waves, *clock], dim=1)

    def losses(nets: list[Any], n: int, random: net.RandomNumbers) -> list[torch.Tensor]:
        x = torch.tensor(net.toy_data(kind, drawing, n, random))
        eps = torch.tensor(random.normals(2 * n).reshape(n, 2))
        u = torch.tensor([random.uniform() for _ in range(n)], dtype=torch.float64)
        t = (T * u).long()
        share = ab[t][:, None]
        says_eps = nets[0](inputs(share.sqrt() * x + (1 - share).sqrt() * eps, t / T))
        says_v = nets[1](inputs(u[:, None] * x + (1 - u[:, None]) * eps, u))
        return [((says_eps - eps) ** 2).mean(), ((says_v - (x - eps)) ** 2).mean()]

    weights, random = net.RandomNumbers(1), net.RandomNumbers(2)
    learners = [net.network([16, *3 * [PATHS["hidden"]], 2], "silu", weights) for _ in range(2)]
    smooth = [copy.deepcopy(learner) for learner in learners]
    optimizers = [torch.optim.Adam(learner.parameters()) for learner in learners]
    for count in range(int(rounds)):
        lr = PATHS["lr"] * min(1, (count + 1) / 50) * (0.05 + 0.95 * (1 - count / PATHS["high"]))
        found = losses(learners, PATHS["batch"], random)
        for loss, optimizer in zip(found, optimizers, strict=True):
            optimizer.param_groups[0]["lr"] = lr
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        share = max(PATHS["average"], 1 / (count + 1))
        with torch.no_grad():
            for average, learner in zip(smooth, learners, strict=True):
                for a, b in zip(average.parameters(), learner.parameters(), strict=True):
                    a += share * (b - a)

    @torch.no_grad()
    def ddpm() -> torch.Tensor:
        x, fresh = start, net.RandomNumbers(5)
        for t in reversed(range(T)):
            eps = smooth[0](inputs(x, torch.full((len(x),), t / T)))
            x = (x - beta[t] / (1 - ab[t]).sqrt() * eps) / (1 - beta[t]).sqrt()
            if t > 0:
                x = x + beta[t].sqrt() * torch.tensor(fresh.normals(x.numel()).reshape(x.shape))
        return x

    @torch.no_grad()
    def ddim(n: int) -> torch.Tensor:
        x = start
        for k in range(n, 0, -1):
            t, then = (math.floor(T * at / n + 0.5) - 1 for at in (k, k - 1))
            a, b = ab[t], ab[then] if then >= 0 else torch.tensor(1.0)
            eps = smooth[0](inputs(x, torch.full((len(x),), t / T)))
            x = (b / a).sqrt() * (x - (1 - a).sqrt() * eps) + (1 - b).sqrt() * eps
        return x

    @torch.no_grad()
    def flow(n: int) -> torch.Tensor:
        x = start
        for k in range(n):
            x = x + smooth[1](inputs(x, torch.full((len(x),), k / n))) / n
        return x

    shown, n = PATHS["shown"], STEPS[steps]
    start = torch.tensor(net.RandomNumbers(3).normals(2 * shown).reshape(shown, 2))
    real = torch.tensor(net.toy_data(kind, drawing, shown, net.RandomNumbers(4)))
    with torch.no_grad():
        eps_loss, v_loss = losses(smooth, shown, net.RandomNumbers(6))
    samples = {"ddpm": ddpm(), "ddim": ddim(n), "flow": flow(n)}
    return {
        "rounds": rounds,
        "n": n,
        "eps_loss": eps_loss.item(),
        "v_loss": v_loss.item(),
        **{name: net.energy_distance(x, real) for name, x in samples.items()},
    }


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
        ax.set_title(f"t = {t}: {100 * share:.0f} % data")
        ax.axis("off")
    return fig
