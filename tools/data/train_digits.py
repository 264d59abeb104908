"""Train the painter that course_utils.pretrained.digits runs, on the 4,000 training digits alone.

First a variational autoencoder; then a mixture of Gaussians for each class of its codes, which says
where to draw from; then the decoder is sharpened against a discriminator. Seven minutes on one
core. Called by `python -m tools data --weights`.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from course_utils import metrics
from course_utils.data import Split
from tools.data.train_classifier import train_judge, warp

CODE = 16
WIDTHS = (32, 24, 12)  # channels at 7x7, 14x14 and 28x28
CLUSTERS = 4  # of each class
VAE_EPOCHS, VAE_BATCH, VAE_RATE, BETA = 45, 64, 3e-3, 0.5
SHARPEN_STEPS, SHARPEN_BATCH, SHARPEN_RATE = 3000, 64, 2e-4
FAITHFUL = 0.01  # weight of the reconstruction while sharpening, so that codes keep their meaning
AVERAGE = 0.003  # share of the newest weights in the running mean that is kept


class Decoder(nn.Module):
    """The network of pretrained.decode: codes (B, 16) -> logits (B, 1, 28, 28)."""

    def __init__(self) -> None:
        super().__init__()
        small, middle, large = WIDTHS
        self.linear = nn.Linear(CODE, 49 * small)
        self.grow14 = nn.Conv2d(small, 4 * middle, 3, padding=1)
        self.grow28 = nn.Conv2d(middle, 4 * large, 3, padding=1)
        self.ink = nn.Conv2d(large, 1, 3, padding=1)

    def forward(self, codes: Tensor) -> Tensor:
        hidden = F.leaky_relu(self.linear(codes), 0.2).view(-1, WIDTHS[0], 7, 7)
        for layer in (self.grow14, self.grow28):
            hidden = F.leaky_relu(F.pixel_shuffle(layer(hidden), 2), 0.2)
        return self.ink(hidden)


class Encoder(nn.Module):
    """Pictures (B, 1, 28, 28) -> mean and log-variance of their codes, (B, 16) each."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, 1),
            nn.SiLU(),
            nn.Conv2d(32, 48, 3, 2, 1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(48 * 49, 128),
            nn.SiLU(),
            nn.Linear(128, 2 * CODE),
        )

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        return self.layers(pictures).chunk(2, dim=1)


class Discriminator(nn.Module):
    """Pictures (B, 1, 28, 28) and their classes (B,) -> how real each looks, (B,)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(1, 32, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(32, 64, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            spectral_norm(nn.Linear(64 * 49, 128)),
            nn.LeakyReLU(0.2),
        )
        self.real = spectral_norm(nn.Linear(128, 1))
        self.classes = spectral_norm(nn.Embedding(10, 128))

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor:
        features = self.layers(pictures)
        return self.real(features).squeeze(1) + (features * self.classes(labels)).sum(dim=1)


class Mixture:
    """Where the codes of the digits lie: a mixture of Gaussians for each class, all classes equally
    likely.
    """

    def __init__(self, codes: np.ndarray, labels: np.ndarray) -> None:
        fits = [
            GaussianMixture(CLUSTERS, reg_covar=0.01, n_init=2, random_state=0).fit(
                codes[labels == digit]
            )
            for digit in range(10)
        ]
        self.shares = torch.tensor(np.concatenate([fit.weights_ / 10 for fit in fits])).float()
        self.means = torch.tensor(np.concatenate([fit.means_ for fit in fits])).float()
        self.scales = torch.tensor(
            np.concatenate([np.linalg.cholesky(fit.covariances_) for fit in fits])
        ).float()

    def draw(self, n: int) -> tuple[Tensor, Tensor]:
        """Codes (n, 16) and their classes (n,), from torch's generator."""
        cluster = torch.multinomial(self.shares, n, replacement=True)
        noise = (self.scales[cluster] @ torch.randn(n, CODE, 1)).squeeze(-1)
        return self.means[cluster] + noise, cluster // CLUSTERS


def train_vae(data: Split) -> tuple[Encoder, Decoder]:
    """A variational autoencoder with a weak pull towards the prior; half of what it sees is warped
    a little.
    """
    encoder, decoder = Encoder(), Decoder()
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, VAE_RATE, weight_decay=0.01)
    steps = VAE_EPOCHS * -(-len(data.x_train) // VAE_BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, VAE_RATE, total_steps=steps, pct_start=0.1
    )
    for _ in range(VAE_EPOCHS):
        for chosen in torch.randperm(len(data.x_train)).split(VAE_BATCH):
            pictures = data.x_train[chosen]
            warped = warp(pictures, 8, 0.08, 1, 0.1).clamp(0, 1)
            pictures = torch.where(torch.rand(len(chosen), 1, 1, 1) < 0.5, warped, pictures)
            mean, log_variance = encoder(pictures)
            logits = decoder(mean + torch.randn_like(mean) * (0.5 * log_variance).exp())
            error = F.binary_cross_entropy_with_logits(logits, pictures, reduction="sum")
            pull = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
            optimizer.zero_grad()
            ((error + BETA * pull) / len(chosen)).backward()
            optimizer.step()
            schedule.step()
    return encoder.eval(), decoder


