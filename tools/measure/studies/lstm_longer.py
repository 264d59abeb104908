"""Does lesson 08's LSTM get the facts right if it trains three times as long? Three seeds."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from course_utils.lesson08 import newsroom
from course_utils.lesson08.taught import Recurrent, decode, encode, measured, train, write

SEEDS, STEPS, LR, MATCHES = range(3), 2700, 8e-3, 200


def run() -> dict[str, np.ndarray]:
    """Bits per token, and the shares of reports that are fluent and that are true, (3 seeds)."""
    rng = np.random.default_rng(1)
    train_docs = [newsroom.document(rng) for _ in range(6000)]
    rng = np.random.default_rng(2)
    y_train, y_test = (
        encode(documents, newsroom.VOCABULARY)
        for documents in (train_docs, [newsroom.document(rng) for _ in range(1000)])
    )
    found = np.zeros((3, len(SEEDS)), dtype=np.float32)
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = Recurrent(len(newsroom.VOCABULARY), keep=3)
        train(model, y_train, STEPS, LR, batch=16)
        found[:, seed] = measured(model, y_test), *_shares(model, y_train.shape[1], seed)
        print(seed, found[:, seed].round(3).tolist(), flush=True)
    return dict(zip(("bits", "fluent", "true"), found, strict=True))


def _shares(model: nn.Module, longest: int, seed: int) -> tuple[float, float]:
    """The shares of reports on new matches that are fluent, and that are true as well."""
    rng = np.random.default_rng(100 + seed)
    matches = [newsroom.a_match(rng) for _ in range(MATCHES)]
    heads = encode([[newsroom.START, *match.box] for match in matches], newsroom.VOCABULARY)
    rows = write(model, heads, longest - heads.shape[1], 1.0, 0.95, rng)
    fluent, true = [], []
    for match, words in zip(matches, decode(rows, newsroom.VOCABULARY, newsroom.END), strict=True):
        report = [word for word in words[8:] if word != newsroom.END]
        fluent.append(newsroom.told(report) is not None)
        true.append(fluent[-1] and all(newsroom.rightly_told(match, report)))
    return float(np.mean(fluent)), float(np.mean(true))
