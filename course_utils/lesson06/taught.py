"""What lesson 06 built. Generated from lessons/06_gan.py; do not edit."""
from __future__ import annotations

from torch import Tensor
from torch import nn
from torch.nn import functional as F
import copy
import itertools
import torch


def d_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss, minus the value of the game.

    Logits, (B, ...) and (M, ...) -> one number, in nats
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def mlp(inputs, hidden, outputs):
    """A network with two hidden layers. (B, inputs) -> (B, outputs)"""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )


class Player(nn.Module):
    """A network, and the optimizer that moves it and nobody else."""

    def __init__(self, net, lr=1e-3, beta1=0.5):
        super().__init__()
        self.net = net
        self.optimizer = torch.optim.Adam(net.parameters(), lr, betas=(beta1, 0.99), fused=True)

    def forward(self, x):
        return self.net(x)

    def move(self, loss):
        """One step of this player alone, against `loss`: forget, find, step."""
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def g_loss(fake: Tensor) -> Tensor:
    """The generator's non-saturating loss, the mean of -log D(G(z)).

    Logits (B, ...) -> one number, in nats
    """
    return F.softplus(-fake).mean()


def train_step(G, D, x: Tensor, z1: Tensor, z2: Tensor) -> tuple[float, float]:
    """One round: D moves on x (B, ...) and G(z1), then G moves on z2 (B, Z). -> D's, G's loss"""
    loss_d = d_loss(D(x), D(G(z1).detach()))
    D.move(loss_d)
    loss_g = g_loss(D(G(z2)))
    G.move(loss_g)
    return loss_d.item(), loss_g.item()


def precision_recall(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    """Shares of fake among real, and of real among fake. (N, d), (M, d), k < N, M -> two numbers"""

    def share(points, crowd):
        """The share of points that lie in some ball of the crowd."""
        fellows = torch.cdist(crowd, crowd).sort(dim=1).values  # (C, C), first column: itself
        inside = torch.cdist(points, crowd) <= fellows[:, k]  # (P, C)
        return inside.any(dim=1).float().mean().item()

    return share(fake, real), share(real, fake)


class DigitForger(nn.Module):
    """Noise and a tag to a picture in [0, 1] and the same tag. z (B, 32 + K) -> (B, 784 + K)"""

    def __init__(self, K):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(32 + K, 256),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Linear(256, 512),
            nn.BatchNorm1d(512),
            nn.ReLU(),
            nn.Linear(512, 784),
            nn.Sigmoid(),
        )

    def forward(self, z):
        return torch.cat([self.net(z), z[:, 32:]], dim=1)  # (B, 784 + K)


class DigitInspector(nn.Module):
    """A logit for a picture with its tag. x (B, 784 + K) -> (B,)"""

    def __init__(self, K):
        super().__init__()
        self.features = nn.Sequential(
            nn.Linear(784, 512),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2),
        )
        self.real = nn.Linear(256, 1)
        self.of_its_heap = nn.Linear(K, 256, bias=False)
        nn.init.normal_(self.of_its_heap.weight)  # far apart from the start

    def forward(self, x):
        seen = self.features(x[:, :784])  # (B, 256)
        fits = (seen * self.of_its_heap(x[:, 784:])).sum(dim=1)  # (B,)
        return self.real(seen)[:, 0] + fits / 16  # (B,)


def tagged(x, K, seed):
    """Pictures with the one-hot number of their heap of similar ones. (N, 784) -> (N, 784 + K)"""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    seen = PCA(50, random_state=seed).fit_transform(x.cpu().numpy())  # (N, 50)
    heap = torch.tensor(KMeans(K, n_init=1, random_state=seed).fit_predict(seen)).long()  # (N,)
    return torch.cat([x, F.one_hot(heap, K).float().to(x.device)], dim=1)


def noise_with_tags(n, x):
    """z for n forgeries, with tags as frequent as in x (N, 784 + K). -> (n, 32 + K)"""
    rows = torch.randint(len(x), (n,))
    return torch.cat([torch.randn(n, 32).to(x.device), x[rows, 784:]], dim=1)


def play(G, D, x, batch=64, every=50):
    """Train on tagged pictures x (N, 784 + K), for ever; yields the averaged generator."""
    average = copy.deepcopy(G.net).eval()
    for t in itertools.count(1):
        z1, z2 = noise_with_tags(batch, x), noise_with_tags(batch, x)  # (B, 32 + K) each
        train_step(G, D, x[torch.randint(len(x), (batch,))], z1, z2)
        with torch.no_grad():
            for kept, now in zip(
                average.state_dict().values(), G.net.state_dict().values(), strict=True
            ):
                kept.lerp_(now, 0.02) if kept.is_floating_point() else kept.copy_(now)
        if t % every == 0:
            yield average


@torch.no_grad()
def forge(generator, x, n):
    """n pictures (n, 784) by a generator that was trained on x."""
    return generator(noise_with_tags(n, x))[:, :784]


def gradient_penalty(D, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    """The fine of WGAN-GP, without its weight, differentiable in D's weights.

    D: (B, d) -> (B,) or (B, 1); real, fake (B, d), eps (B, 1) in [0, 1] -> one number
    """
    between = (eps * real + (1 - eps) * fake).detach().requires_grad_()  # (B, d)
    (slopes,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)  # (B, d)
    return ((slopes.norm(dim=1) - 1) ** 2).mean()


def train_ring_sampler(x):
    """Learn to draw such points. x: (N, 2) -> sample, a function of n that returns (n, 2)"""
    scale, rounds, B = x.std(), 3000, 128
    G, D = (Player(mlp(2, 128, n), lr=2e-3) for n in (2, 1))

    def in_fog(points):
        return points + fog * torch.randn(B, 2)

    for t in range(rounds):
        fog = 0.5 * max(0, 1 - 1.5 * t / rounds)  # over real and forged alike; it lifts
        for player in (G, D):
            player.optimizer.param_groups[0]["lr"] = 2e-3 * min(1, 2 - 2 * t / rounds)
        real = x[torch.randint(len(x), (B,))] / scale  # (B, 2)
        fake = G(torch.randn(B, 2)).detach()
        D.move(d_loss(D(in_fog(real)), D(in_fog(fake))))
        G.move(g_loss(D(in_fog(G(torch.randn(B, 2))))))
    return lambda n: G(torch.randn(n, 2)).detach() * scale
