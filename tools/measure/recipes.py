"""Training as it is copied today, written anew: what the lessons' own training is measured against.

Each function trains from the current seed and yields a `Model` again and again; it knows nothing of
clocks or measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class Model(NamedTuple):
    """What measuring needs of a model. Digits are rows of 784 grays in [0, 1], labels whole numbers
    (N,).

    draw(labels) -> digits (N, 784); a model without labels uses their number only. A VAE has
    encode(x, labels) -> mu, logvar (N, Z) and decode(z, labels) -> logits (N, 784) too.
    """

    draw: Callable[[Tensor], Tensor]
    encode: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
    decode: Callable[[Tensor, Tensor], Tensor] | None = None


class PictureFiles(Dataset):
    """Digits one by one, each through an image object and back, as `torchvision.datasets.MNIST`
    with `ToTensor` hands them out.
    """

    def __init__(self, x: Tensor, y: Tensor):
        self.pictures = (x.reshape(-1, 28, 28) * 255).round().to(torch.uint8)
        self.labels = y

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        picture = Image.fromarray(self.pictures[i].numpy())
        values = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
        return values.view(1, 28, 28).float().div(255), int(self.labels[i])


class ExampleVAE(nn.Module):
    """784-400-20 and back, ReLU. x (B, 784) -> probabilities (B, 784), mu and logvar (B, 20)."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mu, self.logvar = nn.Linear(400, 20), nn.Linear(400, 20)
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

    def encode(self, x):
        h = F.relu(self.hidden(x))  # (B, 400)
        return self.mu(h), self.logvar(h)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)  # (B, 20)
        return torch.sigmoid(self.decoder(z)), mu, logvar


def vae(x: Tensor, y: Tensor) -> Iterator[Model]:
    """The VAE of the PyTorch examples, an epoch at a time: per-sample loader, batch 128, Adam 1e-3,
    summed loss.

    Source: github.com/pytorch/examples, vae/main.py, without the constant for gray pixels that
    later versions add.
    """
    model = ExampleVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(PictureFiles(x, y), batch_size=128, shuffle=True)
    while True:
        for pictures, _ in loader:
            pictures = pictures.view(-1, 784)
            guess, mu, logvar = model(pictures)
            bce = F.binary_cross_entropy(guess, pictures, reduction="sum")
            kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
            optimizer.zero_grad()
            (bce + kl).backward()
            optimizer.step()
        yield Model(
            draw=lambda labels: torch.sigmoid(model.decoder(torch.randn(len(labels), 20))),
            encode=lambda x, labels: model.encode(x),
            decode=lambda z, labels: model.decoder(z),
        )


