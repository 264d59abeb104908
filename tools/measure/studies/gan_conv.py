"""Lesson 06's digit game with dense and with convolutional networks: equal rounds, two seeds."""

from __future__ import annotations

import numpy as np
import torch

from course_utils import data, metrics
from course_utils.lesson06.taught import (
    DigitDiscriminator,
    DigitGenerator,
    Player,
    convolutional,
    generate,
    play,
    tagged,
)

K, ROUNDS, SEEDS = 40, 1000, (0, 1)


def run() -> dict[str, np.ndarray]:
    """Per kind of network: FD, precision and recall, (2 seeds, 3); 40 pictures of the last seed,
    uint8.
    """
    digits = data.mnist()
    x, real = digits.x_train.flatten(1), metrics.digit_features(digits.x_test)
    networks = {
        "mlp": lambda: (DigitGenerator(K), DigitDiscriminator(K)),
        "convolutional": lambda: convolutional(K),
    }
    results = {"rounds": np.array(ROUNDS), "scores": np.array(["FD", "precision", "recall"])}
    for name, make in networks.items():
        rows = []
        for seed in SEEDS:
            torch.manual_seed(seed)
            with_tags = tagged(x, K, seed)
            G, D = (Player(net, lr=8e-4) for net in make())
            average = next(play(G, D, with_tags, every=ROUNDS))
            pictures = generate(average, with_tags, 1000)
            share = metrics.precision_recall(real, metrics.digit_features(pictures))
            rows.append((metrics.frechet_digits(pictures), *share))
            print(name, seed, np.round(rows[-1], 3).tolist(), flush=True)
        results[name] = np.array(rows, dtype=np.float32)
        results[f"samples_{name}"] = (255 * pictures[:40]).round().to(torch.uint8).numpy()
    return results
