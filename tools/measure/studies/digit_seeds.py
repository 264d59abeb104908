"""What a seed changes: -ELBO of every validation digit, for two recipes of lesson 05 and eight
seeds each.

The recipes are the lesson's baseline and its residual model, with its twelve epochs, its split and
its choice of the best epoch. -ELBO is in nats, the mean over ten sampled z, as in the lesson.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from course_utils import data
from course_utils.lesson03.taught import KeepBest
from course_utils.lesson05.taught import Config, bce_and_kl, make_splits, train_vae

RECIPES = {"baseline": Config(), "residual": Config(hidden=(400, 400))}
SEEDS, DRAWS = range(1, 9), 10


@torch.no_grad()
def neg_elbo(model, x):
    """-ELBO of each image with one sampled z, in nats. (N, 784) -> (N,)"""
    return sum(bce_and_kl(model, x))


def losses(config, x, x_val, seed, path):
    """One run. -> -ELBO of each validation digit at the best epoch, (400,)"""
    torch.manual_seed(seed)
    keep = KeepBest(lambda model: neg_elbo(model, x_val).mean().item(), path)
    model, _ = train_vae(x, config, validate=keep)
    model.load_state_dict(torch.load(path, weights_only=True))
    return torch.stack([neg_elbo(model, x_val) for _ in range(DRAWS)]).mean(dim=0).numpy()


def run():
    x = data.mnist().x_train.flatten(1)
    rows, val_rows = make_splits(len(x), 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "best.pt"
        return {
            name: np.stack([losses(config, x[rows], x[val_rows], s, path) for s in SEEDS])
            for name, config in RECIPES.items()
        }
