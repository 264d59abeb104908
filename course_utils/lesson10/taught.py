"""What lesson 10 built. Generated from lessons/10_medicine_and_safety.py; do not edit."""
from __future__ import annotations

from course_utils.lesson03 import fit
from course_utils.lesson10.chemistry import canonical
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch import nn
import math
import numpy as np
import torch


def tstr(synth, test):
    """Accuracy on real patients of a classifier that has seen synthetic ones only.

    Two tables, {"x": (N, D), "y": (N,)} and {"x": (M, D), "y": (M,)} -> float in [0, 1]
    """
    scaler = StandardScaler().fit(synth["x"])
    model = LogisticRegression(max_iter=1000).fit(scaler.transform(synth["x"]), synth["y"])
    return float(model.score(scaler.transform(test["x"]), test["y"]))


def to_roots(table):
    """Square roots of mean, error, and worst minus mean."""
    mean, error, worst = np.split(table["x"], 3, axis=1)  # (N, 10) each
    return {"x": np.sqrt(np.concatenate([mean, error, worst - mean], axis=1)), "y": table["y"]}


def from_roots(table):
    """Back to measurements: any row of numbers becomes one that satisfies both rules."""
    mean, error, excess = np.split(table["x"] ** 2, 3, axis=1)  # (N, 10) each
    return {"x": np.concatenate([mean, error, mean + excess], axis=1), "y": table["y"]}


def members_found(scores_in: Tensor, scores_out: Tensor, false_alarms: float) -> float:
    """True-positive rate at the best threshold with a false-positive rate of at most false_alarms.

    (N,), (M,), float in [0, 1) -> float in [0, 1]
    """
    allowed = math.floor(false_alarms * len(scores_out) + 1e-9)  # 0.29 * 100 is 28.999...
    threshold = scores_out.sort(descending=True).values[allowed]
    return (scores_in > threshold).float().mean().item()


def private_sum(rows, C, mu, rng):
    """The sum of the rows, each no longer than C, with noise for mu-Gaussian privacy.

    NumPy (N, D), two floats, a NumPy generator -> NumPy (D,)
    """
    length = np.linalg.norm(rows, axis=1, keepdims=True)  # (N, 1)
    clipped = rows / np.maximum(length / C, 1)  # (N, D)
    return clipped.sum(axis=0) + C / mu * rng.normal(size=rows.shape[1])


def watermark_z(tokens: Tensor, green: Tensor, gamma: float) -> float:
    """How many standard deviations more green pairs than chance expects, each pair counted once.

    int (N,), bool (V, V), float -> float
    """
    pairs = torch.unique(torch.stack([tokens[:-1], tokens[1:]]), dim=1)  # (2, T)
    hits = green[pairs[0], pairs[1]]  # (T,)
    T = len(hits)
    return (hits.sum().item() - gamma * T) / math.sqrt(T * gamma * (1 - gamma))


class SmilesModel(nn.Module):
    """Which character comes next? A GRU: (B, T) -> logits (B, T, V), and its hidden state."""

    def __init__(self, V, hidden=192):
        super().__init__()
        self.embed = nn.Embedding(V, 32)
        self.gru = nn.GRU(32, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(hidden, V))

    def forward(self, tokens, h=None):
        states, h = self.gru(self.embed(tokens), h)  # (B, T, hidden)
        return self.head(states), h


def encode_smiles(smiles, alphabet):
    """Character numbers; 0, the line end, opens and closes; -1 is padding. -> (N, longest + 2)"""
    rows = torch.full((len(smiles), max(map(len, smiles)) + 2), -1)
    for row, text in zip(rows, smiles, strict=True):
        row[: len(text) + 2] = torch.tensor([0, *map(alphabet.index, text), 0])
    return rows


