"""How fast and how well the lessons train, beside the recipes that people copy: same digits, same
measures, one thread.

A row is one training in a process of its own. It yields its model again and again; the clock,
`time.process_time`, runs only while it trains. Looking at the model costs no seconds and leaves the
random numbers alone.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import data, metrics, runtime
from tools.build import ROOT
from tools.measure import recipes, recorded
from tools.measure.recipes import Model

FILE = Path("tools/measure/training.json")
TARGET = 117.0  # nats per digit
REACHED = f"neg_elbo<={TARGET:.0f}"
GAN_SECONDS = 60.0


def bent(x: Tensor) -> Tensor:
    """Every digit rotated by up to 12 degrees, scaled by up to a tenth, slanted and moved a little.
    (N, 784) -> (N, 784)
    """
    n = len(x)
    turn, slant = math.radians(12) * (2 * torch.rand(n) - 1), 0.3 * (torch.rand(n) - 0.5)
    scale, shift = 0.9 + 0.2 * torch.rand(n), 1.5 / 14 * (2 * torch.rand(n, 2) - 1)
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    rows = [
        torch.stack([cos, slant - sin, shift[:, 0]], 1),
        torch.stack([sin, cos, shift[:, 1]], 1),
    ]
    # (N, 28, 28, 2)
    grid = F.affine_grid(torch.stack(rows, 1), [n, 1, 28, 28], align_corners=False)
    moved = F.grid_sample(x.view(n, 1, 28, 28), grid, align_corners=False)
    return moved.clamp(0, 1).flatten(1)


class Augmented:
    """Minibatches of digits that are distorted anew in every epoch."""

    def __init__(self, x: Tensor, augment: Callable[[Tensor], Tensor]) -> None:
        self.x, self.augment = x, augment

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        from course_utils.lesson03.taught import Minibatches

        return iter(Minibatches(self.augment(self.x), size=64))

    def __len__(self) -> int:
        return math.ceil(len(self.x) / 64)


def vae_ours(x: Tensor, y: Tensor) -> Iterator[Model]:
    """Lesson 05's VAE with residual connections: 8 quick epochs, then 70 in which most digits are
    distorted a little.
    """
    from course_utils.lesson03.taught import Minibatches, fit
    from course_utils.lesson05.taught import DigitVAE, optimizer_for, vae_loss

    model = DigitVAE(x.mean(dim=0), Z=32, hidden=(400, 400))

    def mostly_bent(x: Tensor) -> Tensor:
        return torch.where(torch.rand(len(x), 1) < 0.7, bent(x), x)

    for loader, epochs in ((Minibatches(x, size=64), 8), (Augmented(x, mostly_bent), 70)):
        optimizer, scheduler = optimizer_for(model, 4e-3, epochs * len(loader))
        for _ in range(epochs):
            fit(model, loader, vae_loss, optimizer, 1, scheduler)
            yield Model(
                draw=lambda labels: torch.sigmoid(model.decode(torch.randn(len(labels), 32))),
                encode=lambda x, labels: model.encode(x),
                decode=lambda z, labels: model.decode(z),
            )


def gan_ours(x: Tensor, y: Tensor) -> Iterator[Model]:
    """Lesson 06: small dense networks, and the numbers of forty clusters of similar digits as tags.
    No label is seen.
    """
    from course_utils.lesson06 import taught as lesson06

    def generated(net: nn.Module, labels: Tensor) -> Tensor:
        return lesson06.generate(net, tagged, len(labels))

    tagged = lesson06.tagged(x, 40, seed=0)
    players = (
        lesson06.Player(lesson06.DigitGenerator(40), lr=8e-4),
        lesson06.Player(lesson06.DigitDiscriminator(40), lr=8e-4),
    )
    for average in lesson06.play(*players, tagged):
        yield Model(draw=partial(generated, average))


def one_hot(labels: Tensor) -> Tensor:
    return F.one_hot(labels, 10).float()  # (N, 10)


def cvae_ours(x: Tensor, y: Tensor) -> Iterator[Model]:
    """Lesson 07: a decoder that is told the label, and a KL term that counts three times."""
    from course_utils.lesson03.taught import Minibatches, fit
    from course_utils.lesson05.taught import optimizer_for
    from course_utils.lesson07.taught import CVAE, cvae_loss

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return cvae_loss(model, *batch, beta=3.0)

    model, loader = CVAE(784, 10), Minibatches(x, one_hot(y), size=64)
    model.decoder[-1].bias.data = torch.logit(x.mean(dim=0).clamp(0.002, 0.998))
    optimizer, scheduler = optimizer_for(model, 4e-3, 40 * len(loader))
    for _ in range(40):
        fit(model, loader, loss, optimizer, 1, scheduler)
        yield Model(
            draw=lambda labels: torch.sigmoid(
                model.decode(torch.randn(len(labels), model.Z), one_hot(labels))
            ),
            encode=lambda x, labels: model.encoder(
                torch.cat([x, one_hot(labels)], dim=1)  # (B, 784 + 10)
            ).chunk(2, dim=1),
            decode=lambda z, labels: model.decode(z, one_hot(labels)),
        )


def cgan_ours(x: Tensor, y: Tensor) -> Iterator[Model]:
    """Lesson 07: small dense networks that are told the label, a step at a time."""
    from course_utils.lesson07.taught import train_cgan

    def drawn(net: Any, labels: Tensor) -> Tensor:
        return net(torch.randn(len(labels), net.Z), one_hot(labels))

    for smooth in train_cgan(x, one_hot(y)):
        yield Model(draw=partial(drawn, smooth))


class Row(NamedTuple):
    """A training, when it has had enough (seconds, number of models seen, target reached?), and
    what must be known of it.
    """

    train: Callable[[Tensor, Tensor], Iterator[Model]]
    enough: Callable[[float, int, bool], bool]
    must: tuple[str, ...]


def after_a_minute(seconds: float, seen: int, reached: bool) -> bool:
    return seconds >= GAN_SECONDS


def at_its_end(seconds: float, seen: int, reached: bool) -> bool:
    return False


def at_the_target(seconds: float, seen: int, reached: bool) -> bool:
    """Not before 40 epochs, and not after 200."""
    return seen >= 40 and (reached or seen >= 200)


QUALITY = ("fd", "precision", "recall")
ROWS = {
    "vae/ours": Row(vae_ours, at_its_end, ("neg_elbo", *QUALITY)),
    "vae/recipe": Row(recipes.vae, at_the_target, ("neg_elbo", *QUALITY)),
    "gan/ours": Row(gan_ours, after_a_minute, QUALITY),
    "gan/recipe": Row(recipes.gan, after_a_minute, QUALITY),
    "cvae/ours": Row(cvae_ours, at_its_end, ("neg_elbo", "control", *QUALITY)),
    "cgan/ours": Row(cgan_ours, after_a_minute, ("control", *QUALITY)),
    "gan/small DCGAN": Row(recipes.small_gan, after_a_minute, QUALITY),
    "gan/dense recipe": Row(recipes.mlp_gan, after_a_minute, QUALITY),
}


def clocked(training: Iterable[Any]) -> Iterator[tuple[float, Any]]:
    """CPU seconds that a training has taken so far, and what it yields. What happens between two
    yields does not count.
    """
    seconds, start = 0.0, time.process_time()
    for value in training:
        seconds += time.process_time() - start
        yield seconds, value
        start = time.process_time()


@torch.no_grad()
def neg_elbo(model: Model, x: Tensor, labels: Tensor) -> float:
    """BCE + KL in nats per digit, both summed, one z for each digit x (N, 784)."""
    if model.encode is None or model.decode is None:
        raise ValueError("only a VAE has a bound")
    mu, logvar = model.encode(x, labels)  # (N, Z) each
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    bce = F.binary_cross_entropy_with_logits(model.decode(z, labels), x, reduction="sum")
    return ((bce + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()) / len(x)).item()


@torch.no_grad()
def quality(model: Model, x: Tensor, labels: Tensor) -> dict[str, float]:
    """Fréchet distance, precision and recall of 1,000 samples against the held-out digits; control
    where labels are asked for.
    """
    asked = torch.arange(1000) % 10
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        samples = model.draw(asked).clamp(0, 1)  # (1000, 784)
    precision, recall = metrics.precision_recall(
        metrics.digit_features(x), metrics.digit_features(samples)
    )
    control = metrics.control(samples, asked)
    return {
        "fd": metrics.frechet_digits(samples),
        "precision": precision,
        "recall": recall,
        "control": control,
    }


def flops_of(training: Iterator[Any]) -> int:
    """Floating-point operations of matrix multiplications and convolutions until a fresh training
    first yields.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        next(training)
    return counter.get_total_flops()


