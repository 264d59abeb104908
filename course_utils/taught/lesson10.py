"""What lesson 10 built. Generated from solutions/10_medicine_and_safety.py; do not edit."""
from __future__ import annotations

from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
from torch import Tensor
import math
import numpy as np


def fit_bells(table, K, seed):
    """K bells for each diagnosis, on standardised columns. -> a model for draw_patients"""
    mean, sd = table["x"].mean(axis=0), table["x"].std(axis=0)  # (D,) each
    z = (table["x"] - mean) / sd  # (N, D)
    bells = [GaussianMixture(K, reg_covar=1e-3, random_state=seed).fit(z[table["y"] == c])
             for c in (0, 1)]
    return {"mean": mean, "sd": sd, "bells": bells, "benign": table["y"].mean()}

def draw_patients(model, n, rng):
    """Pick a diagnosis, then one of its bells, then a patient of that bell. -> a table of n patients"""
    y = (rng.random(n) < model["benign"]).astype(int)  # (n,)
    z = np.empty((n, len(model["mean"])))  # (n, D)
    for c, mixture in enumerate(model["bells"]):
        k = rng.choice(mixture.n_components, (y == c).sum(), p=mixture.weights_)
        L = np.linalg.cholesky(mixture.covariances_)[k]  # (how many, D, D)
        z[y == c] = mixture.means_[k] + np.einsum("nij,nj->ni", L, rng.normal(size=(len(k), z.shape[1])))
    return {"x": model["mean"] + model["sd"] * z, "y": y}


def tstr(synth, test):
    """Accuracy on real patients of a classifier that has seen synthetic ones only.

    Two tables, {"x": (N, D), "y": (N,)} and {"x": (M, D), "y": (M,)} -> float in [0, 1]
    """
    scaler = StandardScaler().fit(synth["x"])
    model = LogisticRegression(max_iter=1000).fit(scaler.transform(synth["x"]), synth["y"])
    return float(model.score(scaler.transform(test["x"]), test["y"]))


def distance_to(table, x, scale):
    """From each row of x (n, D) to the nearest patient of the table, in units of scale (D,). -> (n,)"""
    return cdist(x / scale, table["x"] / scale).min(axis=1)

def copier_alarm(synth, train, held_out):
    """Share of synthetic patients nearer to the training half than to the other: honest is one half."""
    scale = train["x"].std(axis=0)  # (D,)
    nearer = distance_to(train, synth["x"], scale) < distance_to(held_out, synth["x"], scale)
    return float(nearer.mean())

def photocopy(table, n, rng):
    """Training patients drawn at random, with a speck of noise. -> a table of n"""
    rows = rng.choice(len(table["y"]), n)
    speck = 0.05 * table["x"].std(axis=0) * rng.normal(size=(n, table["x"].shape[1]))
    return {"x": table["x"][rows] + speck, "y": table["y"][rows]}


def membership_auc(scores_in: Tensor, scores_out: Tensor) -> float:
    """P(in > out) + ½ P(in = out) over all pairs. (N,), (M,) -> float in [0, 1], may be below ½"""
    difference = scores_in[:, None] - scores_out[None, :]  # (N, M)
    return ((difference > 0).float() + 0.5 * (difference == 0).float()).mean().item()


def watermark_z(tokens: Tensor, green: Tensor, gamma: float) -> float:
    """How many standard deviations more green words than chance. int (T + 1,), bool (V, V) -> float"""
    hits = green[tokens[:-1], tokens[1:]]  # (T,) each word, given the one before
    T = len(hits)
    return (hits.sum().item() - gamma * T) / math.sqrt(T * gamma * (1 - gamma))