class SimilarLengths:
    """Minibatches of encoded strings of similar length, in a new order in each epoch."""

    def __init__(self, rows, size=64):
        self.rows, self.size, self.length = rows, size, (rows >= 0).sum(dim=1)  # (N,)

    def __len__(self):
        return -(-len(self.rows) // self.size)

    def __iter__(self):
        order = torch.randperm(len(self.rows))
        batches = order[(self.length[order] // 4).argsort(stable=True)].split(self.size)
        for b in torch.randperm(len(batches)).tolist():
            yield self.rows[batches[b], : self.length[batches[b]].max()]  # (B, T + 1)


def character_nll(model, rows):
    """Negative log-likelihood of each character, 0 where there is padding. (B, T + 1) -> (B, T)"""
    logits, _ = model(rows[:, :-1].clamp(min=0))  # (B, T, V)
    return nn.functional.cross_entropy(
        logits.transpose(1, 2), rows[:, 1:], ignore_index=-1, reduction="none"
    )


def smiles_loss(model, rows):
    return character_nll(model, rows).sum() / (rows[:, 1:] >= 0).sum()


def train_smiles(model, rows, epochs, validate=None):
    """Train in place, with the loop of lesson 03, from torch's current seed. -> its history"""
    loader = SimilarLengths(rows)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=steps)
    return fit(model, loader, smiles_loss, optimizer, epochs, scheduler, 1.0, validate)


@torch.no_grad()
def write_smiles(model, n, temperature, alphabet):
    """n strings, character by character, until the line ends or 80 are written. -> list of str"""
    model.eval()
    token, h, written = torch.zeros(n, 1, dtype=torch.long), None, []
    for _ in range(80):
        logits, h = model(token, h)  # (n, 1, V)
        token = torch.multinomial(torch.softmax(logits[:, -1] / temperature, dim=1), 1)  # (n, 1)
        written.append(token)
    model.train()
    texts = ["".join(alphabet[t] for t in row) for row in torch.cat(written, dim=1).tolist()]
    return [text.split("\n")[0] for text in texts]


def molecule_report(smiles, train):
    """How many strings are molecules, how many of these differ, how many of those are new.

    Two lists of str -> {"valid": float, "unique": float, "novel": float}, each in [0, 1]
    """
    valid = [c for c in map(canonical, smiles) if c is not None]
    different = set(valid)
    new = different - {canonical(s) for s in train}
    return {
        "valid": len(valid) / max(len(smiles), 1),
        "unique": len(different) / max(len(valid), 1),
        "novel": len(new) / max(len(different), 1),
    }


def add_carbon(text, rng):
    """A molecule with one more carbon in its string."""
    while True:
        i = rng.integers(len(text) + 1)
        if new := canonical(text[:i] + "C" + text[i:]):
            return new


def trial_effect(df):
    """Time with AI over time without, as a ratio of geometric means, and its 95% interval.

    Columns "ai" (n,) bool and "minutes" (n,) -> (ratio, (low, high))
    """
    with_ai, without = (np.log(df["minutes"][group]) for group in (df["ai"], ~df["ai"]))
    difference = with_ai.mean() - without.mean()
    error = math.sqrt(with_ai.var(ddof=1) / len(with_ai) + without.var(ddof=1) / len(without))
    low, high = (math.exp(difference + side * 1.96 * error) for side in (-1, 1))
    return math.exp(difference), (low, high)


def make_patients(table, n, rng):
    """Synthetic patients that can exist, teach a classifier and are no copies.

    table {"x": (N, D), "y": (N,)} of 0 and 1 -> {"x": (n, D), "y": (n,)}
    """
    y = rng.choice(table["y"], n)  # diagnoses as often as among the real
    roots = to_roots(table)["x"]  # (N, D)
    x = np.empty((n, roots.shape[1]))  # (n, D)
    for c in (0, 1):
        real = roots[table["y"] == c]  # (N_c, D)
        mean, std = real.mean(axis=0), real.std(axis=0)
        covariance = np.cov((real - mean) / std, rowvar=False)  # (D, D)
        covariance = 0.9 * covariance + 0.1 * np.eye(len(std))  # depends less on each patient
        z = rng.multivariate_normal(np.zeros(len(std)), covariance, (y == c).sum())
        x[y == c] = mean + std * z
    return from_roots({"x": x, "y": y})
