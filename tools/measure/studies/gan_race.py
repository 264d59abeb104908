"""A VAE and two GANs on 28x28 digits at equal CPU seconds: lesson 06's own code, two seeds, one
thread.

The VAE is that of lesson 05 (784-400-20, one cycle of step sizes), trained anew for each length of
time, since its step size fades to the end; the GANs are looked at on their way. The clock stands
still while they are measured.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import data, metrics
from course_utils.lesson06.taught import (
    DigitDiscriminator,
    DigitGenerator,
    Player,
    generate,
    play,
    tagged,
)

SECONDS, SEEDS = (10, 30), (0, 1)


def run() -> dict[str, np.ndarray]:
    """Per entrant: fd, precision, recall and digits read, (2 seeds, 2 times); 40 pictures of the
    last look, uint8.
    """
    digits = data.mnist()
    x, real = digits.x_train.flatten(1), metrics.digit_features(digits.x_test)
    entrants: dict[str, Callable[[int], list[Tensor]]] = {
        "vae": lambda seed: [_vae(x, seconds, seed) for seconds in SECONDS],
        "plain": lambda seed: list(_gan(x, 1, seed)),
        "clusters": lambda seed: list(_gan(x, 40, seed)),
    }
    found: dict[str, np.ndarray] = {"seconds": np.array(SECONDS)}
    for name, train in entrants.items():
        looks = {
            what: np.zeros((len(SEEDS), len(SECONDS)))
            for what in ("fd", "precision", "recall", "kinds")
        }
        for i, seed in enumerate(SEEDS):
            for j, pictures in enumerate(train(seed)):
                features = metrics.digit_features(pictures)
                precision, recall = metrics.precision_recall(real, features)
                for what, value in zip(
                    looks,
                    (
                        metrics.frechet_digits(pictures),
                        precision,
                        recall,
                        len(set(metrics.read_digits(pictures))),
                    ),
                    strict=True,
                ):
                    looks[what][i, j] = value
            print(
                name,
                seed,
                {what: values[i].round(2).tolist() for what, values in looks.items()},
                flush=True,
            )
        found |= {f"{name}_{what}": values.astype(np.float32) for what, values in looks.items()}
        found[f"samples_{name}"] = (255 * pictures[:40]).round().to(torch.uint8).numpy()
    return found


def _gan(x: Tensor, K: int, seed: int) -> Iterator[Tensor]:
    """1,000 pictures (1000, 784) after each of SECONDS of play with K clusters."""
    torch.manual_seed(seed)
    spent, start = 0.0, time.process_time()
    with_tags = tagged(x, K, seed)
    G, D = Player(DigitGenerator(K), lr=8e-4), Player(DigitDiscriminator(K), lr=8e-4)
    game, due = play(G, D, with_tags, every=10), list(SECONDS)
    for average in game:
        if time.process_time() - start - spent >= due[0]:
            paused = time.process_time()
            yield generate(average, with_tags, 1000)
            spent += time.process_time() - paused
            due.pop(0)
            if not due:
                return


def _vae(x: Tensor, seconds: float, seed: int) -> Tensor:
    """1,000 pictures (1000, 784) by a VAE that was trained for so long."""
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(784, 400), nn.SiLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.SiLU(), nn.Linear(400, 784))
    decoder[-1].bias.data = torch.logit(x.mean(0).clamp(0.002, 0.998))
    optimizer = torch.optim.AdamW([*encoder.parameters(), *decoder.parameters()], 4e-3, fused=True)
    start, rows = time.process_time(), iter(())
    while (passed := (time.process_time() - start) / seconds) < 1:
        optimizer.param_groups[0]["lr"] = 4e-3 * (
            passed / 0.1 if passed < 0.1 else _cosine((passed - 0.1) / 0.9)
        )
        batch = next(rows, None)  # type: ignore[var-annotated]
        if batch is None:
            rows = iter(torch.randperm(len(x)).split(64))
            batch = next(rows)
        mu, logvar = encoder(x[batch]).chunk(2, dim=1)  # (B, 20) each
        logits = decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))  # (B, 784)
        surprise = F.binary_cross_entropy_with_logits(logits, x[batch], reduction="sum")
        price = 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum()
        optimizer.zero_grad()
        ((surprise + price) / len(batch)).backward()
        optimizer.step()
    with torch.no_grad():
        return torch.sigmoid(decoder(torch.randn(1000, 20)))


def _cosine(fraction: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * fraction))
