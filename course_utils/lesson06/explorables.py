"""The pictures of lesson 06 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots
from course_utils.live import net

FOLDER = Path(__file__).parent
X = np.linspace(-8, 8, 321)  # wider than what is shown, so that no mass is lost
DATA = (2.0, 0.3)  # mean and standard deviation of the only mode
MODE = 0.25  # standard deviation of each mode of the ring
ANGLES = 2 * np.pi * np.arange(8) / 8
RING = 2 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)  # (8, 2)
RATIOS = [(4, 1), (2, 1), (1, 1), (1, 2), (1, 4)]  # moves of D, moves of G in one round
GAN: dict[str, Any] = {
    "lr": 3e-3,
    "batch": 64,
    "hidden": 24,
    "high": 2000,
    "shown": 256,
    "ratios": RATIOS,
}
LOSSES = ("−log D(G(z))", "log(1 − D(G(z)))")


def gan() -> live.Explorable:
    """A GAN in the plane that trains in the page."""
    return live.explorable(
        "06.gan",
        FOLDER / "gan.js",
        [
            live.Train("rounds", GAN["high"], "round"),
            live.Choice("kind", net.KINDS, 1, "data"),
            live.Choice("ratio", [f"{d} : {g}" for d, g in RATIOS], 2, "moves of D : G"),
            live.Range("beta1", 0, 0.9, 0.1, 0.5, "Adam's beta1"),
            live.Choice("loss", LOSSES, 0, "loss of G"),
            live.Range("z1", -2.2, 2.2, 0.1, 0.5),
            live.Range("z2", -2.2, 2.2, 0.1, 0.5),
            live.Button("clear", "clear the drawing", {"kind": 4, "cleared": True}),
        ],
        "After {rounds:.0f} rounds, beta1 {beta1:.1f}: loss of D {d_loss:.2f}, of G {g_loss:.2f}"
        " nats; energy distance between samples and data {distance:.3f}. z = ({z1:.1f}, {z2:.1f})"
        " lands at ({x:.2f}, {y:.2f}), where D(x) is {probability:.2f}.",
        _gan,
        GAN | {"drawing": net.HEART},
        _still_gan(),
        network=True,
    )


def distances() -> live.Explorable:
    """JS (in nats) and W1 between data with one mode and a generator that is a Gaussian."""
    return live.explorable(
        "06.distances",
        FOLDER / "distances.js",
        [
            live.Range("place", -3.5, 3.5, 0.1, -1, "place of the generator"),
            live.Range("sigma", 0.2, 1.5, 0.05, 0.5, "its standard deviation"),
        ],
        "The generator at {place:.1f} with standard deviation {sigma:.2f}: JS {js:.2f} nats (at"
        " most 0.69), W1 {w1:.2f}.",
        _distances,
        {"mean": DATA[0], "sigma": DATA[1]},
        _still(-1, 0.5),
    )


def pull() -> live.Explorable:
    """The optimal discriminator for a ring of modes and a generator that is one round Gaussian."""
    return live.explorable(
        "06.pull",
        FOLDER / "pull.js",
        [
            live.Range("x1", -2.5, 2.5, 0.1, 1),
            live.Range("x2", -2.5, 2.5, 0.1, 0),
            live.Range("sigma", 0.1, 1.5, 0.05, 0.5, "standard deviation"),
        ],
        "A generator at ({x1:.1f}, {x2:.1f}) with standard deviation {sigma:.2f}: its center is"
        " moved along ({pull1:.2f}, {pull2:.2f}), with strength {strength:.2f}.",
        _pull,
        {"centers": RING},
        _still_ring(1, 0),
    )


def _gan(
    rounds: int, kind: int, ratio: int, beta1: float, loss: int, z1: float, z2: float
) -> dict[str, float]:
    """What gan.js says after so many rounds from the start, by PyTorch."""
    import torch
    from torch.nn.functional import softplus

    weights, random = net.RandomNumbers(1), net.RandomNumbers(2)
    G = net.network([2, GAN["hidden"], GAN["hidden"], 2], "relu", weights)
    D = net.network([2, GAN["hidden"], GAN["hidden"], 1], "relu", weights)
    move_d, move_g = (
        torch.optim.Adam(player.parameters(), GAN["lr"], betas=(beta1, 0.99)) for player in (D, G)
    )

    def data(n: int, random: net.RandomNumbers) -> torch.Tensor:
        return torch.tensor(net.toy_data(kind, net.HEART, n, random))

    def noise(n: int, random: net.RandomNumbers) -> torch.Tensor:
        return torch.tensor(random.normals(2 * n).reshape(n, 2))

    def d_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return softplus(-D(real)).mean() + softplus(D(fake)).mean()

    def g_loss(fake: torch.Tensor) -> torch.Tensor:
        return -softplus(D(fake)).mean() if loss else softplus(-D(fake)).mean()

    for _ in range(int(rounds)):
        for _ in range(RATIOS[ratio][0]):
            real = data(GAN["batch"], random)
            _move(move_d, d_loss(real, G(noise(GAN["batch"], random)).detach()))
        for _ in range(RATIOS[ratio][1]):
            _move(move_g, g_loss(G(noise(GAN["batch"], random))))
    with torch.no_grad():
        fake, real = (
            G(noise(GAN["shown"], net.RandomNumbers(3))),
            data(GAN["shown"], net.RandomNumbers(4)),
        )
        place = G(torch.tensor([[z1, z2]], dtype=torch.float64))
        return {
            "rounds": rounds,
            "d_loss": d_loss(real, fake).item(),
            "g_loss": g_loss(fake).item(),
            "distance": net.energy_distance(fake, real),
            "x": place[0, 0].item(),
            "y": place[0, 1].item(),
            "probability": torch.sigmoid(D(place)).item(),
        }


def _move(optimizer: Any, loss: Any) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _normal(mean: float, sigma: float) -> np.ndarray:
    return np.exp(-0.5 * ((X - mean) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def _distances(place: float, sigma: float) -> dict[str, float]:
    p, q, dx = _normal(*DATA), _normal(place, sigma), X[1] - X[0]
    middle = np.maximum((p + q) / 2, 1e-30)
    with np.errstate(divide="ignore", invalid="ignore"):
        halves = [np.where(a > 0, a * np.log(a / middle), 0).sum() * dx for a in (p, q)]
    w1 = np.abs(((p - q) * dx).cumsum()).sum() * dx
    return {"js": max(0.0, float(sum(halves) / 2)), "w1": float(w1)}


def _density(at: Any, centers: Any, sigma: float) -> Any:
    """Of a mixture of round Gaussians. (2,), (k, 2)"""
    import torch

    squared = ((at - centers) ** 2).sum(1)  # (k,)
    return (torch.exp(-squared / (2 * sigma**2)) / (2 * np.pi * sigma**2)).mean()


def _pull(x1: float, x2: float, sigma: float) -> dict[str, float]:
    """The negative gradient of -log D* at the generator's center, by automatic differentiation."""
    import torch

    place = torch.tensor([x1, x2], dtype=torch.float64, requires_grad=True)
    own, ring = place.detach()[None].clone(), torch.as_tensor(RING)
    logit = (_density(place, ring, MODE) + 1e-12).log() - (_density(place, own, sigma)).log()
    (grad,) = torch.autograd.grad(torch.nn.functional.softplus(-logit), place)
    pull1, pull2 = (v if abs(v) >= 0.005 else 0.0 for v in (-grad).tolist())  # never -0.00
    return {"pull1": pull1, "pull2": pull2, "strength": float(grad.norm())}


def _still(place: float, sigma: float) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(6, 3))
    ax.fill_between(X, _normal(*DATA), color=plots.DATA, alpha=0.4)
    ax.plot(X, _normal(place, sigma), color=plots.MODEL)
    ax.set(xlim=(-4, 4))
    plots.label(ax, "data (filled) and generator", "x", "density")
    return fig


def _still_gan() -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(4, 4))
    ax.scatter(*net.toy_data(1, net.HEART, 256, net.RandomNumbers(4)).T, s=8, color=plots.DATA)
    ax.scatter(*net.RandomNumbers(3).normals(512).reshape(256, 2).T, s=8, color=plots.MODEL)
    ax.set(aspect="equal", xlim=(-3, 3), ylim=(-3, 3))
    plots.label(ax, "data, and noise that G will bend", "x1", "x2")
    return fig


def _still_ring(x1: float, x2: float) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(4, 4))
    ax.scatter(*RING.T, s=400, color=plots.DATA, alpha=0.5)
    ax.plot(x1, x2, "o", color=plots.MODEL, markersize=12)
    ax.set(aspect="equal", xlim=(-3, 3), ylim=(-3, 3))
    plots.label(ax, "modes of the data, and the generator", "x1", "x2")
    return fig