def multiply_speed(n: int = 512, tries: int = 30) -> float:
    """Operations per CPU second of this machine's matrix multiplication, n x n float32, the best of
    some tries.
    """
    a, b, best = torch.rand(n, n), torch.rand(n, n), float("inf")
    for _ in range(tries):
        start = time.process_time()
        for _ in range(10):
            a @ b
        best = min(best, (time.process_time() - start) / 10)
    return 2 * n**3 / best


def measure(name: str, enough: Callable[[float, int, bool], bool] | None = None) -> dict[str, Any]:
    """Train one row in this process and measure it. `enough` overrides when it stops."""
    task, variant = name.split("/")
    row, digits = ROWS[name], data.mnist()
    x, y, x_test, y_test = (
        digits.x_train.flatten(1),
        digits.y_train,
        digits.x_test.flatten(1),
        digits.y_test,
    )
    flops, found, reached_at, seconds, seen = flops_of(row.train(x, y)), {}, None, 0.0, 0
    torch.manual_seed(0)
    for seconds, model in clocked(row.train(x, y)):
        seen += 1
        if model.encode:
            found["neg_elbo"] = neg_elbo(model, x_test, y_test)
            if reached_at is None and found["neg_elbo"] <= TARGET:
                reached_at = seconds
        if (enough or row.enough)(seconds, seen, reached_at is not None):
            break
    found |= quality(model, x_test, y_test)
    return {
        "task": task,
        "variant": variant,
        "cpu_seconds": seconds,
        "seconds_to": {REACHED: reached_at} if task == "vae" else {},
        "metrics": {key: found[key] for key in row.must},
        "peak_mb": runtime.usage()["peak_mb"],
        "flops_share": flops * seen / seconds / multiply_speed(),
    }