def dcgan_networks(g: tuple[int, int], d: tuple[int, int]) -> tuple[nn.Module, nn.Module]:
    """Generator (B, 100, 1, 1) -> (B, 1, 28, 28) in [-1, 1], discriminator back to a probability
    (B, 1, 1, 1), with two layers of g and of d filters.

    The tutorial's pattern with two doublings in place of four.
    """
    generator = nn.Sequential(
        nn.ConvTranspose2d(100, g[0], 7, 1, 0, bias=False),
        nn.BatchNorm2d(g[0]),
        nn.ReLU(),
        nn.ConvTranspose2d(g[0], g[1], 4, 2, 1, bias=False),
        nn.BatchNorm2d(g[1]),
        nn.ReLU(),
        nn.ConvTranspose2d(g[1], 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, d[0], 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(d[0], d[1], 4, 2, 1, bias=False),
        nn.BatchNorm2d(d[1]),
        nn.LeakyReLU(0.2),
        nn.Conv2d(d[1], 1, 7, 1, 0, bias=False),
        nn.Sigmoid(),
    )
    for layer in [*generator, *discriminator]:
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
    return generator, discriminator


def gan(
    x: Tensor,
    y: Tensor,
    g: tuple[int, int] = (256, 128),
    d: tuple[int, int] = (64, 128),
    lr: float = 2e-4,
) -> Iterator[Model]:
    """The DCGAN of the PyTorch tutorials, scaled from 64x64 faces to 28x28 digits, a step at a
    time.

    Batch 128, BCE, Adam 2e-4 with betas (.5, .999), weights from N(0, 0.02²). Its loader is left
    out, in its favor. Source: pytorch.org/tutorials, "DCGAN Tutorial"; Radford et al. 2016.
    """
    generator, discriminator = dcgan_networks(g, d)
    of_g, of_d = _optimizers(generator, discriminator, lr=lr)
    bce, pictures = nn.BCELoss(), x.view(-1, 1, 28, 28) * 2 - 1
    while True:
        for rows in torch.randperm(len(x)).split(128):
            one, zero, fake = (
                torch.ones(len(rows)),
                torch.zeros(len(rows)),
                generator(torch.randn(len(rows), 100, 1, 1)),
            )
            of_d.zero_grad()
            bce(discriminator(pictures[rows]).flatten(), one).backward()
            bce(discriminator(fake.detach()).flatten(), zero).backward()
            of_d.step()
            of_g.zero_grad()
            bce(discriminator(fake).flatten(), one).backward()
            of_g.step()
            yield Model(
                draw=lambda labels: (
                    (generator(torch.randn(len(labels), 100, 1, 1)).flatten(1) + 1) / 2
                )
            )


def small_gan(x: Tensor, y: Tensor) -> Iterator[Model]:
    """A DCGAN cut to what a processor can do in a minute: 64 and 32 filters, learning rate 5e-4."""
    return gan(x, y, g=(64, 32), d=(32, 64), lr=5e-4)


def mlp_networks() -> tuple[nn.Module, nn.Module]:
    """Generator (B, 100) -> (B, 784) in [-1, 1], discriminator back to a probability (B, 1)."""
    sizes = [128, 256, 512, 1024]
    layers: list[nn.Module] = [nn.Linear(100, sizes[0]), nn.LeakyReLU(0.2)]
    for before, after in zip(sizes, sizes[1:], strict=False):
        # the second argument is epsilon; momentum seems to have been meant, and it is copied so
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after, 0.8), nn.LeakyReLU(0.2)]
    discriminator = nn.Sequential(
        nn.Linear(784, 512),
        nn.LeakyReLU(0.2),
        nn.Linear(512, 256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, 1),
        nn.Sigmoid(),
    )
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 784), nn.Tanh()), discriminator


def mlp_gan(x: Tensor, y: Tensor) -> Iterator[Model]:
    """The dense GAN with batch norm that is copied most, a step at a time.

    Batch 64, BCE, Adam 2e-4 with betas (.5, .999), G before D. Its loader is left out, in its
    favor. Source: github.com/eriklindernoren/PyTorch-GAN, implementations/gan/gan.py.
    """
    generator, discriminator = mlp_networks()
    of_g, of_d = _optimizers(generator, discriminator, lr=2e-4)
    bce, pictures = nn.BCELoss(), x * 2 - 1
    while True:
        for rows in torch.randperm(len(x)).split(64):
            one, zero = torch.ones(len(rows), 1), torch.zeros(len(rows), 1)
            fake = generator(torch.randn(len(rows), 100))
            of_g.zero_grad()
            bce(discriminator(fake), one).backward()
            of_g.step()
            of_d.zero_grad()
            of_real, of_fake = discriminator(pictures[rows]), discriminator(fake.detach())
            ((bce(of_real, one) + bce(of_fake, zero)) / 2).backward()
            of_d.step()
            yield Model(
                draw=lambda labels: (generator(torch.randn(len(labels), 100)) + 1) / 2,
            )


def _optimizers(*networks: nn.Module, lr: float) -> list[torch.optim.Adam]:
    return [torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999)) for net in networks]