def sharpen(decoder: Decoder, encoder: Encoder, mixture: Mixture, data: Split) -> Decoder:
    """The running mean of a decoder that learns to fool a discriminator and to reconstruct."""
    discriminator = Discriminator()
    painter_steps = torch.optim.Adam(decoder.parameters(), SHARPEN_RATE, (0.5, 0.99))
    critic_steps = torch.optim.Adam(discriminator.parameters(), 2 * SHARPEN_RATE, (0.5, 0.99))
    kept = Decoder()
    kept.load_state_dict(decoder.state_dict())
    with torch.no_grad():
        means, log_variances = encoder(data.x_train)
    for _ in range(SHARPEN_STEPS):
        chosen = torch.randint(len(data.x_train), (SHARPEN_BATCH,))
        codes, labels = mixture.draw(SHARPEN_BATCH)
        drawn = decoder(codes).sigmoid()
        critic_steps.zero_grad()
        critic_loss(
            discriminator, drawn.detach(), labels, data.x_train[chosen], data.y_train[chosen]
        ).backward()
        critic_steps.step()
        known = torch.randint(len(data.x_train), (SHARPEN_BATCH,))
        codes = means[known] + torch.randn(SHARPEN_BATCH, CODE) * (0.5 * log_variances[known]).exp()
        painter_steps.zero_grad()
        painter_loss(
            discriminator, drawn, labels, decoder(codes), data.x_train[known], data.y_train[known]
        ).backward()
        painter_steps.step()
        for mean, newest in zip(kept.parameters(), decoder.parameters(), strict=True):
            mean.data.lerp_(newest.data, AVERAGE)
    return kept.eval()


def critic_loss(
    critic: Discriminator, drawn: Tensor, labels: Tensor, real: Tensor, real_labels: Tensor
) -> Tensor:
    """Hinge loss. Real and drawn are warped alike, so that the critic cannot learn 4,000 pictures
    by heart.
    """
    return (
        F.relu(1 - critic(warp(real, 5, 0.05, 1.5, 0.05), real_labels)).mean()
        + F.relu(1 + critic(warp(drawn, 5, 0.05, 1.5, 0.05), labels)).mean()
    )


def painter_loss(
    critic: Discriminator,
    drawn: Tensor,
    labels: Tensor,
    rebuilt: Tensor,
    real: Tensor,
    real_labels: Tensor,
) -> Tensor:
    """What the critic thinks of drawn pictures and, half as much, of rebuilt ones, and how far
    these are from real.
    """
    error = F.binary_cross_entropy_with_logits(rebuilt, real, reduction="sum") / len(real)
    fooled = (
        critic(warp(drawn, 5, 0.05, 1.5, 0.05), labels).mean()
        + 0.5 * critic(warp(rebuilt.sigmoid(), 5, 0.05, 1.5, 0.05), real_labels).mean()
    )
    return FAITHFUL * error - fooled


def train(data: Split, seed: int) -> dict[str, np.ndarray]:
    """The weights under the names that pretrained.digits reads, float16."""
    torch.manual_seed(seed)
    encoder, decoder = train_vae(data)
    with torch.no_grad():
        codes = encoder(data.x_train)[0].numpy()
    mixture = Mixture(codes, data.y_train.numpy())
    decoder = sharpen(decoder, encoder, mixture, data)
    named: dict[str, Tensor] = {
        "shares": mixture.shares,
        "means": mixture.means,
        "scales": mixture.scales,
    }
    for name in ("linear", "grow14", "grow28", "ink"):
        layer = getattr(decoder, name)
        named |= {name: layer.weight, f"{name}_bias": layer.bias}
    return {name: value.detach().numpy().astype(np.float16) for name, value in named.items()}


def measure(drawn: np.ndarray, data: Split, seed: int) -> dict[str, float]:
    """How good drawn digits (N, 28, 28) are, and the same numbers of the digits held out for
    comparison.
    """
    torch.manual_seed(seed)
    judge = train_judge(data)
    pictures = torch.tensor(drawn).unsqueeze(1)
    with torch.no_grad():
        guesses, real_guesses = judge(pictures).softmax(dim=1), judge(data.x_test).softmax(dim=1)
        features, real, learned = (
            judge.features(each).numpy().astype(float)
            for each in (pictures, data.x_test, data.x_train)
        )
        nearest, real_nearest = (
            torch.cdist(each.flatten(1), data.x_train.flatten(1)).min(dim=1).values
            for each in (pictures, data.x_test)
        )
    return {
        "sure": (guesses.max(dim=1).values > 0.9).float().mean().item(),
        "real_sure": (real_guesses.max(dim=1).values > 0.9).float().mean().item(),
        "rarest_class": np.bincount(guesses.argmax(dim=1).numpy(), minlength=10).min() / len(drawn),
        "frechet": metrics.frechet(features, real),
        "real_frechet": metrics.frechet(learned, real),
        "gray": float(((drawn > 0.1) & (drawn < 0.9)).mean()),
        "real_gray": ((data.x_test > 0.1) & (data.x_test < 0.9)).float().mean().item(),
        "nearest": nearest.median().item(),
        "real_nearest": real_nearest.median().item(),
        "nearest_5": nearest.quantile(0.05).item(),
        "real_nearest_5": real_nearest.quantile(0.05).item(),
    }
