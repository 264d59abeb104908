"""Lesson 08's Transformer learns to tell stories with branches: which demand it meets when, and the
weights it ends with.
"""

from __future__ import annotations

import numpy as np
import torch

from course_utils.lesson08 import newsroom
from course_utils.lesson08.taught import (
    RULES,
    Transformer,
    decode,
    encode,
    next_token_loss,
    story_report,
    write,
)

STORIES, STEPS, LR, BATCH = 10_000, 2400, 5e-3, 16
CHECKPOINTS, WRITTEN = (150, 300, 600, 1200, 2400), 100


def run() -> dict[str, np.ndarray]:
    """Shares of written stories that meet each demand and all of them, (5, 7), after so many steps;
    the vocabulary; and the weights after the last step, by name.
    """
    rng = np.random.default_rng(18)
    tales = [newsroom.story(rng) for _ in range(STORIES)]
    words = ["<pad>", *sorted({word for tale in tales for word in tale})]
    y, rng = encode(tales, words), np.random.default_rng(20)
    torch.manual_seed(19)
    model = Transformer(len(words), y.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=STEPS, pct_start=0.1)
    shares = []
    for step in range(1, STEPS + 1):
        loss = next_token_loss(model, y[torch.randint(len(y), (BATCH,))])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step in CHECKPOINTS:
            rows = write(model, y[:1, :1].repeat(WRITTEN, 1), y.shape[1] - 1, 1.0, 0.95, rng)
            found = [
                story_report(newsroom.read_story(tale))
                for tale in decode(rows, words, newsroom.END)
            ]
            met = [np.mean([flags[rule] for flags in found]) for rule in RULES]
            shares.append([*met, np.mean([all(flags.values()) for flags in found])])
            print(step, round(loss.item(), 3), np.round(shares[-1], 2).tolist(), flush=True)
    weights = {f"model.{name}": w.numpy().astype("f2") for name, w in model.state_dict().items()}
    return weights | {
        "words": np.array(words),
        "steps": np.array(CHECKPOINTS),
        "shares": np.array(shares, dtype="f4"),
    }
