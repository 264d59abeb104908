"""What lesson 06 built. Generated from lessons/06_gan.py; do not edit."""
from __future__ import annotations

from torch import Tensor
from torch import nn
from torch.nn import functional as F
import copy
import itertools
import torch


def d_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss, -V.

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
    """A network with an optimizer of its own."""

    def __init__(self, net, lr=1e-3, beta1=0.5):
        super().__init__()
        self.net = net
        self.optimizer = torch.optim.Adam(net.parameters(), lr, betas=(beta1, 0.99), fused=True)

    def forward(self, x):
        return self.net(x)

    def move(self, loss):
        """One optimizer step of this player on `loss`."""
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def g_loss(fake: Tensor) -> Tensor:
    """A generator loss with derivative -(1 - D) for each logit, before averaging.

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


class DigitGenerator(nn.Module):
    """Noise and a cluster to a picture in [0, 1] and the cluster. z (B, 32 + K) -> (B, 784 + K)"""

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


class DigitDiscriminator(nn.Module):
    """A logit for a picture with its cluster. x (B, 784 + K) -> (B,)"""

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
        self.of_its_cluster = nn.Linear(K, 256, bias=False)
        nn.init.normal_(self.of_its_cluster.weight)  # far apart from the start

    def forward(self, x):
        h = self.features(x[:, :784])  # (B, 256)
        match = (h * self.of_its_cluster(x[:, 784:])).sum(dim=1)  # (B,)
        return self.real(h)[:, 0] + match / 16  # (B,)


@torch.no_grad()
def update_average(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Change `average` in place: the share `keep` of it remains, the rest comes from `net`.

    Both are networks of the same layers.
    """
    latest = net.state_dict()
    for name, old in average.state_dict().items():
        if old.is_floating_point():  # BatchNorm also counts batches, in an integer
            old.lerp_(latest[name], 1 - keep)


def tagged(x, K, seed):
    """Pictures with the one-hot number of their cluster. (N, 784) -> (N, 784 + K)"""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    reduced = PCA(50, random_state=seed).fit_transform(x.cpu().numpy())  # (N, 50)
    cluster = torch.tensor(KMeans(K, n_init=1, random_state=seed).fit_predict(reduced)).long()
    return torch.cat([x, F.one_hot(cluster, K).float().to(x.device)], dim=1)


def noise_with_tags(n, x):
    """z for n samples, with clusters as frequent as in x (N, 784 + K). -> (n, 32 + K)"""
    rows = torch.randint(len(x), (n,))
    return torch.cat([torch.randn(n, 32).to(x.device), x[rows, 784:]], dim=1)


@torch.no_grad()
def generate(generator, x, n):
    """n pictures (n, 784) by a generator that was trained on x (N, 784 + K)."""
    return generator(noise_with_tags(n, x))[:, :784]


def gaussian_per_cluster(x, n):
    """A baseline without training: each cluster's mean and covariance. (N, 784 + K) -> (n, 784)"""
    label, drawn = x[:, 784:].argmax(dim=1), []
    for k in label[torch.randint(len(x), (n,))]:
        members = x[label == k, :784]
        mean = members.mean(dim=0)
        deviations = (members - mean) / max(1, len(members) - 1) ** 0.5  # (members, 784)
        drawn.append(mean + torch.randn(len(members)).to(x.device) @ deviations)
    return torch.stack(drawn).clamp(0, 1)


def play(G, D, x, batch=64, every=50):
    """Train on tagged pictures x (N, 784 + K) forever; yields the averaged generator."""
    average = copy.deepcopy(G.net).eval().requires_grad_(False)
    for t in itertools.count(1):
        z1, z2 = noise_with_tags(batch, x), noise_with_tags(batch, x)  # (B, 32 + K) each
        train_step(G, D, x[torch.randint(len(x), (batch,))], z1, z2)
        update_average(average, G.net, keep=0.98)
        if t % every == 0:
            yield average


def precision_recall(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    """Shares of fake among real, and of real among fake. (N, d), (M, d), k < N, M -> two numbers"""

    def share(points, sample):
        """The share of points that lie in some ball of the sample."""
        neighbors = torch.cdist(sample, sample).sort(dim=1).values  # (C, C), first column: itself
        inside = torch.cdist(points, sample) <= neighbors[:, k]  # (P, C)
        return inside.any(dim=1).float().mean().item()

    return share(fake, real), share(real, fake)


def gradient_penalty(D, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    """The penalty of WGAN-GP, without its weight, differentiable in D's weights.

    D: (B, d) -> (B,) or (B, 1); real, fake (B, d), eps (B, 1) in [0, 1] -> one number
    """
    between = (eps * real + (1 - eps) * fake).detach().requires_grad_()  # (B, d)
    (grads,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)  # (B, d)
    return ((grads.norm(dim=1) - 1) ** 2).mean()


def convolutional(K, width=16):
    """G and D of the digit game, with convolutions. -> two networks"""
    G, D = DigitGenerator(K), DigitDiscriminator(K)
    G.net = nn.Sequential(
        nn.Linear(32 + K, 2 * width * 49, bias=False),
        nn.Unflatten(1, (2 * width, 7, 7)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),  # 14×14
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),  # 28×28
        nn.Sigmoid(),
        nn.Flatten(),
    )
    D.features = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, width, 4, stride=2, padding=1),  # 14×14
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),  # 7×7
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * width * 49, 256),
        nn.LeakyReLU(0.2),
    )
    return G, D


def train_ring_sampler(x):
    """Learn to draw such points. x: (N, 2) -> sample, a function of n that returns (n, 2)"""
    scale, rounds, B = x.std(), min(3000, len(x)), 128
    G, D = (Player(mlp(2, 128, n), lr=2e-3) for n in (2, 1))

    def blurred(points):
        return points + std * torch.randn(B, 2)

    for t in range(rounds):
        std = 0.5 * max(0, 1 - 1.5 * t / rounds)  # instance noise, on real and fake alike
        for player in (G, D):
            player.optimizer.param_groups[0]["lr"] = 2e-3 * min(1, 2 - 2 * t / rounds)
        real = x[torch.randint(len(x), (B,))] / scale  # (B, 2)
        fake = G(torch.randn(B, 2)).detach()
        D.move(d_loss(D(blurred(real)), D(blurred(fake))))
        G.move(g_loss(D(blurred(G(torch.randn(B, 2))))))
    return lambda n: G(torch.randn(n, 2)).detach() * scale
