"""From the average of the past to the Transformer of lesson 08, one more part each, three seeds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.lesson08 import newsroom
from course_utils.lesson08.taught import MultiHead, encode, next_token_loss, train

SEEDS, STEPS, LR = range(3), 600, 5e-3
MODELS: dict[str, dict] = {
    "average of the past": {"learned": False, "heads": 1},
    "average, with positions": {"learned": False, "heads": 1, "positions": True},  # an aside
    "learned scores, one head": {"heads": 1},
    "+ positions": {"heads": 1, "positions": True},
    "+ four heads": {"positions": True},
    "+ residual connection": {"positions": True, "residual": True},
    "+ mlp": {"positions": True, "residual": True, "mlp": True},
    "+ a second block": {"positions": True, "residual": True, "mlp": True, "layers": 2},
}


def run() -> dict[str, np.ndarray]:
    """Bits per token of new documents, (8 models, 3 seeds), and the names of the models."""
    y = [encode(_documents(n, seed), newsroom.VOCABULARY) for n, seed in ((6000, 1), (1000, 2))]
    longest = max(part.shape[1] for part in y)
    bits = np.zeros((len(MODELS), len(SEEDS)), dtype=np.float32)
    for i, (name, parts) in enumerate(MODELS.items()):
        for j, seed in enumerate(SEEDS):
            torch.manual_seed(seed)
            model = train(Ladder(len(newsroom.VOCABULARY), longest, **parts), y[0], STEPS, LR)
            with torch.no_grad():
                bits[i, j] = np.mean(
                    [next_token_loss(model, part).item() for part in y[1].split(100)]
                )
        print(name, bits[i].round(3).tolist(), flush=True)
    return {"bits": bits, "names": np.array(list(MODELS))}


def _documents(n: int, seed: int) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [newsroom.document(rng) for _ in range(n)]


class Average(nn.Module):
    """The average of the past in place of attention. (B, T, D) -> (B, T, D)"""

    def __init__(self, D: int) -> None:
        super().__init__()
        self.value, self.mix = nn.Linear(D, D), nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        visible = torch.ones(x.shape[1], x.shape[1]).tril()  # (T, T)
        return self.mix(visible / visible.sum(dim=1, keepdim=True) @ self.value(x))


class Ladder(nn.Module):
    """Lesson 08's Transformer with some of its parts. Tokens (B, T) -> logits (B, T, V)"""

    def __init__(
        self,
        V: int,
        longest: int,
        D: int = 64,
        heads: int = 4,
        layers: int = 1,
        learned: bool = True,
        positions: bool = False,
        residual: bool = False,
        mlp: bool = False,
    ) -> None:
        super().__init__()
        self.residual, self.positions = residual, positions
        self.token, self.position = nn.Embedding(V, D), nn.Embedding(longest, D)
        self.attends = nn.ModuleList(
            MultiHead(D, heads) if learned else Average(D) for _ in range(layers)
        )
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(D), nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))
            for _ in range(layers if mlp else 0)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(D) for _ in range(layers))
        self.norm, self.out = nn.LayerNorm(D), nn.Linear(D, V)
        for table in (self.token, self.position):
            nn.init.normal_(table.weight, std=0.2)

    def forward(self, y: Tensor) -> Tensor:
        x = self.token(y)
        if self.positions:
            x = x + self.position.weight[: y.shape[1]]
        for i, attend in enumerate(self.attends):
            gathered = attend(self.norms[i](x))
            x = x + gathered if self.residual else gathered
            if self.mlps:
                x = x + self.mlps[i](x)
        return self.out(self.norm(x))
