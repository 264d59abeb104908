"""What each part of lesson 05's recipe buys: -ELBO against CPU seconds, one change after the other,
one seed.

The last two are what other lessons use: an average of the weights, and a convolution of 4x4 patches
as the first layer. It starts from the recipe that tutorials copy (784-400-20, ReLU, Adam at 1e-3,
minibatches of 128, every digit an image file's content that a loader turns into a tensor each time
it is asked) and ends beyond the lesson's. After every epoch: CPU seconds of training so far, and
-ELBO in nats per test digit.
"""

import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from course_utils import data
from course_utils.lesson05.taught import DigitVAE, bce_and_kl

STEPS = {  # name: what is changed besides all that stands above it
    "as copied, digit by digit": {},
    "one tensor": {"loader": False},
    "minibatches of 64": {"batch": 64},
    "fused AdamW, one cycle to 4e-3": {"cycle": True},
    "SiLU": {"silu": True},
    "starts at the average digit": {"guess": True},
    "weights averaged over steps (EMA)": {"ema": True},
    "a small convolution in front": {"conv": True},
}
EPOCHS, EPOCHS_CYCLE = 30, 12


class Pictures(Dataset):
    """Digits as a data set of images hands them out: one at a time, bytes to image to tensor."""

    def __init__(self, x):
        self.bytes = (255 * x).round().byte().view(-1, 28, 28).numpy()

    def __len__(self):
        return len(self.bytes)

    def __getitem__(self, i):
        pixels = np.array(Image.fromarray(self.bytes[i]), copy=True)
        return torch.from_numpy(pixels).unsqueeze(0).float().div(255)


def model_of(x, silu, guess, conv):
    """DigitVAE with parts taken back, or a convolution in front."""
    model = DigitVAE(x.mean(dim=0))
    if conv:
        model.encoder = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 32, 4, stride=4),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(32 * 49, 400),
            nn.SiLU(),
            nn.Linear(400, 40),
        )
    if not silu:
        model.encoder[1] = model.decoder[1] = nn.ReLU()
    if not guess:
        model.decoder[-1].reset_parameters()
    return model


def batches(x, batch, loader):
    """Shuffled minibatches of one epoch."""
    if loader:
        return (rows.flatten(1) for rows in DataLoader(Pictures(x), batch, shuffle=True))
    return (x[rows] for rows in torch.randperm(len(x)).split(batch))


def train(
    x,
    x_test,
    seed,
    loader=True,
    batch=128,
    cycle=False,
    silu=False,
    guess=False,
    ema=False,
    conv=False,
):
    """One run. -> (epochs, 2): seconds, nats"""
    torch.manual_seed(seed)
    model, epochs = model_of(x, silu, guess, conv), EPOCHS_CYCLE if cycle else EPOCHS
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99)) if ema else None
    weights, steps = model.parameters(), epochs * -(-len(x) // batch)
    optimizer = (
        torch.optim.AdamW(weights, 4e-3, fused=True) if cycle else torch.optim.Adam(weights, 1e-3)
    )
    rate = (
        torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.15)
        if cycle
        else None
    )
    notes, seconds = [], 0.0
    for _ in range(epochs):
        start = time.process_time()
        for rows in batches(x, batch, loader):
            bce, kl = bce_and_kl(model, rows)
            optimizer.zero_grad()
            (bce + kl).mean().backward()
            optimizer.step()
            if rate:
                rate.step()
            if average:
                average.update_parameters(model)
        seconds += time.process_time() - start
        with torch.no_grad():
            notes.append(
                (
                    seconds,
                    sum(
                        part.mean().item()
                        for part in bce_and_kl(average.module if average else model, x_test)
                    ),
                )
            )
    return notes


def run():
    digits = data.mnist()
    x, x_test = digits.x_train.flatten(1), digits.x_test.flatten(1)
    found, how = {"names": np.array(list(STEPS))}, {}
    train(x, x_test, 0, loader=False, cycle=True)  # warm up
    for i, change in enumerate(STEPS.values()):
        how |= change
        found[f"run_{i}"] = np.array([train(x, x_test, 0, **how)], dtype=np.float32)
    return found
