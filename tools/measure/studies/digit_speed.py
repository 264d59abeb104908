"""What each part of lesson 05's recipe buys: -ELBO and CPU seconds, one change after another,
twelve epochs and three seeds each.

It starts from the recipe that tutorials copy (784-400-20, ReLU, Adam at 1e-3, minibatches of 128,
every digit an image file's content that a loader turns into a tensor each time it is asked) and
ends beyond the lesson's. -ELBO is in nats per digit of the validation set, because the
table is there to choose by. The first row is also trained for thirty epochs.
"""

import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from course_utils import data
from course_utils.lesson03.taught import Minibatches, fit
from course_utils.lesson05.taught import DigitVAE, Residual, bce_and_kl, make_splits, vae_loss

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
    "and an average of parameters (EMA)": {"ema": True},
    "and a small convolution in front": {"conv": True},
}
EPOCHS, LONG, SEEDS = 12, 30, 3


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


def model_of(x, silu=False, guess=False, second="", conv=False):
    """DigitVAE with parts taken back, or a convolution in front."""
    model = DigitVAE(x.mean(dim=0), hidden=(400, 400) if second else (400,))
    for net in (model.encoder, model.decoder):
        for i, layer in enumerate(net):
            if isinstance(layer, Residual) and second == "plain":
                net[i] = Plain(400)
            if isinstance(layer, nn.SiLU) and not silu:
                net[i] = nn.ReLU()
    if conv:
        patches = nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 32, 4, stride=4), nn.SiLU()
        model.encoder = nn.Sequential(
            *patches, nn.Flatten(), nn.Linear(32 * 49, 400), nn.SiLU(), *model.encoder[2:]
        )
    if not guess:
        model.decoder[-1].reset_parameters()
    return model


def loader_of(x, batch, loader):
    """Something that yields shuffled minibatches, anew in every epoch."""
    if loader == "indexed":
        return Minibatches(x, size=batch)
    dataset = TensorDataset(x) if loader == "tensors" else Images(x)
    return DataLoader(dataset, batch, shuffle=True)


class Averaging:
    """A scheduler that also averages the parameters after every step."""

    def __init__(self, scheduler, model):
        self.scheduler = scheduler
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
        self.model = model

    def step(self):
        self.scheduler.step()
        self.average.update_parameters(self.model)


def train(seed, epochs=EPOCHS, loader="images", batch=128, cycle=False, ema=False, **parts):
    """One run. -> CPU seconds, -ELBO of the validation set after every epoch (epochs,)"""
    x, x_val = fit_and_val()
    torch.manual_seed(seed)
    model, batches = model_of(x, **parts), loader_of(x, batch, loader)
    weights, scheduler = model.parameters(), None
    if cycle:
        optimizer = torch.optim.AdamW(weights, 4e-3, fused=True)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 4e-3, total_steps=epochs * len(batches), pct_start=0.15
        )
    else:
        optimizer = torch.optim.Adam(weights, 1e-3)
    scheduler = Averaging(scheduler, model) if ema else scheduler
    measured, seconds = scheduler.average.module if ema else model, 0.0
    curve = []
    for _ in range(epochs):
        start = time.process_time()
        fit(model, batches, vae_loss, optimizer, 1, scheduler)
        seconds += time.process_time() - start
        with torch.no_grad():
            draws = [sum(part.mean().item() for part in bce_and_kl(measured, x_val)) for _ in "abc"]
        curve.append(np.mean(draws))
    return seconds, curve


def run():
    how, rows = {}, []
    train(0, epochs=1, loader="indexed", cycle=True)  # warm up
    for change in STEPS.values():
        how |= change
        rows.append([train(seed, **how) for seed in range(SEEDS)])
    return {
        "names": np.array(list(STEPS)),
        "seconds": np.array([[seconds for seconds, _ in row] for row in rows], dtype=np.float32),
        "val_nats": np.array([[curve[-1] for _, curve in row] for row in rows], dtype=np.float32),
        "copied": np.array([train(seed, epochs=LONG)[1] for seed in range(2)], dtype=np.float32),
    }
