"""What lesson 10 built. Generated from lessons/10_medicine_and_safety.py; do not edit."""
from __future__ import annotations

from course_utils.lesson10.chemistry import canonical
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch import nn
from torch.nn import functional as F
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


def membership_auc(scores_in: Tensor, scores_out: Tensor) -> float:
    """P(in > out) + ½ P(in = out) over all pairs. (N,), (M,) -> float in [0, 1]"""
    difference = scores_in[:, None] - scores_out[None, :]  # (N, M)
    return ((difference > 0).float() + 0.5 * (difference == 0).float()).mean().item()


def watermark_z(tokens: Tensor, green: Tensor, gamma: float) -> float:
    """How many standard deviations more green words than chance expects.

    int (T + 1,), bool (V, V), float -> float
    """
    hits = green[tokens[:-1], tokens[1:]]  # (T,) each word, given the one before
    T = len(hits)
    return (hits.sum().item() - gamma * T) / math.sqrt(T * gamma * (1 - gamma))


class SmilesModel(nn.Module):
    """Which character comes next? A GRU: (B, T) -> logits (B, T, V), and its memory."""

    def __init__(self, V, hidden=192):
        super().__init__()
        self.embed = nn.Embedding(V, 32)
        self.gru = nn.GRU(32, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(hidden, V))

    def forward(self, tokens, memory=None):
        states, memory = self.gru(self.embed(tokens), memory)  # (B, T, hidden)
        return self.head(states), memory


def encode_smiles(smiles, alphabet):
    """Numbers of characters; 0, the line end, opens and closes; -1 fills up. -> (N, longest + 2)"""
    rows = torch.full((len(smiles), max(map(len, smiles)) + 2), -1)
    for row, text in zip(rows, smiles, strict=True):
        row[: len(text) + 2] = torch.tensor([0, *map(alphabet.index, text), 0])
    return rows


def train_smiles(model, rows, epochs, lr=4e-3):
    """Train in place, from torch's current seed; yields each epoch's loss, nats a character."""
    length = (rows >= 0).sum(dim=1)  # (N,)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, epochs * (-(-len(rows) // 64)))
    for _ in range(epochs):
        order, losses = torch.randperm(len(rows)), []
        batches = order[(length[order] // 4).argsort(stable=True)].split(64)  # of similar length
        for b in torch.randperm(len(batches)).tolist():
            batch = rows[batches[b], : length[batches[b]].max()]  # (B, T + 1)
            logits, _ = model(batch[:, :-1].clamp(min=0))  # (B, T, V)
            loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), ignore_index=-1)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            fade.step()
            losses.append(loss.item())
        yield float(np.mean(losses))


@torch.no_grad()
def write_smiles(model, n, temperature, alphabet):
    """n strings, character by character, until the line ends or 80 are written. -> list of str"""
    model.eval()
    token, memory, written = torch.zeros(n, 1, dtype=torch.long), None, []
    for _ in range(80):
        logits, memory = model(token, memory)  # (n, 1, V)
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


def trial_effect(df):
    """Time with AI over time without, as a ratio of geometric means, and its 95 % interval.

    Columns "ai" (n,) bool and "minutes" (n,) -> (ratio, (low, high))
    """
    with_ai, without = (np.log(df["minutes"][group]) for group in (df["ai"], ~df["ai"]))
    difference = with_ai.mean() - without.mean()
    error = math.sqrt(with_ai.var(ddof=1) / len(with_ai) + without.var(ddof=1) / len(without))
    low, high = (math.exp(difference + side * 1.96 * error) for side in (-1, 1))
    return math.exp(difference), (low, high)


def make_patients(table, n, rng):
    """Synthetic patients that teach a classifier and betray nobody.

    table {"x": (N, D), "y": (N,)} of 0 and 1 -> {"x": (n, D), "y": (n,)}
    """
    y = rng.choice(table["y"], n)  # diagnoses as often as among the real
    x = np.empty((n, table["x"].shape[1]))  # (n, D)
    for c in (0, 1):
        real = table["x"][table["y"] == c]  # (N_c, D)
        mean, sd = real.mean(axis=0), real.std(axis=0)
        covariance = np.cov((real - mean) / sd, rowvar=False)  # (D, D)
        covariance = 0.9 * covariance + 0.1 * np.eye(len(sd))  # hangs less on each patient
        z = rng.multivariate_normal(np.zeros(len(sd)), covariance, (y == c).sum())
        x[y == c] = mean + sd * z
    return {"x": x, "y": y}