def alone(name: str) -> dict[str, Any] | None:
    """Measure one row in a fresh process with one thread, so that its peak of memory is its own;
    None if it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tools", "measure", "training", "--row", name],
        cwd=ROOT,
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return None if done.returncode else json.loads(done.stdout.splitlines()[-1])


def named(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{row['task']}/{row['variant']}": row for row in rows}


def missing(rows: list[dict[str, Any]]) -> list[str]:
    """What a complete result has and this one has not: whole rows, or values of a row that are
    absent or not a number.
    """
    by_name = named(rows)
    gaps = [f"{name}: the whole row" for name in ROWS if name not in by_name]
    for name, row in by_name.items():
        have, must = flat(row), ROWS[name].must
        wanted = ["cpu_seconds", "peak_mb", "flops_share", *must, *row["seconds_to"]]
        gaps += [
            f"{name}: {key}" for key in wanted if have.get(key) is None or math.isnan(have[key])
        ]
    return gaps


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """All numbers of a row, side by side; None for one that was not reached."""
    return (
        {key: row[key] for key in ("cpu_seconds", "peak_mb", "flops_share")}
        | row["metrics"]
        | row["seconds_to"]
    )


COLUMNS = {
    "cpu_seconds": "CPU s",
    REACHED: "s to 117",
    "neg_elbo": "-ELBO",
    "fd": "FD",
    "precision": "precision",
    "recall": "recall",
    "control": "control",
    "peak_mb": "peak MB",
    "flops_share": "of matmul speed",
}


def table(rows: list[dict[str, Any]]) -> str:
    """One line a row, an empty place where a number does not apply."""
    lines = [["", *COLUMNS.values()]]
    for name, row in named(rows).items():
        numbers = flat(row)
        lines.append(
            [name, *("" if numbers.get(key) is None else f"{numbers[key]:.3g}" for key in COLUMNS)]
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def bars(rows: list[dict[str, Any]]) -> dict[str, bool]:
    """The bars this benchmark was written for, and whether these rows reach them. All rows must be
    complete.
    """
    vae, vae_copied, gan, gan_copied, cvae, cgan, *gan_peers = (
        flat(named(rows)[name]) for name in ROWS
    )
    return {
        "VAE: -ELBO at most 105 within 60 s": vae["neg_elbo"] <= 105 and vae["cpu_seconds"] <= 60,
        "VAE: -ELBO 117 within 4 s": vae[REACHED] <= 4,
        "VAE: there at least 6 times sooner than the recipe": (
            6 * vae[REACHED] <= vae_copied[REACHED]
        ),
        "GAN: at most half the recipe's FD in the same minute": 2 * gan["fd"] <= gan_copied["fd"],
        "GAN: FD at most 10": gan["fd"] <= 10,
        "GAN: recall at least .8": gan["recall"] >= 0.8,
        "GAN: a lower FD than every other GAN": all(
            gan["fd"] < peer["fd"] for peer in (gan_copied, *gan_peers)
        ),
        "CVAE: control at least .95": cvae["control"] >= 0.95,
        "cGAN: control at least .9 after a minute": cgan["control"] >= 0.9,
    }


def stale(root: Path) -> list[str]:
    """[""] if a row or one of its numbers is missing."""
    return [""] if missing(recorded(root / FILE) or []) else []


def main(row: str = "") -> int:
    """All rows, one after another, into FILE; or one row in this process, as a line of JSON. 1 if a
    number is missing.
    """
    if row:
        torch.set_num_threads(1)
        print(json.dumps(measure(row)))
        return 0
    rows: list[dict[str, Any]] = []
    for name in ROWS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += filter(None, [alone(name)])
        # after every row, so that nothing done is lost
        (ROOT / FILE).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    if gaps := missing(rows):
        print("This result is incomplete. Missing: " + "; ".join(gaps), file=sys.stderr)
        return 1
    print(
        "\n".join(
            f"{'reached' if reached else 'MISSED '}  {bar}" for bar, reached in bars(rows).items()
        )
    )
    return 0
