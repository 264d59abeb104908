"""What lesson 08 built. Generated from lessons/08_sequences.py; do not edit."""
from __future__ import annotations

from collections.abc import Callable
from course_utils import progress
from course_utils.lesson03 import fit
from course_utils.lesson08 import newsroom
from torch import Tensor
from torch import nn
from torch.nn import functional as F
import math
import numpy as np
import time
import torch


def encode(documents, vocabulary):
    """Lists of words -> (N, T) their numbers, each row padded with 0 to the longest."""
    number = {word: i for i, word in enumerate(vocabulary)}
    rows = [torch.tensor([number[word] for word in words]) for words in documents]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)  # (N, T)


class Recurrent(nn.Module):
    """Tokens (B, T) -> logits (B, T, V) of the token after each."""

    def __init__(self, V, kind=nn.LSTM, D=64, H=128, keep=3.0):
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


def bits_per_token(logits: Tensor, y: Tensor) -> Tensor:
    """Mean NLL of the next token in bits, padding (0) left out. (B, T, V), (B, T) -> ()"""
    predictions, targets = logits[:, :-1], y[:, 1:]  # (B, T-1, V), (B, T-1)
    nats = F.cross_entropy(predictions.flatten(0, 1), targets.flatten(), ignore_index=0)
    return nats / math.log(2)


def next_token_loss(model, y):
    return bits_per_token(model(y), y)


def train(model, y, steps, lr, batch=32):
    """Fit a model of next tokens to documents y (N, T), padded with 0. -> the model"""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    draws = (y[torch.randint(len(y), (batch,))] for _ in progress.bar(range(steps), "steps"))
    fit(model, draws, next_token_loss, optimizer, epochs=1, scheduler=scheduler)
    return model


@torch.no_grad()
def measured(model, y):
    """Bits per token over documents (N, T), 100 at a time so that memory stays small."""
    parts = [bits_per_token(model(part), part).item() for part in y.split(100)]
    return float(np.mean(parts))


def attention(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> tuple[Tensor, Tensor]:
    """(..., T, d), (..., S, d), (..., S, e) -> output (..., T, e), weights (..., T, S)"""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., T, S)
    if causal:
        T, S = scores.shape[-2:]
        # with its backward pass, adding -inf costs less than masked_fill; 0 changes nothing
        scores = scores + torch.full((T, S), -math.inf, device=q.device).triu(S - T + 1)
    weights = torch.softmax(scores, dim=-1)  # (..., T, S), rows add up to one
    return weights @ v, weights


class MultiHead(nn.Module):
    """Several attentions side by side. (B, T, D) -> (B, T, D)"""

    def __init__(self, D, heads):
        super().__init__()
        self.heads, self.qkv, self.mix = heads, nn.Linear(D, 3 * D), nn.Linear(D, D)

    def split(self, x):
        """-> queries, keys, values, each (B, heads, T, d)"""
        cut = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # (B, T, 3, heads, d)
        return cut.permute(2, 0, 3, 1, 4)  # (3, B, heads, T, d)

    def forward(self, x, causal=True):
        q, k, v = self.split(x)
        out, _ = attention(q, k, v, causal)  # (B, heads, T, d)
        return self.mix(out.transpose(1, 2).flatten(2))  # (B, T, D)


class Block(nn.Module):
    """Attention, then an MLP at each position. (B, T, D) -> (B, T, D)"""

    def __init__(self, D, heads):
        super().__init__()
        self.norm1, self.attend = nn.LayerNorm(D), MultiHead(D, heads)
        self.norm2 = nn.LayerNorm(D)
        self.mlp = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))

    def forward(self, x, causal=True):
        return block_forward(self, x, causal)


def block_forward(block: nn.Module, x: Tensor, causal: bool = True) -> Tensor:
    """Attention, then the MLP. x (B, T, D) -> (B, T, D). `block.attend` takes `causal`, too."""
    x = x + block.attend(block.norm1(x), causal)
    return x + block.mlp(block.norm2(x))


