"""What lesson 08 built. Generated from lessons/08_sequences.py; do not edit."""
from __future__ import annotations

from course_utils import progress
from torch import Tensor
from torch import nn
from torch.nn import functional as F
import math
import numpy as np
import torch


def encode(documents, vocabulary):
    """Lists of words -> (N, T) their numbers, each row padded with 0 to the longest."""
    number = {word: i for i, word in enumerate(vocabulary)}
    rows = [torch.tensor([number[word] for word in words]) for words in documents]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)  # (N, T)


class Recurrent(nn.Module):
    """Tokens (B, T) -> logits (B, T, V) of the token after each."""

    def __init__(self, V, kind=nn.LSTM, D=64, H=128, keep=1.0):
        super().__init__()
        self.embed = nn.Embedding(V, D)
        self.memory = kind(D, H, batch_first=True)
        self.out = nn.Linear(H, V)
        if kind is nn.LSTM:  # the second quarter of the biases belongs to the forget gate
            with torch.no_grad():
                self.memory.bias_ih_l0[H : 2 * H] = keep

    def forward(self, y):
        h, _ = self.memory(self.embed(y))  # (B, T, H)
        return self.out(h)  # (B, T, V)


def train(model, y, steps, lr, batch=32):
    """Fit a model of next tokens to documents y (N, T), padded with 0. -> the model"""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    for _ in progress.bar(range(steps), "steps"):
        seen = y[torch.randint(len(y), (batch,))]  # (B, T)
        logits = model(seen[:, :-1])  # (B, T-1, V), each row about the token that follows
        loss = F.cross_entropy(logits.flatten(0, 1), seen[:, 1:].flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model


def causal_mask(T: int) -> Tensor:
    """Row t, column s: True where position t may look at position s. -> bool (T, T)"""
    return torch.ones(T, T, dtype=torch.bool).tril()  # (T, T)


def attention(q, k, v, mask):
    """Blend values whose keys fit. (..., T, d) each -> (..., T, d), weights (..., T, T)"""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., T, T)
    scores = scores.masked_fill(~mask, -math.inf)  # what must not be seen gets weight 0
    weights = torch.softmax(scores, dim=-1)  # (..., T, T), rows add up to one
    return weights @ v, weights


class Block(nn.Module):
    """One round of gathering and digesting. (B, T, D) -> (B, T, D)"""

    def __init__(self, D, heads):
        super().__init__()
        self.heads, self.norm1, self.norm2 = heads, nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.blend = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.digest = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))

    def queries_keys_values(self, x):
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)  # (B, T, D) each
        return [part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v)]

    def forward(self, x, mask):
        q, k, v = self.queries_keys_values(x)  # (B, heads, T, D / heads) each
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.blend(seen.transpose(1, 2).flatten(2))  # (B, T, D)
        return x + self.digest(self.norm2(x))


class Transformer(nn.Module):
    """Tokens (B, T) -> logits (B, T, V) of the token after each, for T up to `longest`."""

    def __init__(self, V, longest, D=64, heads=4, layers=2, mask=causal_mask):
        super().__init__()
        self.token, self.place = nn.Embedding(V, D), nn.Embedding(longest, D)
        self.blocks = nn.ModuleList(Block(D, heads) for _ in range(layers))
        self.norm, self.out, self.mask = nn.LayerNorm(D), nn.Linear(D, V), mask
        for table in (self.token, self.place):
            nn.init.normal_(table.weight, std=0.2)  # small at first, so that blocks can edit

    def forward(self, y):
        T = y.shape[1]
        x = self.token(y) + self.place.weight[:T]  # (B, T, D)
        mask = self.mask(T).to(y.device)  # (T, T)
        for block in self.blocks:
            x = block(x, mask)
        return self.out(self.norm(x))  # (B, T, V)


def sample_top_p(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    """Draw one word a row from the nucleus. (B, V), temperature > 0, 0 < p <= 1 -> int64 (B,)"""
    probs = torch.softmax(logits.double() / T, dim=-1)  # (B, V)
    probs, order = probs.sort(dim=-1, descending=True)  # (B, V), likeliest first
    ahead = probs.cumsum(dim=-1) - probs  # (B, V) probability of all that are likelier
    strip = (probs * (ahead < p)).cumsum(dim=-1)  # (B, V) where the pieces of those kept end
    strip = strip / strip[:, -1:]  # shared out: the strip is one long
    dart = torch.tensor(rng.random((len(logits), 1))).to(logits.device)  # (B, 1)
    rank = (strip < dart).sum(dim=-1, keepdim=True)  # (B, 1), as in Exercise 1.2
    return order.gather(1, rank).squeeze(1)  # (B,)


@torch.no_grad()
def write(model, start, steps, T, p, rng):
    """Continue rows of tokens by `steps` words each. (B, t) -> (B, t + steps)"""
    y = start
    for _ in range(steps):
        # twenty rows at a time need less memory, and no more time
        logits = torch.cat([model(part)[:, -1] for part in y.split(20)])  # (B, V)
        word = sample_top_p(logits.cpu(), T, p, rng)  # (B,) NumPy's draws are on the CPU
        y = torch.cat([y, word[:, None].to(y.device)], dim=1)
    return y


def decode(rows, vocabulary, end):
    """Rows of tokens -> lists of words, each up to its first end."""
    texts = [[vocabulary[token] for token in row] for row in rows.tolist()]
    return [words[: words.index(end) + 1] if end in words else words for words in texts]


def bits_per_token(logits: Tensor, y: Tensor) -> Tensor:
    """Mean surprise at the next token, padding (0) left out. logits (B, T, V), y (B, T) -> ()"""
    opinions, answers = logits[:, :-1], y[:, 1:]  # (B, T-1, V), (B, T-1)
    nats = F.cross_entropy(opinions.flatten(0, 1), answers.flatten(), ignore_index=0)
    return nats / math.log(2)


def lstm_step(x: Tensor, h: Tensor, c: Tensor, weights: tuple) -> tuple[Tensor, Tensor]:
    """One step. x (B, D), h and c (B, H), weights (4H, D), (4H, H), (4H,), (4H,) -> h, c (B, H)"""
    W, U, b_x, b_h = weights
    i, f, g, o = (x @ W.T + b_x + h @ U.T + b_h).chunk(4, dim=1)  # (B, H) each
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)  # (B, H)
    return torch.sigmoid(o) * torch.tanh(c), c


def train_writer(y):
    """Train on documents (N, T), tokens padded with 0. -> writer(n, rng): n rows of tokens, each

    from the start on (n, up to T)
    """
    model = Transformer(int(y.max()) + 1, y.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=8e-3)
    steps = 5 * len(y) // 32
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps)
    for _ in range(steps):
        seen = y[torch.randint(len(y), (32,))]  # (32, T)
        logits = model(seen[:, :-1])  # (32, T-1, V)
        loss = F.cross_entropy(logits.flatten(0, 1), seen[:, 1:].flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()

    def writer_of(n, rng):
        return write(model, y[:1, :1].repeat(n, 1), y.shape[1] - 1, 1.0, 0.9, rng)

    return writer_of
