"""What each part of lesson 05's recipe buys: -ELBO and CPU seconds, one change after another,
twelve epochs and two seeds each.

It starts from the recipe that tutorials copy (784-400-20, ReLU, Adam at 1e-3, minibatches of 128,
every digit an image file's content that a loader turns into a tensor each time it is asked) and
ends beyond the lesson's. -ELBO is in nats per digit of the validation set, because the
table is there to choose by.
"""

import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from course_utils import data
from course_utils.lesson03.taught import Minibatches, fit
from course_utils.lesson05.taught import (
    DigitVAE,
    Residual,
    bce_and_kl,
    make_splits,
    optimizer_for,
    vae_loss,
)

STEPS = {  # name: what is changed besides all that is above it
    "as copied: image by image": {},
    "TensorDataset and DataLoader": {"loader": "tensors"},
    "Minibatches": {"loader": "indexed"},
    "minibatches of 64": {"batch": 64},
    "fused AdamW, one cycle to 4e-3": {"cycle": True},
    "SiLU": {"silu": True},
    "bias starts at the average digit": {"guess": True},
    "a second layer, not residual": {"second": "plain"},
    "a second layer, residual": {"second": "residual"},
}
EPOCHS, SEEDS = 12, 2


class Images(Dataset):
    """Digits as a data set of images hands them out: one at a time, bytes to image to tensor."""

    def __init__(self, x):
        self.bytes = (255 * x).round().byte().view(-1, 28, 28).numpy()

    def __len__(self):
        return len(self.bytes)

    def __getitem__(self, i):
        pixels = np.array(Image.fromarray(self.bytes[i]), copy=True)
        return (torch.from_numpy(pixels).flatten().float().div(255),)


class Plain(Residual):
    """The layer without its residual connection."""

    def forward(self, h):
        return super().forward(h) - h


def fit_and_val():
    """The digits to train on and to validate on, as in the lesson: (3600, 784), (400, 784)."""
    x = data.mnist().x_train.flatten(1)
    rows, val_rows = make_splits(len(x), 0)
    return x[rows], x[val_rows]


def model_of(x, silu=False, guess=False, second=""):
    """DigitVAE with parts taken back."""
    model = DigitVAE(x.mean(dim=0), hidden=(400, 400) if second else (400,))
    for net in (model.encoder, model.decoder):
        for i, layer in enumerate(net):
            if isinstance(layer, Residual) and second == "plain":
                net[i] = Plain(400)
            if isinstance(layer, nn.SiLU) and not silu:
                net[i] = nn.ReLU()
    if not guess:
        model.decoder[-1].reset_parameters()
    return model


def loader_of(x, batch, loader):
    """Something that yields shuffled minibatches, anew in every epoch."""
    if loader == "indexed":
        return Minibatches(x, size=batch)
    dataset = TensorDataset(x) if loader == "tensors" else Images(x)
    return DataLoader(dataset, batch, shuffle=True)


def train(seed, epochs=EPOCHS, loader="images", batch=128, cycle=False, **parts):
    """One run. -> CPU seconds, -ELBO of the validation set"""
    x, x_val = fit_and_val()
    torch.manual_seed(seed)
    model, batches = model_of(x, **parts), loader_of(x, batch, loader)
    optimizer, scheduler = torch.optim.Adam(model.parameters(), 1e-3), None
    if cycle:
        optimizer, scheduler = optimizer_for(model, 4e-3, epochs * len(batches))
    start = time.process_time()
    fit(model, batches, vae_loss, optimizer, epochs, scheduler)
    seconds = time.process_time() - start
    with torch.no_grad():
        draws = [sum(part.mean().item() for part in bce_and_kl(model, x_val)) for _ in range(5)]
    return seconds, np.mean(draws)


def run():
    how, rows = {}, []
    train(0, epochs=1, loader="indexed", cycle=True)  # warm up
    for change in STEPS.values():
        how |= change
        rows.append([train(seed, **how) for seed in range(SEEDS)])
    return {
        "names": np.array(list(STEPS)),
        "seconds": np.array([[seconds for seconds, _ in row] for row in rows], dtype=np.float32),
        "val_nats": np.array([[nats for _, nats in row] for row in rows], dtype=np.float32),
    }