class Transformer(nn.Module):
    """Tokens (B, T) -> logits (B, T, V) of the token after each, for T up to `longest`."""

    def __init__(self, V, longest, D=64, heads=4, layers=2, causal=True):
        super().__init__()
        self.token, self.position = nn.Embedding(V, D), nn.Embedding(longest, D)
        self.blocks = nn.ModuleList(Block(D, heads) for _ in range(layers))
        self.norm, self.out, self.causal = nn.LayerNorm(D), nn.Linear(D, V), causal
        for table in (self.token, self.position):
            nn.init.normal_(table.weight, std=0.2)

    def forward(self, y):
        x = self.token(y) + self.position.weight[: y.shape[1]]  # (B, T, D)
        for block in self.blocks:
            x = block(x, self.causal)
        return self.out(self.norm(x))  # (B, T, V)


def generate(model: nn.Module, start: Tensor, steps: int, draw: Callable) -> Tensor:
    """Continue each row of tokens by `steps` tokens. start (B, t) -> (B, t + steps)"""
    y = start
    for _ in range(steps):
        with torch.no_grad():
            logits = model(y)[:, -1]  # (B, V): the last row has read all tokens so far
        y = torch.cat([y, draw(logits)[:, None]], dim=1)  # (B, t + 1)
    return y


def sample_top_p(logits: Tensor, T: float, p: float, rng: np.random.Generator) -> Tensor:
    """Draw one token per row. (B, V), temperature T > 0, 0 < p <= 1 -> int64 (B,)"""
    probs = torch.softmax(logits.double() / T, dim=-1)  # (B, V)
    probs, order = probs.sort(dim=-1, descending=True)  # (B, V), likeliest first
    ahead = probs.cumsum(dim=-1) - probs  # (B, V) probability of all that are likelier
    kept = probs * (ahead < p)
    ends = kept.double().cumsum(dim=-1)  # (B, V) running sums
    u = ends[:, -1:] * torch.tensor(rng.random((len(logits), 1))).to(logits.device)  # (B, 1)
    rank = (ends < u).sum(dim=-1, keepdim=True)  # (B, 1)
    return order.gather(1, rank).squeeze(1)  # (B,)


def write(model, start, steps, T, p, rng):
    """`generate` with top-p, 25 rows at a time: less memory, and less time."""

    def draw(logits):  # NumPy's random numbers are on the CPU
        return sample_top_p(logits.cpu(), T, p, rng).to(logits.device)

    return torch.cat([generate(model, rows, steps, draw) for rows in start.split(25)])


def decode(rows, vocabulary, end):
    """Rows of tokens -> lists of words, each up to its first end."""
    texts = [[vocabulary[token] for token in row] for row in rows.tolist()]
    return [words[: words.index(end) + 1] if end in words else words for words in texts]


def lstm_step(x: Tensor, h: Tensor, c: Tensor, weights: tuple) -> tuple[Tensor, Tensor]:
    """One step. x (B, D), h and c (B, H), weights (4H, D), (4H, H), (4H,), (4H,) -> h, c (B, H)"""
    W, U, b_x, b_h = weights
    i, f, g, o = (x @ W.T + b_x + h @ U.T + b_h).chunk(4, dim=1)  # (B, H) each
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)  # (B, H)
    return torch.sigmoid(o) * torch.tanh(c), c


RULES = "well formed", "leads on", "all reached", "no place twice", "key first", "a stake"


def story_report(read):
    """Which demands a story meets, from what `newsroom.read_story` returns. -> dict of flags"""
    if read is None:
        return dict.fromkeys(RULES, False)
    thing, scenes = read
    walks = list(newsroom.walks(scenes))
    places = [text.split(" : ")[0] for text, _ in scenes.values()]
    won = [walk for walk in walks if scenes[walk[-1]][0].endswith(f"you find the {thing}")]
    has_key = [any("you take the key" in scenes[s][0] for s in walk[:-1]) for walk in won]
    flags = (
        True,
        all(target in scenes for _, ways in scenes.values() for _, target in ways),
        {scene for walk in walks for scene in walk} == set(scenes),
        len(set(places)) == len(places),
        bool(won) and all(has_key),
        0 < len(won) < len(walks),  # it can be won, and it can be lost
    )
    return dict(zip(RULES, flags, strict=True))


def train_writer(y):
    """Train on documents (N, T), tokens padded with 0. -> writer(n, rng): n rows of tokens, each

    from the start on (n, up to T)
    """
    model = Transformer(int(y.max()) + 1, y.shape[1])
    train(model, y, 5 * len(y) // 32, lr=6e-3, batch=16)  # two and a half passes

    def writer_of(n, rng):
        return write(model, y[:1, :1].repeat(n, 1), y.shape[1] - 1, 1.0, 0.9, rng)

    return writer_of
