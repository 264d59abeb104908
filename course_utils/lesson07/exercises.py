"""The exercises of lesson 07: a conditional loss, drawing what is requested, a plan's report, a
safe augmentation, a planner.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.asking.ask import Answer, Ask, NotData, TensorArg
from course_utils.checks.exercise import (
    Case,
    Exercise,
    Mutant,
    does_not_hold,
    numbers,
    numbers_in,
    until_one_fails,
)
from course_utils.lesson07 import floorplans as fp
from course_utils.lesson07 import probes

if TYPE_CHECKING:
    from torch import Tensor

close_case = partial(Case, rtol=1e-4, atol=1e-5)  # float32


def _until_first(facts: Any) -> dict[str, Any]:
    """Facts (text, what was seen) up to the first that is not True."""
    shown: dict[str, Any] = {}
    for fact, seen in facts:
        shown[fact] = seen
        if seen is not True:
            break
    return shown


# ---- 7.1 cvae_loss -------------------------------------------------------------------------------

CONDITIONAL = {
    "one": "the loss is one number: the average over the images",
    "encoder": "each row of the encoder is an image, and after it that image's condition",
    "decoder": "each row of the decoder is a latent code, and after it that image's condition",
    "noise": "each latent code is mu plus standard deviation times noise from N(0, I)",
    "graph": "the gradient reaches the encoder through the latent codes",
    "fresh": "a second call draws other noise: set no seed inside",
    "loss": "the loss is the NLL of an image, summed over pixels, plus beta times its KL term",
}


def _conditional(
    ask: Ask, encoder: TensorArg, decoder: TensorArg, x: TensorArg, c: TensorArg, seed: int
) -> dict[str, Any]:
    """What `cvae_loss` asked of a small linear CVAE, and what it made of the answers."""
    found = [
        ask.probe("lesson07.conditional_loss", encoder, decoder, x, c, beta, seed)
        for beta in (1.0, 0.3, 3.0)
    ]
    weights = (encoder.values, decoder.values, x.values, c.values)
    return _until_first(_about_loss(found, *weights))


def _about_loss(
    found: list[dict], encoder: np.ndarray, decoder: np.ndarray, x: np.ndarray, c: np.ndarray
) -> Any:
    seen = found[0]
    values = [numbers_in(one["loss"]) for one in found]
    yield CONDITIONAL["one"], True if values[0].shape == () else f"shape {values[0].shape}"
    yield CONDITIONAL["encoder"], _whose_condition(numbers_in(seen["to encode"]), c, x)
    yield CONDITIONAL["decoder"], _whose_condition(numbers_in(seen["to decode"]), c)
    mu, logvar = np.split(np.concatenate([x, c], axis=1) @ encoder, 2, axis=1)  # (B, Z) each
    yield CONDITIONAL["noise"], _which_noise(numbers_in(seen["z"]), mu, logvar)
    yield CONDITIONAL["graph"], seen["z in a graph"] and seen["loss in a graph"]
    yield CONDITIONAL["fresh"], not np.allclose(numbers_in(seen["z"]), numbers_in(seen["z again"]))
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)  # (B, Z)
    pixels, sampled = [], []
    for one in found:
        z = numbers_in(one["z"])
        times = len(z) // len(x)
        logits = np.concatenate([z, np.tile(c, (times, 1))], axis=1) @ decoder
        pixels.append((np.tile(x, (times, 1)), logits))
        away = (z - np.tile(mu, (times, 1))) ** 2 / np.exp(np.tile(logvar, (times, 1)))
        sampled.append(0.5 * (z**2 - away - np.tile(logvar, (times, 1))).sum(axis=1).mean())
    yield CONDITIONAL["loss"], _which_loss([float(v) for v in values], pixels, kl, sampled)


def _whose_condition(rows: np.ndarray, c: np.ndarray, x: np.ndarray | None = None) -> Any:
    """True where each row ends with its image's condition and, if x is given, begins with the
    image; else what the rows are.
    """
    times, size = len(rows) // len(c), c.shape[1]
    if not len(rows):
        return "never called"
    if len(rows) != times * len(c):
        return "another number of rows"
    due, last = np.tile(c, (times, 1)), rows[:, -size:]
    if np.allclose(last, due, atol=1e-5):
        whole = x is None or np.allclose(rows[:, :-size], np.tile(x, (times, 1)), atol=1e-5)
        return True if whole else "something else than the image"
    if np.allclose(rows[:, :size], due, atol=1e-5):
        return "the condition first"
    if np.allclose(last, 0):
        return "zeros"
    if np.allclose(np.sort(last, axis=0), np.sort(due, axis=0)):
        return "another image's"
    return "something else"


def _which_noise(z: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> Any:
    times = len(z) // len(mu)
    if z.shape != (times * len(mu), mu.shape[1]) or not times:
        return f"shape {z.shape}"
    away = z - np.tile(mu, (times, 1))
    if np.allclose(away, 0, atol=1e-5):
        return "no noise"
    noise = away / np.tile(np.exp(0.5 * logvar), (times, 1))
    if len(np.unique(noise[:, 0].round(3))) < len(noise) / 4:
        return "one noise for all images"
    if noise.min() >= -1e-4 and noise.max() <= 1 + 1e-4:
        return "uniform noise"
    stds = {
        True: np.exp(0.5 * logvar),
        "std is exp(logvar)": np.exp(logvar),
        "std is logvar": logvar,
        "std is 1": np.ones_like(logvar),
        "std is exp(-logvar / 2)": np.exp(-0.5 * logvar),
    }
    for name, std in stds.items():
        noise = away / np.tile(std, (times, 1))
        if abs(noise.mean()) < 0.15 and abs(noise.std() - 1) < 0.12:
            return name if name is not True or abs(noise).max() > 2 else "not normal"
    if abs(z.mean()) < 0.15 and abs(z.std() - 1) < 0.12:
        return "from the prior"
    both = np.concatenate([mu, logvar], axis=1)  # (B, 2Z), as the encoder returns them
    for name, (first, second) in {
        "halves exchanged": (logvar, mu),
        "every other number": (both[:, ::2], both[:, 1::2]),
    }.items():
        noise = (z - np.tile(first, (times, 1))) / np.tile(np.exp(0.5 * second), (times, 1))
        if abs(noise.mean()) < 0.15 and abs(noise.std() - 1) < 0.12:
            return name
    return "another mean" if abs(away.mean()) > 0.3 else "another standard deviation"


def _which_loss(got: list[float], pixels: list[tuple], kl: np.ndarray, sampled: list[float]) -> Any:
    """Whether three losses, for beta 1, 0.3 and 3, are right; if not, what they are.

    sampled: log q(z | x, c) - log p(z) at the latent codes of each call.
    """

    def nll(x: np.ndarray, logits: np.ndarray) -> np.ndarray:
        return np.logaddexp(0, logits) - x * logits  # (B, D)

    fits = [nll(*one).sum(axis=1).mean() for one in pixels]
    mean = [nll(*one).mean() for one in pixels]
    twice = [nll(x, 1 / (1 + np.exp(-logits))).sum(1).mean() for x, logits in pixels]
    square = [((x - 1 / (1 + np.exp(-logits))) ** 2).sum(1).mean() for x, logits in pixels]
    total, part, betas, n = kl.sum(axis=1).mean(), kl.mean(), (1.0, 0.3, 3.0), len(kl)
    tables: dict[Any, list[float]] = {
        True: [f + b * total for f, b in zip(fits, betas, strict=True)],
        "pixels averaged": [f + b * total for f, b in zip(mean, betas, strict=True)],
        "latents averaged": [f + b * part for f, b in zip(fits, betas, strict=True)],
        "both averaged": [f + b * part for f, b in zip(mean, betas, strict=True)],
        "beta on both": [b * (f + total) for f, b in zip(fits, betas, strict=True)],
        "beta on the NLL": [b * f + total for f, b in zip(fits, betas, strict=True)],
        "no beta": [f + total for f in fits],
        "no KL term": fits,
        "KL term subtracted": [f - b * total for f, b in zip(fits, betas, strict=True)],
        "sign flipped": [-f - b * total for f, b in zip(fits, betas, strict=True)],
        "NLL subtracted": [b * total - f for f, b in zip(fits, betas, strict=True)],
        "summed over images": [n * (f + b * total) for f, b in zip(fits, betas, strict=True)],
        "KL summed over images": [f + b * n * total for f, b in zip(fits, betas, strict=True)],
        "NLL summed over images": [n * f + b * total for f, b in zip(fits, betas, strict=True)],
        "KL by sampling": [f + b * k for f, b, k in zip(fits, betas, sampled, strict=True)],
        "sigmoid twice": [f + b * total for f, b in zip(twice, betas, strict=True)],
        "squared errors": [f + b * total for f, b in zip(square, betas, strict=True)],
        "KL doubled": [f + 2 * b * total for f, b in zip(fits, betas, strict=True)],
    }
    for name, table in tables.items():
        if np.allclose(got, table, rtol=1e-3):
            return name
    return "something else"


def _conditional_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for Z, C, D, B, says in (
        (2, 3, 6, 500, "500 images of six pixels, each with one of three labels"),
        (3, 4, 5, 400, "400 images of five pixels, under mixed conditions of four numbers"),
    ):
        c = (
            np.eye(C)[rng.integers(0, C, B)]
            if C == 3
            else rng.dirichlet(np.ones(C), B) + 0.1 * rng.random((B, C))
        )
        encoder = 0.3 * rng.normal(size=(D + C, 2 * Z))
        encoder[:, Z:] -= 0.3  # far from logvar 0, where variance and standard deviation agree
        cases.append(
            Case(
                says,
                (
                    TensorArg(encoder),
                    TensorArg(0.6 * rng.normal(size=(Z + C, D))),
                    TensorArg(rng.random((B, D))),
                    TensorArg(c),
                    int(rng.integers(1, 2**31)),
                ),
                _conditional,
                want={fact: True for fact in CONDITIONAL.values()},
            )
        )
    return cases


def _encoded(model: Any, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    return model.encoder(_torch().cat([x, c], 1)).chunk(2, 1)


def _decoded(model: Any, z: Tensor, c: Tensor) -> Tensor:
    return model.decoder(_torch().cat([z, c], 1))


def _losing(
    noise: Answer = lambda mu, logvar: mu + (0.5 * logvar).exp() * _torch().randn_like(mu),
    encode: Answer = _encoded,
    decode: Answer = _decoded,
    nll: Answer | None = None,
    kl: Answer = lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1),
    add: Answer = lambda nll, kl, beta: (nll + beta * kl).mean(),
) -> Answer:
    """A `cvae_loss` of which one part is changed."""

    def bernoulli(logits: Tensor, x: Tensor) -> Tensor:
        F = _torch().nn.functional
        return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)

    def cvae_loss(model: Any, x: Tensor, c: Tensor, beta: float) -> Tensor:
        mu, logvar = encode(model, x, c)
        logits = decode(model, noise(mu, logvar), c)
        return add((nll or bernoulli)(logits, x), kl(mu, logvar), beta)

    return cvae_loss


def _taking_turns(model: Any, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    both = model.encoder(_torch().cat([x, c], 1))
    return both[:, ::2], both[:, 1::2]


def _pixels_averaged(logits: Tensor, x: Tensor) -> Tensor:
    return _torch().nn.functional.binary_cross_entropy_with_logits(logits, x)


def _seeded(mu: Tensor, logvar: Tensor) -> Tensor:
    _torch().manual_seed(0)
    return mu + (0.5 * logvar).exp() * _torch().randn_like(mu)


def _written_out(model: Any, x: Tensor, c: Tensor, beta: float) -> Tensor:
    """With probabilities and logarithms in place of logits."""
    torch = _torch()
    both = model.encoder(torch.hstack((x, c)))
    mu, logvar = both[:, : model.Z], both[:, model.Z :]
    z = mu + logvar.exp().sqrt() * torch.randn(mu.shape)
    p = model.decoder(torch.hstack((z, c))).sigmoid()
    elbo = (x * p.log() + (1 - x) * (1 - p).log()).sum(-1) + 0.5 * beta * (
        1 + logvar - mu.square() - logvar.exp()
    ).sum(-1)
    return -elbo.mean()


def _by_distributions(model: Any, x: Tensor, c: Tensor, beta: float) -> Tensor:
    from torch.distributions import Bernoulli, Normal, kl_divergence

    mu, logvar = _encoded(model, x, c)
    q = Normal(mu, (0.5 * logvar).exp())
    likelihood = Bernoulli(logits=_decoded(model, q.rsample(), c), validate_args=False)
    kl = kl_divergence(q, Normal(_torch().zeros_like(mu), _torch().ones_like(mu)))
    return -(likelihood.log_prob(x).sum(1) - beta * kl.sum(1)).mean()


def _summed_then_divided(model: Any, x: Tensor, c: Tensor, beta: float) -> Tensor:
    torch = _torch()
    mu, logvar = torch.split(model.encoder(torch.concat((x, c), -1)), model.Z, -1)
    z = mu + torch.exp(logvar / 2) * torch.empty_like(mu).normal_()
    rows = z.new_empty(len(x), z.shape[1] + c.shape[1])
    rows[:, : model.Z], rows[:, model.Z :] = z, c
    bce = torch.nn.BCEWithLogitsLoss(reduction="sum")(model.decoder(rows), x)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + beta * kl) / len(x)


def _kl_by_sampling(model: Any, x: Tensor, c: Tensor, beta: float) -> Tensor:
    from torch.distributions import Bernoulli, Normal

    mu, logvar = _encoded(model, x, c)
    q, p = Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)
    z = q.rsample()
    nll = -Bernoulli(logits=_decoded(model, z, c), validate_args=False).log_prob(x).sum(1)
    return (nll + beta * (q.log_prob(z) - p.log_prob(z)).sum(1)).mean()


LOSS = Exercise(
    "7.1",
    "cvae_loss",
    _conditional_cases,
    lambda *args: None,
    {
        "pixels-averaged": Mutant(
            "the NLL is averaged over the pixels, so the KL term weighs D times too much: sum the"
            " pixels of each image",
            _losing(nll=_pixels_averaged),
        ),
        "latents-averaged": Mutant(
            "the KL term is averaged over the latent dimensions: sum them",
            _losing(kl=lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1)),
        ),
        "beta-on-both": Mutant(
            "`beta` multiplies the NLL too: it weighs the KL term only",
            _losing(add=lambda nll, kl, beta: (beta * (nll + kl)).mean()),
        ),
        "beta-on-nll": Mutant(
            "`beta` multiplies the NLL: it weighs the KL term",
            _losing(add=lambda nll, kl, beta: (beta * nll + kl).mean()),
        ),
        "beta-ignored": Mutant(
            "the loss is the same for every `beta`: multiply the KL term by it",
            _losing(add=lambda nll, kl, beta: (nll + kl).mean()),
        ),
        "kl-forgotten": Mutant(
            "there is no KL term in the loss, so nothing ties the latent codes to the prior",
            _losing(add=lambda nll, kl, beta: nll.mean()),
        ),
        "kl-subtracted": Mutant(
            "the KL term is subtracted: the bound is reconstruction minus KL, and the loss is its"
            " negative",
            _losing(add=lambda nll, kl, beta: (nll - beta * kl).mean()),
        ),
        "bound-returned": Mutant(
            "the sign is flipped: the bound is maximized, so the loss is its negative",
            _losing(add=lambda nll, kl, beta: -(nll + beta * kl).mean()),
        ),
        "summed-over-batch": Mutant(
            "the loss is summed over the images: average them, or the learning rate depends on"
            " the batch size",
            _losing(add=lambda nll, kl, beta: (nll + beta * kl).sum()),
        ),
        "one-loss-per-image": Mutant(
            "one loss per image came back: average them",
            _losing(add=lambda nll, kl, beta: nll + beta * kl),
        ),
        "mean-decoded": Mutant(
            "the decoder gets mu, without noise: it has to learn from samples, since samples are"
            " all it will get when you draw",
            _losing(noise=lambda mu, logvar: mu),
        ),
        "variance-for-std": Mutant(
            "the noise is multiplied by exp(logvar), the variance: the standard deviation is its"
            " square root",
            _losing(noise=lambda mu, logvar: mu + logvar.exp() * _torch().randn_like(mu)),
        ),
        "one-noise-for-all": Mutant(
            "one draw of noise serves all images: draw noise of the shape of mu",
            _losing(
                noise=lambda mu, logvar: mu + (0.5 * logvar).exp() * _torch().randn(1, mu.shape[1])
            ),
        ),
        "uniform-noise": Mutant(
            "the noise is uniform from 0 to 1, as `rand_like` draws it: q is Gaussian, and"
            " `randn_like` draws its noise",
            _losing(noise=lambda mu, logvar: mu + (0.5 * logvar).exp() * _torch().rand_like(mu)),
        ),
        "logvar-for-std": Mutant(
            "the noise is multiplied by logvar itself: the standard deviation is exp(logvar / 2)",
            _losing(noise=lambda mu, logvar: mu + logvar * _torch().randn_like(mu)),
        ),
        "prior-decoded": Mutant(
            "the decoder gets samples of the prior, which know nothing about the image: in"
            " training, sample from q",
            _losing(noise=lambda mu, logvar: _torch().randn_like(mu)),
        ),
        "kl-summed-over-batch": Mutant(
            "the KL term is summed over the images, while the NLL is averaged: average both",
            _losing(add=lambda nll, kl, beta: nll.mean() + beta * kl.sum()),
        ),
        "nll-summed-over-batch": Mutant(
            "the NLL is summed over the images, while the KL term is averaged: average both",
            _losing(add=lambda nll, kl, beta: nll.sum() + beta * kl.mean()),
        ),
        "kl-by-sampling": Mutant(
            "the KL term is estimated from the sample of z, which is right on average but noisy:"
            " take its closed form, `kl_normal`",
            _kl_by_sampling,
        ),
        "encoder-without-condition": Mutant(
            "the encoder gets the image alone: its first layer takes D + C numbers per row, so the"
            " condition goes beside the image",
            _losing(encode=lambda model, x, c: model.encoder(x).chunk(2, 1)),
        ),
        "decoder-without-condition": Mutant(
            "the decoder gets the latent code alone: its first layer takes Z + C numbers per row,"
            " so the condition goes beside the code",
            _losing(decode=lambda model, z, c: model.decoder(z)),
        ),
        "two-tensors-for-one": Mutant(
            "a network gets two tensors: it takes one, so join them first, side by side",
            _losing(encode=lambda model, x, c: model.encoder(x, c).chunk(2, 1)),
        ),
        "joined-along-the-batch": Mutant(
            probes.ONE_BELOW_THE_OTHER,
            _losing(encode=lambda model, x, c: model.encoder(_torch().cat([x, c])).chunk(2, 1)),
        ),
        "condition-first-in-encoder": Mutant(
            "the encoder gets the condition before the image: the condition comes last",
            _losing(encode=lambda model, x, c: _encoded(model, c, x)),
        ),
        "condition-first-in-decoder": Mutant(
            "the decoder gets the condition before the latent code: the condition comes last",
            _losing(decode=lambda model, z, c: _decoded(model, c, z)),
        ),
        "halves-exchanged": Mutant(
            "the two halves of the encoder's output are exchanged: mu comes first, then logvar",
            _losing(encode=lambda model, x, c: _encoded(model, x, c)[::-1]),
        ),
        "every-other-number": Mutant(
            "mu and logvar take turns in the encoder's output, number by number: mu is its first"
            " half, and logvar its second",
            _losing(encode=_taking_turns),
        ),
        "cut-along-the-batch": Mutant(
            "the encoder's output is cut along the batch, so half of the images give mu and the"
            " others logvar: cut each row, along `dim=1`",
            _losing(encode=lambda model, x, c: model.encoder(_torch().cat([x, c], 1)).chunk(2, 0)),
        ),
        "decoder-not-conditioned": Mutant(
            "the decoder gets zeros in place of the condition: both networks get c",
            _losing(decode=lambda model, z, c: _decoded(model, z, 0 * c)),
        ),
        "encoder-not-conditioned": Mutant(
            "the encoder gets zeros in place of the condition: both networks get c",
            _losing(encode=lambda model, x, c: _encoded(model, x, 0 * c)),
        ),
        "condition-of-another": Mutant(
            "the decoder gets the conditions in another order than the images: rows belong"
            " together",
            _losing(decode=lambda model, z, c: _decoded(model, z, c.roll(1, 0))),
        ),
        "latents-detached": Mutant(
            "the latent codes are cut off from the encoder, so it learns nothing from the"
            " reconstruction: leave out `detach` and `no_grad`",
            _losing(
                noise=lambda mu, logvar: (
                    mu + (0.5 * logvar).exp() * _torch().randn_like(mu)
                ).detach()
            ),
        ),
        "sigmoid-twice": Mutant(
            "the sigmoid is applied twice: `binary_cross_entropy_with_logits` takes the logits as"
            " they are",
            _losing(
                nll=lambda logits, x: (
                    _torch()
                    .nn.functional.binary_cross_entropy_with_logits(
                        logits.sigmoid(), x, reduction="none"
                    )
                    .sum(1)
                )
            ),
        ),
        "squared-error": Mutant(
            "squared errors are summed: the decoder outputs Bernoulli logits, whose NLL is the"
            " binary cross-entropy",
            _losing(nll=lambda logits, x: ((x - logits.sigmoid()) ** 2).sum(1)),
        ),
        "seed-fixed-inside": Mutant(
            "a seed is set inside, so every call draws the same noise: leave it to the caller",
            _losing(noise=_seeded),
        ),
    },
    {
        "probabilities and logarithms": _written_out,
        "torch.distributions": _by_distributions,
        "summed, then divided": _summed_then_divided,
    },
)

# ---- 7.2 sample_given ----------------------------------------------------------------------------

DRAWN = {
    "shape": "the result has one row of D numbers per image, (n, D)",
    "rows": "the decoder gets one latent code and one condition per image, n of each",
    "condition": "every image is decoded under the condition that was requested",
    "own": "every image has a latent code of its own",
    "prior": "the latent codes come from N(0, I): mean 0, standard deviation 1 in every dimension",
    "normal": "the latent codes are normally distributed",
    "free": "the dimensions of a latent code are independent of each other",
    "grays": "the result holds grays between 0 and 1",
    "decoded": "the grays are σ(logits) of the decoder, untouched",
    "seed": "the same torch seed gives the same images, so randomness comes from torch",
    "fresh": "a second call gives other images: set no seed inside",
    "graph": (
        "the images carry no computation graph: draw under `torch.no_grad()`, or the next cell"
        " cannot turn them into NumPy arrays"
    ),
}


def _drawn(
    ask: Ask, from_both: TensorArg, bias: TensorArg, c: TensorArg, n: int, seed: int
) -> dict[str, Any]:
    """What `sample_given` asked a small decoder, and what it handed back."""
    found = [ask.probe("lesson07.drawn_to_order", from_both, bias, c, n, seed) for _ in range(2)]
    first, again = (numbers_in(one["images"]) for one in found)
    second = numbers_in(found[0]["images of a second call"])
    return _until_first(
        _about_drawing(found[0], first, again, second, from_both.values, bias.values, c.values, n)
    )


def _about_drawing(
    found: dict,
    got: np.ndarray,
    again: np.ndarray,
    second: np.ndarray,
    from_both: np.ndarray,
    bias: np.ndarray,
    c: np.ndarray,
    n: int,
) -> Any:
    latents, conditions = numbers_in(found["latents"]), numbers_in(found["conditions"])
    logits = (
        np.concatenate([latents, conditions], axis=1) @ from_both + bias
        if len(latents)
        else latents
    )
    yield DRAWN["shape"], True if got.shape == (n, len(bias)) else f"shape {got.shape}"
    yield (
        DRAWN["rows"],
        True if latents.shape == (n, len(from_both) - len(c)) else f"latents {latents.shape}",
    )
    yield DRAWN["condition"], _which_condition(latents, conditions, c)
    yield (
        DRAWN["own"],
        True if len(np.unique(latents[:, 0].round(6))) > 0.9 * n else _how_many(latents),
    )
    yield DRAWN["prior"], _which_spread(latents)
    yield DRAWN["normal"], _which_form(latents)
    yield (
        DRAWN["free"],
        bool(abs(np.corrcoef(latents, rowvar=False) - np.eye(latents.shape[1])).max() < 0.2),
    )
    grays = 1 / (1 + np.exp(-logits))
    yield DRAWN["grays"], True if 0 <= got.min() and got.max() <= 1 else _which_grays(got, logits)
    yield (
        DRAWN["decoded"],
        True if np.allclose(got, grays, atol=1e-4) else _which_grays(got, logits),
    )
    yield DRAWN["seed"], bool(np.allclose(got, again))
    yield DRAWN["fresh"], not np.allclose(got, second)
    yield DRAWN["graph"], not found["in a graph"]


def _which_condition(latents: np.ndarray, rows: np.ndarray, c: np.ndarray) -> Any:
    if np.allclose(rows, c, atol=1e-5):
        return True
    if np.allclose(np.concatenate([latents, rows], axis=1)[:, : len(c)], c, atol=1e-5):
        return "before the latent code"
    if rows.std(0).max() > 0.01 and np.allclose(rows.mean(0), c, atol=0.05):
        return "with noise"
    known = {
        "all zeros": np.zeros_like(c),
        "all equal": np.full_like(c, 1 / len(c)),
        "all ones": np.ones_like(c),
        "the next one": np.roll(c, 1),
        "softened": np.exp(c) / np.exp(c).sum(),
        "doubled": 2 * c,
    }
    return next(
        (name for name, row in known.items() if np.allclose(rows, row, atol=1e-4)), "something else"
    )


def _how_many(latents: np.ndarray) -> str:
    if np.allclose(latents, 0):
        return "all zeros"
    if np.allclose(latents, latents[:1]):
        return "one latent for all"
    return (
        "some latents twice"
        if len(np.unique(latents.round(6), axis=0)) > len(latents) / 3
        else "a few latents only"
    )


def _which_spread(latents: np.ndarray) -> Any:
    mean, spread = latents.mean(0), latents.std(0)
    if (abs(mean) < 0.2).all() and (abs(spread - 1) < 0.17).all():
        return True
    if (abs(mean) < 0.2).all():
        if _which_form(latents) is True:
            return (
                "narrow" if spread.max() < 1 else "wide" if spread.min() > 1 else "another spread"
            )
        if abs(latents).max() <= 1:
            return "from -1 to 1" if (abs(spread - 0.577) < 0.06).all() else "cut off at 1"
        return "cut off" if spread.max() < 1 else "another spread"
    if mean.min() > 50:
        return "from the encoder"
    return "from 0 to 1" if latents.min() >= 0 and latents.max() <= 1 else "moved"


def _which_form(latents: np.ndarray) -> Any:
    """By the mean size over the spread: 0.80 for a normal distribution, 0.87 for a flat one, 0.71
    for Laplace's.
    """
    latents = latents - latents.mean(0)
    ratio = float((abs(latents).mean(0) / np.sqrt((latents**2).mean(0))).mean())
    return True if abs(ratio - 0.798) < 0.035 else "flat" if ratio > 0.798 else "heavy tails"


def _which_grays(got: np.ndarray, logits: np.ndarray) -> str:
    sigmoid = 1 / (1 + np.exp(-logits))
    tables = {
        "logits": logits,
        "tanh": np.tanh(logits),
        "exp": np.exp(logits),
        "clamped": np.clip(logits, 0, 1),
        "sigmoid twice": 1 / (1 + np.exp(-sigmoid)),
        "turned": 1 - sigmoid,
        "rounded": (sigmoid > 0.5).astype(float),
        "softmax": np.exp(logits) / np.exp(logits).sum(1, keepdims=True),
        "relu": np.maximum(logits, 0),
        "log": np.log(sigmoid),
        "over the range": (logits - logits.min()) / np.ptp(logits),
        "over each range": (logits - logits.min(1, keepdims=True))
        / np.ptp(logits, axis=1, keepdims=True),
        "over the maximum": sigmoid / sigmoid.max(),
        "in 255ths": 255 * sigmoid,
        "halved tanh": (np.tanh(logits) + 1) / 2,
    }
    for name, table in tables.items():
        if np.allclose(got, table, rtol=1e-3, atol=1e-4):
            return name
    if np.isin(got, (0, 1)).all():
        return "tossed"
    return "averaged" if np.ptp(got, axis=0).max() < 1e-5 else "something else"


def _order_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for Z, C, D, n, says in (
        (3, 10, 9, 4000, "4,000 images of nine pixels, one of ten digits"),
        (2, 4, 4, 3000, "3,000 images of four pixels, under a mixed condition of four numbers"),
    ):
        c = np.eye(C)[int(rng.integers(C))] if C == 10 else rng.dirichlet(np.ones(C)) + 0.05
        size = 1.0 if C == 10 else 0.4  # of the logits: no image of the second case is all black
        cases.append(
            Case(
                says,
                (
                    TensorArg(size * rng.normal(size=(Z + C, D))),
                    TensorArg(size * rng.normal(size=D)),
                    TensorArg(c),
                    n,
                    int(rng.integers(1, 2**31)),
                ),
                _drawn,
                want={fact: True for fact in DRAWN.values()},
            )
        )
    return cases


def _drawing(
    latents: Answer | None = None,
    condition: Answer = lambda c, n: c.expand(n, -1),
    grays: Answer = lambda logits: logits.sigmoid(),
    decode: Answer = _decoded,
    seed: bool = False,
) -> Answer:
    """A `sample_given` of which one part is changed."""

    def sample_given(model: Any, c: Tensor, n: int) -> Tensor:
        import torch

        if seed:
            torch.manual_seed(0)
        z = torch.randn(n, model.Z) if latents is None else latents(n, model.Z)
        with torch.no_grad():
            return grays(decode(model, z, condition(c, n)))

    return sample_given


def _torch() -> Any:
    import torch

    return torch


def _encoding(model: Any, c: Tensor, n: int) -> Tensor:
    mu, _ = _encoded(model, _torch().rand(n, 9), c.expand(n, -1))
    return _drawing(lambda n, Z: mu)(model, c, n)


def _one_by_one(model: Any, c: Tensor, n: int) -> Tensor:
    torch = _torch()
    drawn = [torch.sigmoid(_decoded(model, torch.randn(1, model.Z), c[None])) for _ in range(n)]
    return torch.cat(drawn).detach()


def _by_distribution(model: Any, c: Tensor, n: int) -> Tensor:
    torch = _torch()
    z = torch.distributions.Normal(0.0, 1.0).sample((n, model.Z))
    with torch.no_grad():
        return 1 / (1 + torch.exp(-model.decoder(torch.hstack((z, c.repeat(n, 1))))))


def _in_double(model: Any, c: Tensor, n: int) -> Tensor:
    torch = _torch()
    z = torch.empty(n, model.Z).normal_()
    rows = torch.column_stack((z, torch.stack([c] * n)))
    return model.decoder(rows).detach().double().sigmoid()


def _as_squares(logits: Tensor) -> Tensor:
    side = math.isqrt(logits.shape[1])
    return logits.sigmoid().view(-1, side, side)


def _with_graph(model: Any, c: Tensor, n: int) -> Tensor:
    z = _torch().randn(n, model.Z)
    return _decoded(model, z, c.expand(n, -1)).sigmoid()


def _numpy_latents(n: int, Z: int) -> Tensor:
    return _torch().as_tensor(np.random.default_rng().normal(size=(n, Z))).float()


SAMPLE = Exercise(
    "7.2",
    "sample_given",
    _order_cases,
    lambda *args: None,
    {
        "encoder-for-prior": Mutant(
            "the encoder was used, and it needs an image: there is none yet, so draw the latent"
            " codes from the prior",
            _encoding,
        ),
        "condition-left-out": Mutant(
            "the decoder gets the latent codes alone: its first layer takes Z + C numbers per row,"
            " so the condition goes beside the code",
            _drawing(decode=lambda model, z, c: model.decoder(z)),
        ),
        "two-tensors-for-one": Mutant(
            "the decoder gets two tensors: it takes one, so join them first, side by side",
            _drawing(decode=lambda model, z, c: model.decoder(z, c)),
        ),
        "joined-along-the-batch": Mutant(
            probes.ONE_BELOW_THE_OTHER,
            _drawing(decode=lambda model, z, c: model.decoder(_torch().cat([z, c]))),
        ),
        "condition-first": Mutant(
            "the decoder gets the condition before the latent code: in training, the condition came"
            " last",
            _drawing(decode=lambda model, z, c: _decoded(model, c, z)),
        ),
        "condition-zeroed": Mutant(
            "c was dropped, and the decoder got zeros in its place: pass it the requested c",
            _drawing(condition=lambda c, n: 0 * c.expand(n, -1)),
        ),
        "condition-uniform": Mutant(
            "the decoder got all conditions in equal parts: pass it the c that was requested",
            _drawing(condition=lambda c, n: 0 * c.expand(n, -1) + 1 / len(c)),
        ),
        "condition-all-ones": Mutant(
            "the decoder got a condition of ones only: pass it the c that was requested",
            _drawing(condition=lambda c, n: 0 * c.expand(n, -1) + 1),
        ),
        "condition-off-by-one": Mutant(
            "the decoder got the next condition: is there an index off by one?",
            _drawing(condition=lambda c, n: c.roll(1).expand(n, -1)),
        ),
        "condition-softmaxed": Mutant(
            "the condition went through a softmax: pass it on as it is",
            _drawing(condition=lambda c, n: c.softmax(0).expand(n, -1)),
        ),
        "condition-doubled": Mutant(
            "the condition was doubled: pass it on as it is",
            _drawing(condition=lambda c, n: 2 * c.expand(n, -1)),
        ),
        "one-latent-for-all": Mutant(
            "one latent code was drawn for all images, which makes them identical: draw n codes",
            _drawing(lambda n, Z: _torch().randn(1, Z).expand(n, -1)),
        ),
        "latents-all-zero": Mutant(
            "all latent codes are zero, which makes the images identical: draw them from N(0, I)",
            _drawing(lambda n, Z: _torch().zeros(n, Z)),
        ),
        "latents-repeated-twice": Mutant(
            "each latent code was used twice: every image needs its own",
            _drawing(lambda n, Z: _torch().randn(n // 2, Z).repeat(2, 1)),
        ),
        "uniform-0-1-latents": Mutant(
            "the latent codes lie between 0 and 1, as `rand` draws them: the prior is N(0, I), and"
            " `randn` draws it",
            _drawing(lambda n, Z: _torch().rand(n, Z)),
        ),
        "uniform-symmetric-latents": Mutant(
            "the latent codes are uniform from −1 to 1: the prior is N(0, I)",
            _drawing(lambda n, Z: 2 * _torch().rand(n, Z) - 1),
        ),
        "latent-std-halved": Mutant(
            "the latent codes have a smaller standard deviation than the prior: leave out the"
            " temperature",
            _drawing(lambda n, Z: 0.5 * _torch().randn(n, Z)),
        ),
        "latent-std-doubled": Mutant(
            "the latent codes have a larger standard deviation than the prior: use `randn` alone",
            _drawing(lambda n, Z: 2 * _torch().randn(n, Z)),
        ),
        "uniform-latents-unit-variance": Mutant(
            "the latent codes have mean 0 and standard deviation 1, but are uniform: the prior is"
            " normal, and `randn` draws it",
            _drawing(lambda n, Z: (_torch().rand(n, Z) - 0.5) * 12**0.5),
        ),
        "laplace-latents": Mutant(
            "the latent codes have mean 0 and standard deviation 1, but heavy tails: the prior is"
            " normal, and `randn` draws it",
            _drawing(lambda n, Z: _torch().distributions.Laplace(0.0, 0.5**0.5).sample((n, Z))),
        ),
        "sign-only-latents": Mutant(
            "there are only a few different latent codes: every image needs its own, of real"
            " numbers",
            _drawing(lambda n, Z: _torch().randn(n, Z).sign()),
        ),
        "truncated-normal-latents": Mutant(
            "the latent codes were cut off a little beyond 1: the prior reaches further, so use"
            " `randn` as it is",
            _drawing(
                lambda n, Z: _torch().nn.init.trunc_normal_(_torch().empty(n, Z), a=-1.3, b=1.3)
            ),
        ),
        "one-draw-per-latent": Mutant(
            "all dimensions of a latent code are the same draw: draw Z independent numbers",
            _drawing(lambda n, Z: _torch().randn(n, 1).expand(n, Z)),
        ),
        "logits-returned": Mutant(
            "the decoder's logits came back: take their sigmoid",
            _drawing(grays=lambda logits: logits),
        ),
        "tanh-for-sigmoid": Mutant(
            "tanh was taken, which gives −1 to 1: take the sigmoid of the logits",
            _drawing(grays=lambda logits: logits.tanh()),
        ),
        "logits-clamped": Mutant(
            "the logits were clamped to 0 and 1: take their sigmoid",
            _drawing(grays=lambda logits: logits.clamp(0, 1)),
        ),
        "exp-for-sigmoid": Mutant(
            "the exponential of the logits was taken: take their sigmoid",
            _drawing(grays=lambda logits: logits.exp()),
        ),
        "sigmoid-twice": Mutant(
            "the sigmoid was applied twice, which leaves grays between 0.5 and 0.73: apply it once",
            _drawing(grays=lambda logits: logits.sigmoid().sigmoid()),
        ),
        "sign-flipped-logits": Mutant(
            "the images are inverted: σ(logit) is the ink, not 1 − σ(logit)",
            _drawing(grays=lambda logits: (-logits).sigmoid()),
        ),
        "softmax-over-pixels": Mutant(
            "a softmax was taken over the pixels: take the sigmoid of each logit",
            _drawing(grays=lambda logits: logits.softmax(1)),
        ),
        "probs-rounded": Mutant(
            "the grays were rounded to black and white: return them as they are",
            _drawing(grays=lambda logits: logits.sigmoid().round()),
        ),
        "bernoulli-sampled": Mutant(
            "every pixel was drawn as 0 or 1: return the Bernoulli probabilities themselves",
            _drawing(grays=lambda logits: logits.sigmoid().bernoulli()),
        ),
        "relu-for-sigmoid": Mutant(
            "negative logits were cut off at 0: take the sigmoid instead",
            _drawing(grays=lambda logits: logits.relu()),
        ),
        "batch-mean-repeated": Mutant(
            "the images were averaged: return all n",
            _drawing(grays=lambda logits: logits.sigmoid().mean(0).expand(len(logits), -1)),
        ),
        "batch-mean-returned": Mutant(
            "one image came back, the average of all: return all n",
            _drawing(grays=lambda logits: logits.sigmoid().mean(0)),
        ),
        "one-sample-for-n": Mutant(
            "one image came back instead of n", lambda model, c, n: _drawing()(model, c, 1)
        ),
        "condition-with-noise": Mutant(
            "noise was added to the condition: pass it on as it is, the noise belongs in z",
            _drawing(
                condition=lambda c, n: c.expand(n, -1) + 0.1 * _torch().randn(n, len(c)),
            ),
        ),
        "scaled-to-range": Mutant(
            "the logits were scaled to 0 and 1 by their smallest and largest: take their sigmoid",
            _drawing(grays=lambda logits: (logits - logits.min()) / np.ptp(logits.numpy())),
        ),
        "scaled-to-range-per-image": Mutant(
            "each image's logits were scaled to 0 and 1 by their smallest and largest: take their"
            " sigmoid",
            _drawing(
                grays=lambda logits: (
                    (logits - logits.amin(1, keepdim=True))
                    / (logits.amax(1, keepdim=True) - logits.amin(1, keepdim=True))
                )
            ),
        ),
        "divided-by-maximum": Mutant(
            "the grays were divided by the largest: return the sigmoid as it is",
            _drawing(grays=lambda logits: logits.sigmoid() / logits.sigmoid().max()),
        ),
        "in-255ths": Mutant(
            "the grays run from 0 to 255: return the sigmoid itself, 0 to 1",
            _drawing(grays=lambda logits: 255 * logits.sigmoid()),
        ),
        "tanh-scaled": Mutant(
            "(tanh + 1)/2 of the logits was taken, which is the sigmoid of twice the logits: take"
            " the sigmoid of the logits",
            _drawing(grays=lambda logits: (logits.tanh() + 1) / 2),
        ),
        "square-images": Mutant(
            "each image came back as a square: return rows of D numbers, as the decoder gives them",
            _drawing(grays=_as_squares),
        ),
        "still-in-graph": Mutant(does_not_hold(DRAWN["graph"]), _with_graph),
        "seed-fixed-inside": Mutant(
            "a seed is set inside, so every call gives the same images: leave it to the caller",
            _drawing(seed=True),
        ),
        "numpy-generator": Mutant(
            "torch's seed does not reach the latent codes: they come from another generator, so"
            " draw them with `torch.randn`",
            _drawing(_numpy_latents),
        ),
    },
    {
        "one by one": _one_by_one,
        "torch.distributions, the sigmoid written out": _by_distribution,
        "stacked conditions, float64 at the end": _in_double,
    },
)

# ---- 7.3 layout_report ---------------------------------------------------------------------------

BESIDE = ((-1, 0), (1, 0), (0, -1), (0, 1))
CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
# cells of the smallest room that is large enough
LEAST = {kind: math.ceil(area / fp.CELL**2) for kind, area in fp.MIN_AREA.items()}
ROOMS = {kind: fp.NAMES[kind] for kind in range(fp.LIVING, fp.KINDS)} | {fp.LIVING: "living room"}


def _plan_cases(rng: np.random.Generator) -> list[Case]:
    return [
        *_kind_by_kind_cases(rng),
        *(_sheet_case(says, sheet) for says, sheet in [*_small_sheets(rng), *_whole_plans(rng)]),
    ]


def _sheet_case(says: str, sheet: np.ndarray) -> Case:
    """The five constraints on one sheet, each as a fact in words."""
    due = report_by_walking(sheet)
    facts = {key: f"`{key}` is {due[key]} for {says}" for key in PARTS}

    def read(ask: Ask, plan: TensorArg) -> dict[str, bool]:
        return {facts[key]: holds is due[key] for key, holds in _reported(ask, plan).items()}

    return Case(says, (_int64(sheet),), read, want=dict.fromkeys(facts.values(), True))


def _int64(sheet: np.ndarray) -> TensorArg:
    return TensorArg(np.ascontiguousarray(sheet, dtype=np.int64))


def _kind_by_kind_cases(rng: np.random.Generator) -> list[Case]:
    """One constraint on one sheet for each kind of room, as alike as can be."""
    rooms, turns = [*ROOMS], int(rng.integers(4))
    some = rooms[: int(rng.integers(5, 8))]  # with bedrooms 2 and 3, or without

    def case(key: str, holds: bool, says: str, wrong: str, sheets: dict[int, np.ndarray]) -> Case:
        turned = {kind: _int64(np.rot90(sheet, turns)) for kind, sheet in sheets.items()}
        fact = f"`{key}` is {holds} for {says}"
        return Case(
            f"{says}, kind by kind",
            (turned,),
            lambda ask, turned: _by_kind(ask, turned, key, holds, fact, wrong),
            want={fact: True},
        )

    return [
        case(
            "rooms",
            False,
            "a house without one of the rooms that must be there",
            "is True without {}",
            {k: _strip([r for r in rng.permutation(some) if r != k]) for k in rooms[:5]},
        ),
        case(
            "rooms",
            False,
            "a house with one room in two pieces",
            "does not see {} in two pieces",
            {k: _strip([*rng.permutation(rooms), k]) for k in rooms},
        ),
        case(
            "areas",
            False,
            "a room one cell smaller than its minimum",
            "accepts {} one cell too small",
            {k: _room_of(LEAST[k] - 1, k, rng) for k in rooms},
        ),
        case(
            "areas",
            True,
            "a room with just the cells that its minimum takes",
            "refuses {} of just the cells that the minimum takes",
            {k: _room_of(LEAST[k], k, rng) for k in rooms},
        ),
        case(
            "closed",
            False,
            "a room without walls",
            "does not see {} beside the outside",
            {k: _sheet("...", ".a.", "...", a=k) for k in rooms},
        ),
        case(
            "doors",
            True,
            "a front door",
            "refuses a door between the outside and {}",
            {k: _sheet(".###", ".+a#", ".###", a=k) for k in rooms},
        ),
        case(
            "reachable",
            False,
            "a room with walls all around",
            "does not see that one cannot get into {}",
            {k: _sheet("###", "#a#", "###", a=k) for k in rooms},
        ),
    ]


def _by_kind(
    ask: Ask, sheets: dict[int, TensorArg], key: str, holds: bool, fact: str, wrong: str
) -> dict[str, bool]:
    """Whether the fact holds for every kind. Raises NotData with the kinds where it does for some
    only.
    """
    found = {kind: _reported(ask, sheet)[key] is holds for kind, sheet in sheets.items()}
    missed = [ROOMS[kind] for kind in found if not found[kind]]
    if 0 < len(missed) < len(found):
        others = ", ".join(ROOMS[kind] for kind in found if found[kind])
        raise NotData(
            f"`{key}` {wrong.format(', '.join(missed))}, and is right for {others}: which kinds"
            " does it look at?"
        )
    return {fact: not missed}


def _sheet(*rows: str, **kinds: int) -> np.ndarray:
    """A sheet from its rows: . is outside, # a wall, + a door, a small letter a kind of room."""
    cells = {".": fp.OUTSIDE, "#": fp.WALL, "+": fp.DOOR} | kinds
    return np.array([[cells[cell] for cell in row] for row in rows])


def _strip(kinds: Any) -> np.ndarray:
    """Rooms of two cells in a row, with walls around."""
    sheet = np.full((3, 3 * len(kinds) + 1), fp.WALL)
    for i, kind in enumerate(kinds):
        sheet[1, 3 * i + 1 : 3 * i + 3] = kind
    return sheet


def _room_of(cells: int, kind: int, rng: np.random.Generator) -> np.ndarray:
    """A room of so many cells with walls around, some columns wide, its last row not full."""
    columns = int(rng.integers(4, 9))
    room = np.full(-(-cells // columns) * columns, fp.WALL)
    room[:cells] = kind
    return np.pad(room.reshape(-1, columns), 1, constant_values=fp.WALL)


def _small_sheets(rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """Sheets of a few cells that single out one question each, in rooms of random kinds."""
    a, b, c = (int(k) for k in rng.permutation(range(fp.LIVING, fp.KINDS))[:3])
    ab = {"a": a, "b": b}
    turns = int(rng.integers(4))
    return [
        *_at_doors(a, b, c, turns),
        *_at_rims(rng),
        *_in_rooms(rng),
        (
            "a room whose only door touches it at a corner",
            _sheet("......", ".####.", ".#a##.", ".##+#.", ".##b#.", ".##+#.", "......", **ab),
        ),
        (
            "a wall across the sheet, which one can walk around outside",
            np.rot90(_sheet("...", "###", "..."), turns),
        ),
        (
            "two rooms with a door between them and none to the outside",
            np.rot90(_sheet(".......", ".#####.", ".#a+b#.", ".#####.", ".......", **ab), turns),
        ),
        ("an empty sheet", np.zeros((4, 5), dtype=np.int64)),
    ]


def _at_doors(a: int, b: int, c: int, turns: int) -> list[tuple[str, np.ndarray]]:
    """Doors with this or that on their four sides."""
    corner = _sheet("######", "##a###", "##+b##", "######", a=a, b=b)
    tee = _sheet("#####", "##a##", "#b+c#", "#####", a=a, b=b, c=c)
    return [
        *(
            (f"a door with rooms on two sides that meet at a corner, {says}", np.rot90(corner, k))
            for k, says in enumerate(
                ("up and right", "left and up", "down and left", "right, down")
            )
        ),
        ("a door with rooms to its left and right", _sheet("#####", "#a+b#", "#####", a=a, b=b)),
        ("a door with rooms above and below", _sheet("#####", "#a+b#", "#####", a=a, b=b).T),
        ("a door with rooms on three sides", np.rot90(tee, turns)),
        (
            "a door with rooms on all four sides",
            _sheet("#####", "##a##", "#b+c#", "##a##", "#####", a=a, b=b, c=c),
        ),
        (
            "a door with a room on one side and walls on three",
            np.rot90(_sheet("####", "#a+#", "####", a=a), turns),
        ),
        ("a front door to the left", _sheet(".###", ".+a#", ".###", a=b)),
        ("a front door above", _sheet(".###", ".+a#", ".###", a=b).T),
        ("a door with walls all around", _sheet("###", "#+#", "###")),
        (
            "one door that leads through, one with walls all around",
            np.rot90(_sheet("########", "#a+b##+#", "########", a=a, b=b), turns),
        ),
        (
            "three door cells one behind the other",
            np.rot90(_sheet("#######", "#a+++b#", "#######", a=a, b=b), turns),
        ),
        (
            "a door three cells wide",
            np.rot90(_sheet("#####", "#a+b#", "#a+b#", "#a+b#", "#####", a=a, b=b), turns),
        ),
        (
            "a gate with the outside on both sides",
            np.rot90(_sheet(".....", ".#+#.", "....."), turns),
        ),
    ]


def _at_rims(rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """Where floor and outside meet, and where the sheet ends."""
    kinds = [int(k) for k in rng.integers(fp.LIVING, fp.KINDS, 8)]
    sides = zip(("north", "west", "south", "east"), kinds, strict=False)
    corners, court, above, front = kinds[4:]
    rim = _sheet("aaa", "aaa", "###", a=above)
    return [
        *(
            (f"{ROOMS[k]}, open to the {side}", np.rot90(_sheet("...", "#a#", "###", a=k), turns))
            for turns, (side, k) in enumerate(sides)
        ),
        (
            f"{ROOMS[corners]}, which the outside touches at corners only",
            _sheet(".#.", "#a#", ".#.", a=corners),
        ),
        (
            f"a courtyard beside {ROOMS[court]}",
            np.rot90(_sheet("####", "#.a#", "####", a=court), court),
        ),
        (f"{ROOMS[above]} that reaches the upper edge of the sheet", rim),
        (f"{ROOMS[above]} that reaches the lower edge of the sheet", np.rot90(rim, 2)),
        (
            f"{ROOMS[front]} with its front door in the edge of the sheet",
            np.rot90(_sheet("####", "+aa#", "####", a=front), front),
        ),
    ]


def _in_rooms(rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """What rooms there are, in how many pieces, and of which sizes."""
    must, rooms = list(range(fp.LIVING, fp.BEDROOM + 1)), list(range(fp.LIVING, fp.KINDS))
    a, b, c = (int(k) for k in rng.permutation(rooms)[:3])
    touching = np.pad(_strip(rng.permutation(rooms)), ((0, 1), (0, 0)), constant_values=fp.WALL)
    column = 1 + 3 * int(rng.integers(len(rooms)))
    touching[2, column + 2] = touching[1, column]
    small, large, ring = (
        _room_of(n, k, rng) for n, k in ((LEAST[a] // 3, a), (4 * LEAST[b], b), (LEAST[c], c))
    )
    ring[2:-2, 2:-2] = fp.WALL
    return [
        ("a house with all seven rooms", _strip(rng.permutation(rooms))),
        ("a house with the five rooms that must be there", _strip(rng.permutation(must))),
        ("a house without bedroom 2", _strip(rng.permutation([*must, fp.BEDROOM + 2]))),
        ("a house without bedroom 3", _strip(rng.permutation([*must, fp.BEDROOM + 1]))),
        ("a house without any bedroom", _strip(rng.permutation(must[:-1]))),
        (
            "a house with bedroom 2 and without bedroom 1",
            _strip(rng.permutation([*must[:-1], fp.BEDROOM + 1])),
        ),
        (f"{ROOMS[touching[1, column]]} in two pieces that touch at a corner", touching),
        *(
            (f"{ROOMS[k]} {says} cells smaller than its minimum", _room_of(LEAST[k] - n, k, rng))
            for k, n, says in ((fp.KITCHEN, 2, "two"), (b, 3, "three"), (c, 6, "six"))
        ),
        (f"{ROOMS[a]} of a third of the cells that its minimum takes", small),
        (f"{ROOMS[b]} four times as large as its minimum", large),
        (
            f"{ROOMS[a]} a third as large as its minimum beside {ROOMS[b]} four times",
            _beside(small, large),
        ),
        (f"{ROOMS[c]} with a block of wall in its middle, and so too few cells", ring),
    ]


def _beside(*sheets: np.ndarray) -> np.ndarray:
    """Sheets side by side, the lower ones filled up with wall."""
    rows = max(map(len, sheets))
    filled = [np.pad(s, ((0, rows - len(s)), (0, 0)), constant_values=fp.WALL) for s in sheets]
    return np.concatenate(filled, axis=1)


def _whole_plans(rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """Sheets of 26 by 30 cells, as the lesson has them."""
    brief = fp.Brief(
        24,
        20,
        int(rng.integers(2, 4)),
        *rng.permuted([["north", "south"], ["west", "east"]], axis=1)[:, 0],
    )
    good = fp.make_plans([brief], rng)[0]
    return [
        ("a plan in which all five hold", good),
        ("a plan with a hundred cells changed", _noisy(good, 100, rng)),
    ]


def _reported(ask: Ask, plan: TensorArg) -> dict[str, bool]:
    """The five values, in the order of PARTS."""
    found = ask(plan)
    if type(found) is not dict:
        raise NotData(
            "it returned None: is there a `return`?"
            if found is None
            else "a dict is asked for, with the keys rooms, areas, closed, doors and reachable"
        )
    if missing := [key for key in PARTS if key not in found]:
        raise NotData(
            f"the dict has no key {missing[0]!r}: rooms, areas, closed, doors and reachable are"
            " asked for"
        )
    if more := [key for key in found if key not in PARTS]:
        raise NotData(
            f"the dict has a key {str(more[0])[:20]!r} too many: rooms, areas, closed, doors and"
            " reachable are asked for"
        )
    if odd := [key for key in PARTS if type(found[key]) is not bool]:
        raise NotData(f"every value is one True or False, and {odd[0]!r} has something else")
    return {key: found[key] for key in PARTS}


def _noisy(plan: np.ndarray, cells: int, rng: np.random.Generator) -> np.ndarray:
    plan = plan.copy()
    for row, column in zip(
        rng.integers(1, plan.shape[0] - 1, cells),
        rng.integers(1, plan.shape[1] - 1, cells),
        strict=True,
    ):
        plan[row, column] = rng.integers(0, fp.KINDS)
    return plan


def _regions(cells: set[tuple[int, int]]) -> int:
    """How many pieces a set of cells has, by walking."""
    left, pieces = set(cells), 0
    while left:
        pieces, front = pieces + 1, [left.pop()]
        while front:
            row, column = front.pop()
            for a, b in BESIDE:
                if (row + a, column + b) in left:
                    left.remove((row + a, column + b))
                    front.append((row + a, column + b))
    return pieces


def report_by_walking(plan: Any) -> dict[str, bool]:
    """The five constraints, cell by cell, in plain Python."""
    plan = np.pad(np.asarray(plan), 1)  # beyond the rim lies the outside
    kind = {(r, c): int(plan[r, c]) for r in range(plan.shape[0]) for c in range(plan.shape[1])}
    cells: dict[int, set] = {k: set() for k in range(fp.KINDS)}
    for cell, found in kind.items():
        cells[found].add(cell)

    def around(cell: tuple[int, int]) -> list[int]:
        return [kind.get((cell[0] + a, cell[1] + b), fp.OUTSIDE) for a, b in BESIDE]

    rooms = {k: cells[k] for k in range(fp.LIVING, fp.KINDS) if cells[k]}
    free = {
        cell: [k >= fp.LIVING or k == fp.OUTSIDE for k in around(cell)] for cell in cells[fp.DOOR]
    }
    return {
        "rooms": (
            set(range(fp.LIVING, fp.BEDROOM + 1)) <= set(rooms)
            and all(_regions(room) == 1 for room in rooms.values())
        ),
        # in quarters
        "areas": all(len(room) >= round(4 * fp.MIN_AREA[k]) for k, room in rooms.items()),
        "closed": all(fp.OUTSIDE not in around(cell) for room in rooms.values() for cell in room),
        "doors": all((up and down) or (left and right) for up, down, left, right in free.values()),
        "reachable": _regions({cell for cell, found in kind.items() if found != fp.WALL}) == 1,
    }


def _pieces(mask: np.ndarray, corners: bool) -> int:
    from scipy.ndimage import label

    return label(mask, np.ones((3, 3)) if corners else None)[1]


def _near(mask: np.ndarray, steps: Any = BESIDE) -> np.ndarray:
    """What each cell has at each of its neighbors, (len(steps), H, W); beyond the sheet there is
    nothing.
    """
    padded, (rows, columns) = np.pad(mask, 1), mask.shape
    return np.stack([padded[1 + a : 1 + a + rows, 1 + b : 1 + b + columns] for a, b in steps])


def _has_rooms(
    plan: np.ndarray,
    needed: Any = range(fp.LIVING, fp.BEDROOM + 1),
    once: Any = range(fp.LIVING, fp.KINDS),
    most: int = 1,
    corners: bool = False,
) -> bool:
    return all((plan == k).any() for k in needed) and all(
        _pieces(plan == k, corners) <= most for k in once
    )


def _has_areas(
    plan: np.ndarray,
    unit: float = fp.CELL**2,
    fits: Answer = lambda area, least: area >= least - 1e-9,
    all_kinds: bool = False,
    how: Answer = all,
    kinds: Any = range(fp.LIVING, fp.KINDS),
    least: Any = None,
) -> bool:
    sizes = np.bincount(plan.ravel(), minlength=fp.KINDS)
    return how(
        fits(sizes[k] * unit, least or fp.MIN_AREA[k]) for k in kinds if sizes[k] or all_kinds
    )


def _is_closed(
    plan: np.ndarray, steps: Any = BESIDE, doors_too: bool = False, walls_only: bool = False
) -> bool:
    inside = plan >= (fp.DOOR if doors_too else fp.LIVING)
    barred = _near(plan == fp.OUTSIDE, steps) | (
        _near(plan == fp.DOOR, steps) if walls_only else False
    )
    return not (inside & barred.any(0)).any()


def _doors_lead(
    plan: np.ndarray,
    free: Answer = lambda plan: (plan >= fp.LIVING) | (plan == fp.OUTSIDE),
    how: Answer = np.all,
    pair: Answer = lambda up, down, left, right: (up & down) | (left & right),
) -> bool:
    doors = plan == fp.DOOR
    return bool(how(pair(*_near(free(plan)))[doors])) or not doors.any()


def _has_gate(plan: np.ndarray) -> bool:
    """Whether a door leads from outside to outside only."""
    free, outside = _near((plan >= fp.LIVING) | (plan == fp.OUTSIDE)), _near(plan == fp.OUTSIDE)
    inner = [free[i] & free[i + 1] & ~(outside[i] & outside[i + 1]) for i in (0, 2)]
    return bool((~inner[0] & ~inner[1])[plan == fp.DOOR].any())


def _box_areas(plan: np.ndarray) -> bool:
    """Rooms measured by the box around them."""
    spans = {
        k: [np.ptp(a) + 1 for a in np.nonzero(plan == k)]
        for k in range(fp.LIVING, fp.KINDS)
        if (plan == k).any()
    }
    return all(
        rows * columns * fp.CELL**2 >= fp.MIN_AREA[k] for k, (rows, columns) in spans.items()
    )


def _is_reachable(
    plan: np.ndarray, walk: Answer = lambda plan: plan != fp.WALL, corners: bool = False
) -> bool:
    return _pieces(walk(plan), corners) == 1


PARTS: dict[str, Answer] = {
    "rooms": _has_rooms,
    "areas": _has_areas,
    "closed": _is_closed,
    "doors": _doors_lead,
    "reachable": _is_reachable,
}


def _parts(plan: np.ndarray, change: dict[str, Any]) -> dict[str, bool]:
    def holds(key: str, part: Answer) -> bool:
        other = change.get(key, {})
        return bool(other(plan) if callable(other) else part(plan, **other))

    return {key: holds(key, part) for key, part in PARTS.items()}


def _changed(**change: Any) -> Answer:
    """A report of which the named parts are done differently: part=dict(of keywords), or part=a
    function of the plan.
    """
    return lambda plan: _parts(np.pad(np.asarray(plan), 1), change)


def _in_scipy(plan: Any) -> dict[str, Any]:
    """With SciPy's shifts in place of walking."""
    from scipy.ndimage import binary_dilation, label

    plan = np.pad(np.asarray(plan), 1)
    free, door = (plan >= fp.LIVING) | (plan == fp.OUTSIDE), plan == fp.DOOR
    across, along = (
        np.array([[0, 0, 0], [1, 0, 1], [0, 0, 0]]),
        np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]]),
    )
    from scipy.ndimage import convolve

    leads = (convolve(free.astype(int), across, mode="constant") == 2) | (
        convolve(free.astype(int), along, mode="constant") == 2
    )
    counts = [label(plan == k)[1] for k in range(fp.LIVING, fp.KINDS)]
    sizes = np.bincount(plan.ravel(), minlength=fp.KINDS)
    return {
        "reachable": label(free | door)[1] == 1,
        "doors": leads[door].all(),
        "closed": not (binary_dilation(plan == fp.OUTSIDE) & (plan >= fp.LIVING)).any(),
        "areas": all(sizes[k] == 0 or sizes[k] * fp.CELL**2 >= m for k, m in fp.MIN_AREA.items()),
        "rooms": max(counts) == 1 and min(counts[:5]) == 1,
    }


def _in_skimage(plan: Tensor) -> dict[str, Any]:
    """With torch and scikit-image."""
    torch = _torch()
    from skimage.measure import label

    p = torch.nn.functional.pad(torch.as_tensor(plan), (1, 1, 1, 1))
    free, room = p != fp.WALL, p >= fp.LIVING
    open_ = room | (p == fp.OUTSIDE)
    up, down, left, right = open_.roll(1, 0), open_.roll(-1, 0), open_.roll(1, 1), open_.roll(-1, 1)
    near = (p == 0).roll(1, 0) | (p == 0).roll(-1, 0) | (p == 0).roll(1, 1) | (p == 0).roll(-1, 1)
    pieces = [int(label((p == k).numpy(), connectivity=1).max()) for k in range(3, 10)]
    return {
        "rooms": all(n == 1 for n in pieces[:5]) and all(n <= 1 for n in pieces),
        "areas": all(
            not (p == k).any() or (p == k).sum().item() * 0.25 >= m for k, m in fp.MIN_AREA.items()
        ),
        "closed": not bool((near & room).any()),
        "doors": bool((((up & down) | (left & right)) | (p != fp.DOOR)).all()),
        "reachable": int(label(free.numpy(), connectivity=1).max()) == 1,
    }


ROUND = (*BESIDE, *CORNERS)


def _sizes(plan: np.ndarray) -> dict[int, int]:
    return {k: int((plan == k).sum()) for k in range(fp.LIVING, fp.KINDS) if (plan == k).any()}


PADDING = (
    "the edge of the sheet is wrong: beyond it lies the outside, so pad with one row and column of"
    " `OUTSIDE` on each side before you look at neighbors"
)
MEETING = "`doors` asks for two free sides that meet at a corner: they must be opposite"


def _rolled(plan: Any) -> dict[str, bool]:
    """Neighbors by np.roll, without padding, so that the sheet's rims meet."""
    plan = np.asarray(plan)

    def beside(mask: np.ndarray) -> list[np.ndarray]:
        return [np.roll(mask, step, axis) for axis in (0, 1) for step in (1, -1)]

    near = np.any(beside(plan == fp.OUTSIDE), axis=0)
    above, below, left, right = beside((plan >= fp.LIVING) | (plan == fp.OUTSIDE))
    leads = ((above & below) | (left & right))[plan == fp.DOOR].all()
    return _parts(plan, {}) | {
        "closed": not (near & (plan >= fp.LIVING)).any(),
        "doors": bool(leads),
    }


def _all_doors_double(plan: np.ndarray) -> bool:
    from scipy.ndimage import label

    pieces, n = label(plan == fp.DOOR)
    return bool((np.bincount(pieces.ravel(), minlength=n + 1)[1:] == 2).all())


REPORT = Exercise(
    "7.3",
    "layout_report",
    _plan_cases,
    lambda *args: None,
    {
        "diagonal-connectivity": Mutant(
            "cells that touch at a corner were taken for connected, in `rooms` and in `reachable`:"
            " connect along rows and columns only",
            _changed(rooms={"corners": True}, reachable={"corners": True}),
        ),
        "rooms-diagonal-connectivity": Mutant(
            "`rooms` takes pieces that touch at a corner for one: connect along rows and columns"
            " only",
            _changed(rooms={"corners": True}),
        ),
        "reachable-diagonal-connectivity": Mutant(
            "`reachable` connects cells that touch at a corner: connect along rows and columns"
            " only",
            _changed(reachable={"corners": True}),
        ),
        "closed-diagonals-too": Mutant(
            "`closed` looks at corners too: a room and the outside may touch at a corner",
            _changed(closed={"steps": ROUND}),
        ),
        "closed-diagonals-only": Mutant(
            "`closed` looks at corners only: it breaks where a room cell is beside an outside cell",
            _changed(closed={"steps": CORNERS}),
        ),
        "closed-rejects-front-door": Mutant(
            "`closed` objects to doors beside the outside: a front door may be there",
            _changed(closed={"doors_too": True}),
        ),
        "closed-rejects-room-doors": Mutant(
            "`closed` objects to doors beside a room: rooms may have doors",
            _changed(closed={"walls_only": True}),
        ),
        "closed-above-only": Mutant(
            "`closed` looks above only: look at all four neighbors",
            _changed(closed={"steps": ((-1, 0),)}),
        ),
        "closed-horizontal-only": Mutant(
            "`closed` looks left and right only: look above and below too",
            _changed(closed={"steps": ((0, -1), (0, 1))}),
        ),
        "areas-in-cells": Mutant(
            "`areas` counts cells, not square meters: a cell has 0.5 times 0.5",
            _changed(areas={"unit": 1.0}),
        ),
        "areas-cell-side-for-area": Mutant(
            "`areas` takes 0.5 square meters per cell: a cell is 0.5 meters long and wide, so 0.25",
            _changed(areas={"unit": fp.CELL}),
        ),
        "areas-absent-rooms-required": Mutant(
            "`areas` is False for plans in which some kinds of room are not there: only the rooms"
            " of the plan count",
            _changed(areas={"all_kinds": True}),
        ),
        "areas-any-for-all": Mutant(
            "`areas` is True when one room is large enough: every room must be",
            _changed(areas={"how": any}),
        ),
        "areas-comparison-flipped": Mutant(
            "`areas` has the comparison reversed: a room must be at least as large as its minimum",
            _changed(areas={"fits": lambda area, least: area <= least}),
        ),
        "areas-extra-bedrooms-skipped": Mutant(
            "`areas` leaves out second and third bedrooms: every room that is there counts",
            _changed(areas={"kinds": range(fp.LIVING, fp.BEDROOM + 1)}),
        ),
        "areas-one-minimum": Mutant(
            "`areas` takes one minimum for all rooms: each kind has its own in `MIN_AREA`",
            _changed(areas={"least": 8.0}),
        ),
        "areas-bounding-box": Mutant(
            "`areas` measures the box around a room: count the room's own cells",
            _changed(areas=_box_areas),
        ),
        "areas-total-only": Mutant(
            "`areas` compares the whole house with the sum of the minima: every room must be large"
            " enough",
            _changed(
                areas=lambda plan: (
                    sum(_sizes(plan).values()) * fp.CELL**2
                    >= sum(fp.MIN_AREA[k] for k in _sizes(plan))
                )
            ),
        ),
        "doors-any-side": Mutant(
            "`doors` accepts one free side: a door leads through, so two opposite sides must be"
            " free",
            _changed(doors={"pair": lambda a, b, c, d: a | b | c | d}),
        ),
        "doors-adjacent-sides": Mutant(
            "`doors` accepts free cells on two sides that meet at a corner: they must be opposite",
            _changed(doors={"pair": lambda a, b, c, d: ((a | b) & (c | d)) | (a & b) | (c & d)}),
        ),
        "doors-all-four-sides": Mutant(
            "`doors` wants all four sides free: two opposite ones are enough",
            _changed(doors={"pair": lambda a, b, c, d: a & b & c & d}),
        ),
        "doors-horizontal-only": Mutant(
            "`doors` looks left and right only: a door may also lead up and down",
            _changed(doors={"pair": lambda a, b, c, d: c & d}),
        ),
        "doors-vertical-only": Mutant(
            "`doors` looks above and below only: a door may also lead left and right",
            _changed(doors={"pair": lambda a, b, c, d: a & b}),
        ),
        "doors-walls-as-free": Mutant(
            "`doors` is True for doors that open on a wall: such a door leads nowhere",
            _changed(doors={"free": lambda plan: plan >= 0}),
        ),
        "doors-doors-as-free": Mutant(
            "`doors` takes another door cell for free: there must be a room or the outside on both"
            " sides",
            _changed(doors={"free": lambda plan: plan != fp.WALL}),
        ),
        "doors-outside-gate-rejected": Mutant(
            "`doors` objects to a gate with the outside on both sides: a room or the outside will"
            " do on either",
            _changed(doors=lambda plan: _doors_lead(plan) and not _has_gate(plan)),
        ),
        "doors-walls-for-free": Mutant(
            "`doors` asks for walls on two opposite sides: a room or the outside must be there",
            _changed(doors={"free": lambda plan: plan == fp.WALL}),
        ),
        "doors-at-least-one": Mutant(
            "`doors` asks for a door at least: a plan without any breaks nothing here",
            _changed(doors=lambda plan: _doors_lead(plan) and (plan == fp.DOOR).any()),
        ),
        "doors-outside-not-free": Mutant(
            "`doors` forgets that the outside is free too: the front door leads there",
            _changed(doors={"free": lambda plan: plan >= fp.LIVING}),
        ),
        "doors-any-for-all": Mutant(
            "`doors` is True when one door leads through: all of them must",
            _changed(doors={"how": np.any}),
        ),
        "rooms-presence-only": Mutant(
            "`rooms` asks only whether the rooms are there: a kind in two pieces breaks it as well",
            _changed(rooms={"once": ()}),
        ),
        "rooms-connectivity-only": Mutant(
            "`rooms` asks only whether kinds are in one piece: living room, kitchen, bath, hall and"
            " bedroom 1 must be there",
            _changed(rooms={"needed": ()}),
        ),
        "rooms-extra-bedrooms-unchecked": Mutant(
            "`rooms` looks for pieces only among the five that must be there: a second or third"
            " bedroom may not be in two pieces either",
            _changed(rooms={"once": range(fp.LIVING, fp.BEDROOM + 1)}),
        ),
        "rooms-any-bedroom": Mutant(
            "`rooms` accepts any bedroom in place of bedroom 1: bedroom 1 must be there",
            _changed(
                rooms=lambda plan: (
                    _has_rooms(plan, range(fp.LIVING, fp.BEDROOM)) and (plan >= fp.BEDROOM).any()
                )
            ),
        ),
        "rooms-bedroom-2-required": Mutant(
            "`rooms` asks for bedroom 2: only bedroom 1 is a must",
            _changed(rooms={"needed": range(fp.LIVING, fp.BEDROOM + 2)}),
        ),
        "rooms-all-bedrooms-required": Mutant(
            "`rooms` asks for all three bedrooms: only bedroom 1 is a must",
            _changed(rooms={"needed": range(fp.LIVING, fp.KINDS)}),
        ),
        **{
            f"rooms-forgets-{name.replace(' ', '-')}": Mutant(
                f"`rooms` forgets the {name}: it must be there",
                _changed(
                    rooms={"needed": [k for k in range(fp.LIVING, fp.BEDROOM + 1) if k != kind]}
                ),
            )
            for kind, name in (
                (fp.LIVING, "living room"),
                (fp.KITCHEN, "kitchen"),
                (fp.BATH, "bath"),
                (fp.HALL, "hall"),
            )
        },
        "no-padding": Mutant(
            PADDING,
            lambda plan: _parts(np.asarray(plan), {}),
        ),
        "no-padding-rolled": Mutant(PADDING, _rolled),
        "areas-strict": Mutant(
            "`areas` refuses rooms of exactly the minimum, such as a living room of 72"
            " cells: use >=",
            _changed(areas={"fits": lambda area, least: area > least}),
        ),
        "areas-rounded-to-whole": Mutant(
            "`areas` rounds to whole square meters before it compares: compare the area itself",
            _changed(areas={"fits": lambda area, least: round(area) >= least}),
        ),
        "areas-rounded-up": Mutant(
            "`areas` rounds up before it compares: compare the area itself",
            _changed(areas={"fits": lambda area, least: math.ceil(area - 1e-9) >= least}),
        ),
        "areas-one-cell-too-small": Mutant(
            "`areas` accepts rooms that are one cell too small: compare the number of cells times"
            " 0.25 with the minimum",
            _changed(areas={"fits": lambda area, least: area + fp.CELL**2 >= least}),
        ),
        "doors-corner-pairs": Mutant(
            MEETING, _changed(doors={"pair": lambda a, b, c, d: (a & c) | (b & d)})
        ),
        "doors-other-corner-pairs": Mutant(
            MEETING, _changed(doors={"pair": lambda a, b, c, d: (a & d) | (b & c)})
        ),
        "doors-all-corner-pairs": Mutant(
            MEETING, _changed(doors={"pair": lambda a, b, c, d: (a | b) & (c | d)})
        ),
        "doors-two-cells-required": Mutant(
            "`doors` asks for doors of two cells: a door of one cell, or of three, may lead through"
            " as well",
            _changed(doors=lambda plan: _doors_lead(plan) and _all_doors_double(plan)),
        ),
        "doors-exactly-two-sides": Mutant(
            "`doors` refuses doors with a third or fourth side free: two opposite sides are enough,"
            " whatever the others are",
            _changed(doors={"pair": lambda a, b, c, d: (a & b & ~c & ~d) | (c & d & ~a & ~b)}),
        ),
        "rooms-bedroom-1-optional": Mutant(
            "`rooms` forgets bedroom 1: it must be there",
            _changed(rooms={"needed": range(fp.LIVING, fp.BEDROOM)}),
        ),
        "rooms-two-pieces-allowed": Mutant(
            "`rooms` accepts a kind in two pieces: one piece each", _changed(rooms={"most": 2})
        ),
        "reachable-door-per-room": Mutant(
            "`reachable` asks only for a door at every room: one must get from everywhere to"
            " everywhere",
            _changed(
                reachable=lambda plan: all(
                    (_near(plan == fp.DOOR).any(0) & (plan == k)).any()
                    for k in range(fp.LIVING, fp.KINDS)
                    if (plan == k).any()
                )
            ),
        ),
        "reachable-two-components": Mutant(
            "`reachable` accepts two pieces: outside and inside must be one",
            _changed(reachable=lambda plan: _pieces(plan != fp.WALL, False) <= 2),
        ),
        "reachable-through-walls": Mutant(
            "`reachable` is True for every plan, as if one could walk through walls: leave `WALL`"
            " out of the mask",
            _changed(reachable={"walk": lambda plan: plan >= 0}),
        ),
        "reachable-outside-excluded": Mutant(
            "`reachable` never leaves through the front door: the outside belongs to the same"
            " piece",
            _changed(reachable={"walk": lambda plan: plan > fp.WALL}),
        ),
        "reachable-doors-blocked": Mutant(
            "`reachable` cannot pass doors: they belong to what one walks on",
            _changed(reachable={"walk": lambda plan: (plan == fp.OUTSIDE) | (plan > fp.DOOR)}),
        ),
        "all-negated": Mutant(
            "all five are negated: True is for a constraint that holds",
            lambda plan: {key: not holds for key, holds in _changed()(plan).items()},
        ),
    },
    {
        "SciPy's convolutions": _in_scipy,
        "torch and scikit-image": _in_skimage,
        "walking, cell by cell": lambda plan: dict(sorted(report_by_walking(plan).items())),
    },
    seconds=6.0,
)
# ---- 7.4 safe_augment ----------------------------------------------------------------------------

SAFE = {
    "shape": "the result has the shape of what went in, (B, 1, 28, 28)",
    "grays": "every gray lies between 0 and 1",
    "changed": "nearly every image differs from what went in",
    "state": "the same state of rng gives the same result",
    "other": "another state of rng gives another result",
    "each": "every image gets a change of its own",
    "up": "every image stays upright and is not mirrored",
    "paper": (
        "paper stays paper and ink stays ink: the margin is white, strokes are as dark as before"
    ),
    "ink": "no part of a digit is lost, and none doubled: the amount of ink stays within a third",
    "pairs": "an image stays at the place of its label in the batch",
    "inside": "a digit stays inside its image",
    "read": "a classifier still gives at least 80 of 100 images the class that it gave before",
    "gentle": (
        "a person could have written the result: shifts of two pixels or so, tilts of ten degrees"
        " or so, and smooth strokes"
    ),
}
TURNS = {
    "mirrored left to right": (0, True),
    "a quarter to the left": (1, False),
    "half a turn": (2, False),
    "a quarter to the right": (3, False),
    "mirrored top to bottom": (2, True),
    "transposed": (3, True),
    "transposed the other way": (1, True),
}


def _augmented(ask: Ask, x: TensorArg, same: TensorArg, y: TensorArg, seed: Any) -> dict[str, Any]:
    """What an augmentation does to a batch, and to sixteen copies of one image."""
    first, again, other, copies = (
        numbers_in(ask.probe("tensors", images, _seed(state)))
        for images, state in ((x, seed), (x, seed), (x, seed + 1), (same, seed + 2))
    )
    return _until_first(_about_augmenting(first, again, other, copies, x.values, same.values))


def _seed(value: int) -> Any:
    from course_utils.asking.ask import Seed

    return Seed(value)


def _about_augmenting(
    got: np.ndarray,
    again: np.ndarray,
    other: np.ndarray,
    copies: np.ndarray,
    x: np.ndarray,
    same: np.ndarray,
) -> Any:
    yield SAFE["shape"], True if got.shape == x.shape else f"shape {got.shape}"
    # before all that dice can change
    yield SAFE["state"], np.allclose(got, again, equal_nan=True) or "not the same"
    yield (
        SAFE["grays"],
        (
            True
            if np.isfinite(got).all() and got.min() >= -1e-6 and got.max() <= 1 + 1e-6
            else "outside"
        ),
    )
    distinct = len(np.unique(copies.reshape(len(copies), -1).round(4), axis=0))
    # one change, by chance once of nothing
    for_all = distinct == 1 and np.allclose(got, x) and not np.allclose(copies, same)
    middle = _centered(got[:, 0]), _centered(x[:, 0])
    tilts = _tilts(*middle)
    yield SAFE["up"], "turned by any angle" if _any_angle(tilts) else _which_turns(*middle)
    yield SAFE["pairs"], _which_pairs(*middle)
    yield SAFE["paper"], _which_paper(got[:, 0], x[:, 0])
    yield SAFE["changed"], for_all or _how_many_moved(abs(got - x).mean(axis=(1, 2, 3)))
    yield SAFE["other"], for_all or not np.allclose(got, other)
    yield SAFE["each"], True if distinct > 3 else f"{distinct} of {len(copies)}"
    ink = got.sum(axis=(1, 2, 3)) / x.sum(axis=(1, 2, 3))
    yield (
        SAFE["ink"],
        True if np.mean((ink > 0.66) & (ink < 1.4)) > 0.95 else _how_large(got[:, 0], x[:, 0], ink),
    )
    # (N, 112)
    edge = np.concatenate([got[:, 0, 0], got[:, 0, :, 0], got[:, 0, -1], got[:, 0, :, -1]], axis=1)
    yield SAFE["inside"], True if np.mean(edge.max(1) > 0.5) < 0.3 else "beyond the edge"
    yield SAFE["read"], bool((_read(got) == _read(x)).mean() >= 0.8)
    yield SAFE["gentle"], _how_gentle(got[:, 0], x[:, 0], _likeness(*middle), tilts)


def _how_many_moved(moved: np.ndarray) -> Any:
    if (moved > 0.003).mean() > 0.7:  # a shift by up to one pixel leaves one in nine where it was
        return True
    return "nothing" if (moved < 1e-6).all() else "few" if (moved < 1e-6).mean() > 0.2 else "barely"


def _read(x: np.ndarray) -> np.ndarray:
    from course_utils.metrics import read_digits

    return read_digits(np.clip(x, 0, 1))


def _how_large(got: np.ndarray, x: np.ndarray, ink: np.ndarray) -> str:
    """Why the amount of ink is another: by how far the ink reaches around its center."""
    reach = []
    for images in (got, x):
        # rows, columns: (N, 28) each
        apart = [(np.arange(28) - c[:, None]) ** 2 for c in _center(images).T]
        weight = images / (images.sum((1, 2), keepdims=True) + 1e-9)
        reach.append(
            np.sqrt(
                [np.einsum("nij,ni->n", weight, apart[0]), np.einsum("nij,nj->n", weight, apart[1])]
            )
        )
    if np.median(reach[0] / (reach[1] + 1e-9), axis=1).min() < 0.72:
        return "shrunk"
    return "lost" if np.median(ink) < 1 else "more"


BLUR = np.exp(-0.5 * ((np.arange(28)[:, None] - np.arange(28)) / 1.5) ** 2)
BLUR /= BLUR.sum(1, keepdims=True)


def _center(x: np.ndarray) -> np.ndarray:
    """Where the ink's center is, (N, 2)."""
    ink = x.sum((1, 2)) + 1e-9
    return np.stack([(x.sum(2) @ np.arange(28)) / ink, (x.sum(1) @ np.arange(28)) / ink], axis=1)


def _centered(x: np.ndarray) -> np.ndarray:
    """Blurred, moved so that the ink's center is in the middle, and scaled to mean 0 and length 1.
    (N, 28, 28)
    """
    x = BLUR @ x @ BLUR.T
    by = np.round(_center(x) - 13.5).astype(int)
    rows, columns = ((np.arange(28) + by[:, i, None]) % 28 for i in (0, 1))
    x = x[np.arange(len(x))[:, None, None], rows[:, :, None], columns[:, None, :]]
    x = x - x.mean((1, 2), keepdims=True)
    return x / (np.sqrt((x**2).sum((1, 2), keepdims=True)) + 1e-9)


def _likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How alike two stacks of centered images are, -1 to 1 a pair."""
    return (a * b).sum((1, 2))


def _slanted(x: np.ndarray, shear: float) -> np.ndarray:
    """(Centered) images whose rows are moved sideways, the further the farther from the middle."""
    by = np.rint(shear * (np.arange(28) - 13.5)).astype(int)[:, None]
    return x[:, np.arange(28)[:, None], (np.arange(28) + by) % 28]


def _likeness_bent(got: np.ndarray, x: np.ndarray) -> np.ndarray:
    """How alike they are once x is sheared as far as helps, along its rows or its columns. (N,)"""
    return np.max(
        [
            _likeness(one, _slanted(other, shear))
            for one, other in ((got, x), (got.transpose(0, 2, 1), x.transpose(0, 2, 1)))
            for shear in np.linspace(-1, 1, 21)
        ],
        axis=0,
    )


def _which_turns(got: np.ndarray, x: np.ndarray) -> Any:
    """The turns and mirrorings that explain a (centered) image far better than no turn does, and
    better than any shear.
    """
    alike = np.stack(
        [
            _likeness(got, np.rot90(x[:, :, ::-1] if flip else x, quarters, (1, 2)))
            for quarters, flip in TURNS.values()
        ]
    )  # (7, N)
    own = _likeness(got, x)  # (N,)
    least = np.maximum(np.maximum(own + 0.2, 0.85), _likeness_bent(got, x))
    best = np.where(alike.max(0) > least, alike.argmax(0), -1)
    share = {name: np.mean(best == i) for i, name in enumerate(TURNS)}
    found = [name for name in TURNS if share[name] > 0.1]
    # where images were exchanged, some look turned by chance
    if not found and np.median(own) > 0.8:
        found = [name for name in TURNS if share[name] > 0.02]
    return not found or ", ".join(found)


ANGLES, RADII = np.arange(72) * np.pi / 36, np.arange(2, 13)[:, None]
ROWS, COLUMNS = (np.rint(13.5 + RADII * f(ANGLES)).astype(int) for f in (np.sin, np.cos))


def _tilts(got: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The degrees by which each (centered) image is turned, -180 to 180, to two degrees or so,
    and NaN where no turn explains it: by correlating rings of both around the middle. (N,)
    """
    rings = [stack[:, ROWS, COLUMNS] * RADII for stack in (got, x)]  # (N, 11, 72) each
    own, other = (np.fft.rfft(r, axis=2) for r in rings)
    alike = np.fft.irfft((own * other.conj()).sum(1), n=72, axis=1)  # (N, 72)
    alike /= np.prod([np.sqrt((r**2).sum((1, 2))) for r in rings], axis=0)[:, None] + 1e-9
    best = alike.argmax(1)
    before, top, after = (alike[np.arange(len(best)), (best + i) % 72] for i in (-1, 0, 1))
    peak = best + 0.5 * (before - after) / (before - 2 * top + after - 1e-12)  # of a parabola
    return np.where(top > 0.9, (5 * peak + 180) % 360 - 180, np.nan)


def _any_angle(tilts: np.ndarray) -> bool:
    """Whether many images are turned far, and by angles that are no quarters of a turn."""
    far, between = abs(tilts) > 60, abs((tilts + 45) % 90 - 45) > 15
    return bool(far.mean() > 0.2 and between.mean() > 0.3)


def _roughness(x: np.ndarray) -> np.ndarray:
    """How much neighboring rows differ, and neighboring columns, in each image. (2, N)"""
    return np.stack([abs(np.diff(x, axis=axis)).sum((1, 2)) for axis in (1, 2)])


def _which_paper(got: np.ndarray, x: np.ndarray) -> Any:
    rim = np.concatenate(
        [
            got[:, rows, columns].reshape(len(got), -1)
            for rows in (slice(0, 2), slice(26, 28))
            # the corners, (N, 16)
            for columns in (slice(0, 2), slice(26, 28))
        ],
        axis=1,
    )
    if np.median(_lone(got)) >= 3 > np.median(_lone(x)):
        return "lone black pixels"
    if np.median(rim.mean(1)) > 0.005:
        if np.median(rim) < 0.5 < np.quantile(rim, 0.97):
            return "strokes in the corners"
        if np.median(rim) > 0.5:
            return "the paper is dark" if np.median(got[:, 2:-2, 2:-2]) > 0.5 else "a dark frame"
        return "gray specks" if np.median(rim.std(1)) > 0.01 else "a gray veil"
    dark = got.max(axis=(1, 2)) / x.max(axis=(1, 2))
    if np.mean(dark < 0.05) > 0.1:
        return "empty images"
    if np.mean(dark > 0.75) < 0.9:
        return "strokes are pale"
    soft = np.mean((got > 0.1) & (got < 0.6)) / got.sum() * x.sum() / np.mean((x > 0.1) & (x < 0.6))
    return "strokes are blurred" if soft > 2.2 else "only black and white" if soft < 0.2 else True


def _lone(x: np.ndarray) -> np.ndarray:
    """How many pixels are dark while all eight around them are light, (N,)"""
    from scipy.ndimage import maximum_filter

    ring = np.ones((1, 3, 3))
    ring[0, 1, 1] = 0
    return ((x > 0.5) & (maximum_filter(x, footprint=ring) < 0.3)).sum((1, 2))


def _which_pairs(got: np.ndarray, x: np.ndarray) -> Any:
    own, neighbor = np.median(_likeness(got, x)), np.median(_likeness(got, np.roll(x, 1, axis=0)))
    if own > 0.9:
        return True
    # each is some other image
    if np.median(np.tensordot(got, x, ([1, 2], [1, 2])).max(1)) > 0.97:
        return "exchanged"
    return "mixed" if neighbor > 0.6 else True


def _how_gentle(got: np.ndarray, x: np.ndarray, alike: np.ndarray, tilts: np.ndarray) -> Any:
    """Judged by what can be measured: how far the ink's center went, by how many degrees the
    centered images are tilted, how alike they are, and how rough their strokes are.
    """
    if np.quantile(abs(_center(got) - _center(x)), 0.95) > 4.5:
        return "shifted far"
    bent = np.quantile(alike, 0.1) < 0.8
    if bent and np.isnan(tilts).mean() > 0.3:  # no turn explains them
        return "bent far"
    if np.mean(abs(tilts) > 15) > 0.1:  # never for tilts within ten degrees
        return "tilted far"
    if bent:
        return "bent far"
    # at most 1.02 where a digit is shifted, tilted or resized
    rougher = np.median(_roughness(got) / _roughness(x), axis=1)
    return "jagged" if rougher.max() > 1.1 else True


def _digit_cases(rng: np.random.Generator) -> list[Case]:
    from course_utils.data import mnist

    digits = mnist(numpy=True)
    asked = np.flatnonzero(np.isin(digits.y_test, (2, 3, 4, 5, 6, 7, 9)))
    rows = rng.choice(asked, 80, replace=False)
    x, y = digits.x_test[rows][:, None], digits.y_test[rows]
    seven = digits.x_test[rng.choice(np.flatnonzero(digits.y_test == 7))]
    return [
        Case(
            "80 digits, and sixteen copies of a seven",
            (
                TensorArg(x),
                TensorArg(np.repeat(seven[None, None], 16, axis=0)),
                TensorArg(y),
                int(rng.integers(1, 2**31)),
            ),
            _augmented,
            want={fact: True for fact in SAFE.values()},
        )
    ]


def _shift(x: Tensor, rng: Any, reach: int = 2, fill: bool = False) -> Tensor:
    torch = _torch()
    moves = rng.integers(-reach, reach + 1, (len(x), 2))
    return torch.stack(
        [
            torch.roll(image, tuple(map(int, move)), dims=(1, 2))
            for image, move in zip(x, moves, strict=True)
        ]
    )


def _affine(
    x: Tensor,
    rng: Any,
    tilt: float = 0.15,
    size: float = 0.08,
    move: float = 0.1,
    one: bool = False,
) -> Tensor:
    """Tilt, size and shift for each image (or one for all), by torch's grid."""
    torch, B = _torch(), len(x)
    angle, scale, shift = (rng.uniform(-r, r, s) for r, s in ((tilt, B), (size, B), (move, (B, 2))))
    if one:
        angle, scale, shift = angle[:1].repeat(B), scale[:1].repeat(B), shift[:1].repeat(B, 0)
    cos, sin = np.cos(angle) / (1 + scale), np.sin(angle) / (1 + scale)
    where = (
        torch.tensor(np.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], axis=1))
        .float()
        .view(B, 2, 3)
    )
    F = torch.nn.functional
    return F.grid_sample(
        x, F.affine_grid(where, list(x.shape), align_corners=False), align_corners=False
    ).clamp(0, 1)


def _turned_at_random(quarters: tuple[int, ...], flip: tuple[int, ...] = ()) -> Answer:
    """Turn some images of a batch that is shifted besides."""

    def safe_augment(x: Tensor, rng: Any) -> Tensor:
        torch = _torch()
        x = _shift(x, rng)
        picked = rng.integers(0, len(quarters), len(x))
        x = torch.stack(
            [torch.rot90(image, quarters[k], (1, 2)) for image, k in zip(x, picked, strict=True)]
        )
        for axis in flip:
            x = torch.stack([image.flip(axis) if rng.random() < 0.5 else image for image in x])
        return x

    return safe_augment


def _scipy_turns(x: Tensor, rng: Any, degrees: float = 10) -> Tensor:
    from scipy.ndimage import rotate

    turned = [
        [rotate(p[0], rng.uniform(-degrees, degrees), reshape=False, order=1)]
        for p in np.asarray(x)
    ]
    return _torch().tensor(np.stack(turned)).clamp(0, 1)


def _skimage_affine(x: Tensor, rng: Any) -> Tensor:
    from skimage.transform import AffineTransform, warp

    made = []
    for image in np.asarray(x)[:, 0]:
        to_middle = AffineTransform(translation=(-13.5, -13.5))
        change = AffineTransform(
            scale=rng.uniform(0.92, 1.08),
            rotation=rng.uniform(-0.12, 0.12),
            shear=rng.uniform(-0.15, 0.15),
            translation=rng.uniform(-1.5, 1.5, 2),
        )
        made.append([warp(image.astype(float), (to_middle + change + to_middle.inverse).inverse)])
    return _torch().tensor(np.array(made)).float().clamp(0, 1)


def _darkened(x: Tensor, rng: Any) -> Tensor:
    return _shift(x, rng) * _torch().tensor(rng.uniform(0.2, 0.7, (len(x), 1, 1, 1))).float()


def _blurring(x: Tensor, rng: Any) -> Tensor:
    from scipy.ndimage import gaussian_filter

    blurred = [[gaussian_filter(p[0], 0.9)] for p in np.asarray(_shift(x, rng))]
    return _torch().tensor(np.stack(blurred)).clamp(0, 1)


def _wiped(x: Tensor, rng: Any) -> Tensor:
    x = _shift(x, rng).clone()
    for image in x:
        row, column = rng.integers(6, 12, 2)
        image[:, row : row + 10, column : column + 10] = 0
    return x


def _cropped(x: Tensor, rng: Any, side: int = 14) -> Tensor:
    """Cut out a square and blow it up."""
    F, torch, made = _torch().nn.functional, _torch(), []
    for image in x:
        row, column = rng.integers(0, 29 - side, 2)
        made.append(
            F.interpolate(
                image[None, :, row : row + side, column : column + side], size=28, mode="bilinear"
            )[0]
        )
    return torch.stack(made)


def _jittered(x: Tensor, rng: Any) -> Tensor:
    """Each row of each image shifted by a draw of its own."""
    moves = rng.integers(-1, 2, (len(x), 28))
    return _torch().stack(
        [
            _torch().stack([row.roll(int(m)) for row, m in zip(p[0], ms, strict=True)])[None]
            for p, ms in zip(x, moves, strict=True)
        ]
    )


def _sheared(x: Tensor, rng: Any) -> Tensor:
    torch, B = _torch(), len(x)
    where = torch.eye(2, 3).repeat(B, 1, 1)
    where[:, 0, 1] = torch.tensor(rng.uniform(-0.9, 0.9, B)).float()
    F = torch.nn.functional
    return F.grid_sample(
        x, F.affine_grid(where, list(x.shape), align_corners=False), align_corners=False
    )


def _global_random(x: Tensor, rng: Any) -> Tensor:
    return _shift(x, np.random.default_rng())


AUGMENT = Exercise(
    "7.4",
    "safe_augment",
    _digit_cases,
    lambda *args: None,
    {
        "input-unchanged": Mutant(
            "nothing was changed: change nearly every image a little", lambda x, rng: x
        ),
        "mostly-unchanged": Mutant(
            "too many images came back unchanged: change nearly all of them",
            lambda x, rng: _torch().stack(
                [_shift(p[None], rng)[0] if rng.random() < 0.3 else p for p in x]
            ),
        ),
        "negligible-change": Mutant(
            "the change is too small to see: shift by a pixel or two, or tilt by several degrees",
            lambda x, rng: _affine(x, rng, 0.002, 0.001, 0.001),
        ),
        "horizontal-flip": Mutant(
            "some images are mirrored left to right: a mirrored digit is no digit, except for 0"
            " and 8",
            _turned_at_random((0,), (2,)),
        ),
        "vertical-flip": Mutant(
            "some images are mirrored top to bottom: nobody writes digits upside down",
            _turned_at_random((0,), (1,)),
        ),
        "rotate-180": Mutant(
            "some images are turned by 180 degrees: a 6 becomes a 9, and its label stays 6",
            _turned_at_random((0, 2)),
        ),
        "rotate-90": Mutant(
            "some images are turned by 90 degrees: nobody writes digits that lie on their side",
            _turned_at_random((0, 1)),
        ),
        "rotate-270": Mutant(
            "some images are turned by 90 degrees to the right: nobody writes digits that lie on"
            " their side",
            _turned_at_random((0, 3)),
        ),
        "rotate-any-quarter": Mutant(
            "images are turned by quarters of a turn: a 6 becomes a 9, others lie on their side",
            _turned_at_random((0, 1, 2, 3)),
        ),
        "axes-transposed": Mutant(
            "rows and columns are swapped: that mirrors the digit",
            lambda x, rng: _shift(x, rng).transpose(2, 3),
        ),
        "flips-both-axes": Mutant(
            "some images are mirrored left to right, some top to bottom: a mirrored digit is"
            " another shape, which nobody writes",
            _turned_at_random((0,), (1, 2)),
        ),
        "inverted-intensity": Mutant(
            "the images are inverted: a generator would learn to draw white on black",
            lambda x, rng: 1 - _shift(x, rng),
        ),
        "gaussian-noise-added": Mutant(
            "noise was added: a generator would learn to draw the specks too",
            lambda x, rng: (
                x + 0.15 * _torch().tensor(rng.normal(size=tuple(x.shape))).float()
            ).clamp(0, 1),
        ),
        "gray-background": Mutant(
            "the background is gray: a generator would learn to draw that too",
            lambda x, rng: (
                _shift(x, rng) + _torch().tensor(rng.uniform(0.05, 0.3, (len(x), 1, 1, 1))).float()
            ).clamp(0, 1),
        ),
        "noise-not-clamped": Mutant(
            "some grays lie outside 0 to 1: clamp them",
            lambda x, rng: x + 0.15 * _torch().tensor(rng.normal(size=tuple(x.shape))).float(),
        ),
        "contrast-lowered": Mutant(
            "the strokes are paler than before: a generator would learn to draw pale digits",
            _darkened,
        ),
        "gaussian-blur": Mutant(
            "there are far more middle grays than before, as after a blur or a mixture of two"
            " images: a generator would learn to draw them too",
            _blurring,
        ),
        "pixels-binarised": Mutant(
            "grays were rounded to black and white: a generator would learn to draw hard edges",
            lambda x, rng: _shift(x, rng).round(),
        ),
        "patch-erased": Mutant(
            "a piece of the digit was erased: a generator would learn to draw torn digits", _wiped
        ),
        "digits-downscaled": Mutant(
            "the digits became far smaller or narrower: a change of size by a tenth is enough",
            lambda x, rng: _shift(
                _torch().nn.functional.pad(
                    _torch().nn.functional.interpolate(x, size=14, mode="bilinear"), (7,) * 4
                ),
                rng,
            ),
        ),
        "pixel-shift-in-affine-grid": Mutant(
            "many images are empty, so the digits were moved out of them: in which unit are your"
            " shifts? Two pixels are enough",
            lambda x, rng: _affine(x, rng, 0.0, 0.0, 3.0),
        ),
        "salt-noise": Mutant(
            "single black pixels were added: a generator would learn to draw them too",
            lambda x, rng: _shift(x, rng).masked_fill(
                _torch().tensor(rng.random(tuple(x.shape)) < 0.03), 1.0
            ),
        ),
        "zoomed-crop": Mutant(
            "a part was cut out and enlarged: what is left of the digit is too large, and the rest"
            " is gone",
            _cropped,
        ),
        "shift-too-large": Mutant(
            "digits are shifted so far that parts leave the image, or come in at the other side",
            lambda x, rng: _shift(x, rng, reach=12),
        ),
        "rotation-too-large": Mutant(
            "more than one image in ten is tilted by over 15 degrees: stay within ten degrees or"
            " so",
            lambda x, rng: _scipy_turns(x, rng, 22),
        ),
        "bent-too-far": Mutant(
            "digits are sheared or bent so far that no hand would write them: keep distortions"
            " small",
            _sheared,
        ),
        "degrees-for-radians": Mutant(
            "images are turned by any angle up to a full turn: were degrees passed where radians"
            " are expected? Ten degrees are 0.17",
            lambda x, rng: _affine(x, rng, 10.0, 0.0, 0.0),
        ),
        "rows-jittered": Mutant(
            "the strokes are jagged, as if rows, columns or pixels were moved one by one: move"
            " each image as a whole",
            _jittered,
        ),
        "columns-jittered": Mutant(
            "the strokes are jagged, as if rows, columns or pixels were moved one by one: move"
            " each image as a whole",
            lambda x, rng: _jittered(x.transpose(2, 3), rng).transpose(2, 3),
        ),
        "crop-and-resize": Mutant(
            "the digits have far more ink than before: either they were enlarged or something was"
            " drawn over them, so change sizes by a tenth at most",
            lambda x, rng: _cropped(x, rng, 20),
        ),
        "one-transform-per-batch": Mutant(
            "one change was drawn for the whole batch: draw one per image",
            lambda x, rng: _affine(x, rng, one=True),
        ),
        "shuffled-without-labels": Mutant(
            "the images were shuffled, and the labels were not: keep every image at its place",
            lambda x, rng: (
                x[_torch().as_tensor(rng.permutation(len(x)))]
                if len(_torch().unique(x, dim=0)) > 1
                else _shift(x, rng)
            ),
        ),
        "mixup-without-labels": Mutant(
            "two images were mixed into one, which needs two labels: change each image alone",
            lambda x, rng: 0.5 * _shift(x, rng) + 0.5 * _shift(x, rng).roll(1, 0),
        ),
        "global-random-state": Mutant(
            "the same state of rng gives other images: draw all random numbers from rng",
            _global_random,
        ),
        "fixed-seed": Mutant(
            "every state of rng gives the same change: draw it from rng",
            lambda x, rng: _shift(x, np.random.default_rng(0)),
        ),
        "flattened-output": Mutant(
            "the images came back in another shape: return (B, 1, 28, 28), as it came",
            lambda x, rng: _shift(x, rng).flatten(1),
        ),
        "channel-dropped": Mutant(
            "the channel axis was dropped: return (B, 1, 28, 28), as it came",
            lambda x, rng: _shift(x, rng)[:, 0],
        ),
        "originals-concatenated": Mutant(
            "originals and changed images came back together: return as many as went in",
            lambda x, rng: _torch().cat([x, _shift(x, rng)]),
        ),
    },
    {
        "shifts by whole pixels": _shift,
        "shifts by one pixel at most": lambda x, rng: _shift(x, rng, reach=1),
        "tilt, size and shift by torch's grid": _affine,
        "tilts by SciPy": _scipy_turns,
        "scikit-image, with shear": _skimage_affine,
    },
    seconds=6.0,
)

# ---- 7.5 train_planner ---------------------------------------------------------------------------

# of plans by dice, this share holds all five constraints (measured on 20,000;
# tests/test_floorplans.py)
DICE = 0.03
PLANNED = {
    "function": "`train_planner` returns a function, which draws",
    "shape": "one plan per row of conditions comes back, (M, 26, 30)",
    "whole": (
        "the plans hold whole numbers from 0 to 9: take `argmax` over the kinds, with no logits or"
        " shares left"
    ),
    "new": ("the plans are new: do not hand back plans that were given, as they are or mirrored"),
    "varied": "the plans for one condition differ: noise must go into every plan",
    "outline": (
        "at least half of the plans have the outline that was requested: does the condition reach"
        " the model, row by row?"
    ),
    "bedrooms": (
        "at least half of the plans have the outline and the number of bedrooms that were requested"
    ),
    "walls": (
        "at least a third of the plans have no room beside the outside: has it trained long"
        " enough, with the loss summed over cells?"
    ),
    "rooms": "at least one plan in twenty has every room in one piece: has it trained long enough?",
    "doors": (
        "at least one plan in twenty has doors that all lead through: are doors drawn as two cells"
        " in a wall?"
    ),
    "learned": (
        "the sides follow the given plans: here the last four columns do not mean what they mean in"
        " the lesson, so a program that knows them instead of learning them gets them wrong"
    ),
    "brief": (
        "at least six in ten plans meet the whole brief: outline, bedrooms, the side of the living"
        " room and the side of the front door"
    ),
    "spread": (
        "plans for one brief differ at least a tenth as much as given ones do: either the decoder"
        " ignores its latent code, as under too heavy a KL term or a loss averaged over cells, or"
        " the temperature is too low"
    ),
}
AT_ONCE = ("function", "shape", "whole", "new")
TWICE = (
    "the share of plans with the right outline that hold all five constraints, where"
    f" {2 * DICE:.3f} or more is asked for"
)


def _planned(
    ask: Ask, given: TensorArg, c: TensorArg, asked: TensorArg, *, briefs: list[fp.Brief]
) -> dict[str, Any]:
    """PLANNED up to the first that does not hold; the rate last, up to the bar."""
    return until_one_fails(_about_plans(ask, given, c, asked, briefs), PLANNED)


def _planned_at_once(
    ask: Ask, given: TensorArg, c: TensorArg, asked: TensorArg, *, briefs: list[fp.Brief]
) -> dict[str, Any]:
    """The facts AT_ONCE, after a training on few plans."""
    return until_one_fails(
        islice(_about_plans(ask, given, c, asked, briefs), len(AT_ONCE)), PLANNED
    )


def _about_plans(
    ask: Ask, given: TensorArg, c: TensorArg, asked: TensorArg, briefs: list[fp.Brief]
) -> Any:
    """Pairs of a key of PLANNED and whether it holds, in an order in which each may rely on those
    before it.
    """
    returned = ask.probe("lesson07.planner", given, c, asked)
    yield "function", returned is not None
    plans, outlines = numbers(returned), np.stack([fp.build(b, {}, []) for b in briefs])
    yield "shape", plans is not None and plans.shape == outlines.shape
    if plans is None:
        return
    yield "whole", plans.dtype.kind in "iu" and plans.min() >= 0 and plans.max() < fp.KINDS
    # a copy never meets a brief that was kept back; half of the architect's plans are made twice
    yield "new", _share_copied(plans, given.values) <= 0.75
    apart = _spread(plans, asked.values)
    yield "varied", np.median(apart) > 0
    outline = ((plans == fp.OUTSIDE) == (outlines == fp.OUTSIDE)).all((1, 2))
    yield "outline", outline.mean() >= 0.5
    fits = outline & [
        (np.unique(plan) >= fp.BEDROOM).sum() == brief.bedrooms
        for plan, brief in zip(plans, briefs, strict=True)
    ]
    yield "bedrooms", fits.mean() >= 0.5
    reports = [_changed()(plan) for plan in plans]
    yield "walls", np.mean([r["closed"] for r in reports]) >= 1 / 3
    yield "rooms", np.mean([r["rooms"] for r in reports]) >= 0.05
    yield "doors", np.mean([r["doors"] for r in reports]) >= 0.05
    right = np.array([np.equal(_sides(p), b[3:]) for p, b in zip(plans, briefs, strict=True)])
    yield "learned", right.any(1).mean() >= 0.2
    yield "brief", (fits & right.all(1)).mean() >= 0.6
    yield "spread", np.median(apart) >= np.median(_spread(given.values, c.values)) / 10
    sound = np.mean(outline & [all(r.values()) for r in reports])
    yield TWICE, min(round(float(sound), 3), 2 * DICE)


def _share_copied(plans: np.ndarray, given: np.ndarray) -> float:
    """The share of plans that are among the given ones, as they are or mirrored."""
    known = {_house(plan).tobytes() for plan in given}
    flips = [(1, 1), (-1, 1), (1, -1), (-1, -1)]
    copied = [
        any(np.ascontiguousarray(house[::a, ::b]).tobytes() in known for a, b in flips)
        for house in map(_house, plans)
    ]
    return float(np.mean(copied))


def _house(plan: np.ndarray) -> np.ndarray:
    """A plan without the outside around it."""
    inside = plan != fp.OUTSIDE
    return plan[np.ix_(inside.any(1), inside.any(0))].astype(np.int8)


def _spread(plans: np.ndarray, c: np.ndarray) -> list[float]:
    """In how many cells two plans for one condition differ, condition by condition: the median of
    all pairs.
    """
    apart = []
    for row in np.unique(c, axis=0):
        alike = plans[(c == row).all(1)][:25].reshape(-1, fp.HEIGHT * fp.WIDTH)
        pairs = np.triu_indices(len(alike), 1)
        apart.append(float(np.median((alike[pairs[0]] != alike[pairs[1]]).sum(1))))
    return apart


def _sides(plan: np.ndarray) -> tuple[str, str]:
    """On which side of the hall the living room lies, and of the house the front door; "" where one
    is missing.
    """
    front = (plan == fp.DOOR) & _near(plan == fp.OUTSIDE).any(0)
    places = [np.argwhere(cells) for cells in (plan == fp.LIVING, plan == fp.HALL, front, plan > 0)]
    if any(len(place) == 0 for place in places):
        return "", ""
    living, hall, door, house = (place.mean(0) for place in places)
    return "north" if living[0] < hall[0] else "south", "west" if door[1] < house[1] else "east"


def _planner_args(
    kept: list[fp.Brief], given: list[fp.Brief], times: int, rng: np.random.Generator
) -> tuple[TensorArg, ...]:
    """Plans for the given briefs, their conditions, and those of the kept ones, each several times.

    The columns for either side of the living room are exchanged, and those of the front door: they
    mean what the plans say, so a program that knows the lesson's columns has learned nothing.
    """
    columns = [*range(9), 10, 9, 12, 11]
    return (
        TensorArg(fp.make_plans(given, rng)),
        TensorArg(fp.brief_vectors(given)[:, columns]),
        TensorArg(fp.brief_vectors(kept * times)[:, columns]),
    )


def _planner_cases(rng: np.random.Generator) -> list[Case]:
    briefs = fp.all_briefs()
    rng.shuffle(briefs)
    # each pair of sides equally often: who ignores one meets half of the briefs
    kept = [b for sides in product(*fp.CHOICES[3:]) for b in _with_sides(briefs, sides)[:5]]
    others = [brief for brief in briefs if brief not in kept]
    given = [others[i] for i in rng.integers(len(others), size=2000)]
    return [
        Case(
            "2,000 plans to learn from, 500 to draw for twenty briefs that were not among them",
            _planner_args(kept, given, 25, rng),
            partial(_planned, briefs=kept * 25),
            want={fact: True for fact in PLANNED.values()} | {TWICE: 2 * DICE},
        )
    ]


def _with_sides(briefs: list[fp.Brief], sides: tuple) -> list[fp.Brief]:
    return [brief for brief in briefs if brief[3:] == sides]


def _planner_at_once(rng: np.random.Generator) -> list[Case]:
    """What needs no long training: the form of the plans, and whether they are only handed back."""
    briefs = fp.all_briefs()
    rng.shuffle(briefs)
    return [
        Case(
            "200 plans to learn from, 40 to draw for eight briefs that were not among them",
            _planner_args(briefs[:8], briefs[8:] * 2, 5, rng),
            partial(_planned_at_once, briefs=briefs[:8] * 5),
            want={PLANNED[key]: True for key in AT_ONCE},
        )
    ]


def _brief_of(row: np.ndarray) -> fp.Brief:
    """The brief that a row of conditions stands for."""
    parts: list[Any] = []
    start = 0
    for options in fp.CHOICES:
        parts.append(options[int(np.argmax(row[start : start + len(options)]))])
        start += len(options)
    return fp.Brief(*parts)


def _by_rules(
    how: Answer, wrong: Answer = lambda sheets: sheets, columns: tuple[int, ...] = (10, 9, 12, 11)
) -> Answer:
    """A planner that goes by rules, not by data, and knows what the last four columns mean."""

    def train_planner(_plans: Tensor, _c: Tensor) -> Answer:
        rng = np.random.default_rng(0)
        rows = [*range(9), *columns]
        return lambda c: wrong(
            _torch().as_tensor(how([_brief_of(row) for row in np.asarray(c)[:, rows]], rng))
        )

    return train_planner


def _stretched(plans: Any, c: Any, mirrored: bool = False) -> Answer:
    """A plan of another outline, with rows and columns of its rooms doubled or left out until it
    has the right size; or one with the front door on the other side, mirrored besides.
    """
    plans, rows, rng = np.asarray(plans), np.asarray(c), np.random.default_rng(1)

    def draw(asked: Any) -> Any:
        made = []
        for row in np.asarray(asked):
            brief, key = _brief_of(row), row[6:].copy()
            if mirrored:
                key[5:] = key[:4:-1]
            plan = plans[rng.choice(np.flatnonzero((rows[:, 6:] == key).all(1)))]
            made.append(_fitted(plan[:, ::-1] if mirrored else plan, brief, rng))
        return np.stack(made)

    return draw


def _fitted(plan: np.ndarray, brief: fp.Brief, rng: np.random.Generator) -> np.ndarray:
    for axis, wanted in ((0, brief.depth), (1, brief.width)):
        lines = [line for line in (plan if axis == 0 else plan.T) if line.any()]
        while len(lines) != wanted:
            at = int(rng.integers(2, len(lines) - 2))
            if (lines[at] == lines[at - 1]).all():  # in the midst of rooms
                lines = (
                    lines[:at] + lines[at + 1 :]
                    if len(lines) > wanted
                    else lines[:at] + [lines[at]] + lines[at:]
                )
        plan = np.stack(lines) if axis == 0 else np.stack(lines).T
    sheet = np.zeros((fp.HEIGHT, fp.WIDTH), dtype=np.int64)
    plan = plan[:, plan.any(0)]
    sheet[1 : 1 + plan.shape[0], 1 : 1 + plan.shape[1]] = plan
    return sheet


def _copies(plans: Any, _c: Any) -> Answer:
    rng = np.random.default_rng(2)
    return lambda asked: plans[_torch().as_tensor(rng.integers(0, len(plans), len(asked)))]


def _mirrored_copies(plans: Any, c: Any) -> Answer:
    """Given plans with the front door on the other side, mirrored within their outline."""
    plans, rows, rng = np.asarray(plans), np.asarray(c), np.random.default_rng(3)

    def draw(asked: Any) -> Any:
        made = []
        for row in np.asarray(asked):
            other = (rows[:, :11] == row[:11]).all(1)
            plan = plans[rng.choice(np.flatnonzero(other if other.any() else ~other))].copy()
            width = int(plan.any(0).sum())
            plan[:, 1 : 1 + width] = plan[:, width:0:-1]
            made.append(plan)
        return np.stack(made)

    return draw


def _network(plans: Any, c: Any, mean: bool = False) -> Answer:
    """A conditional VAE with ReLUs and Adam, its loss summed over cells, or averaged by mistake."""
    torch = _torch()
    nn, F = torch.nn, torch.nn.functional
    cells, beta = fp.KINDS * plans[0].numel(), 4.0
    encoder = nn.Sequential(nn.Linear(cells + 13, 192), nn.ReLU(), nn.Linear(192, 24))
    decoder = nn.Sequential(
        nn.Linear(25, 192), nn.ReLU(), nn.Linear(192, 192), nn.ReLU(), nn.Linear(192, cells)
    )

    def logits(z: Any, c: Any) -> Any:
        return decoder(torch.cat([z, c], 1)).view(-1, fp.KINDS, fp.HEIGHT, fp.WIDTH)

    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], fused=True)
    for epoch in range(6 if mean else 24):
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1.0, 2 - epoch / 12)
        for rows in torch.randperm(len(plans)).split(64):
            x = F.one_hot(plans[rows], fp.KINDS).float().flatten(1)
            mu, logvar = encoder(torch.cat([x, c[rows]], 1)).chunk(2, 1)
            z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
            nll = F.cross_entropy(logits(z, c[rows]), plans[rows], reduction="none").flatten(1)
            kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
            optimizer.zero_grad()
            ((nll.mean(1) if mean else nll.sum(1)) + beta * kl).mean().backward()
            optimizer.step()
    return lambda c: logits(0.6 * torch.randn(len(c), 12), c).argmax(1)


def _mostly_crumbled(
    briefs: list[fp.Brief], rng: np.random.Generator, kinds: tuple[int, ...], cells: int
) -> np.ndarray:
    """Good plans with some cells of the given kinds changed: walls to floor, floor to specks, doors
    to walls.
    """
    sheets = fp.make_plans(briefs, rng)
    for sheet in sheets:
        for kind in kinds:
            places = np.argwhere(sheet == kind)
            for row, column in places[rng.integers(0, len(places), cells)]:
                sheet[row, column] = {fp.WALL: fp.LIVING, fp.LIVING: fp.BATH, fp.DOOR: fp.WALL}[
                    kind
                ]
    return sheets


def _nearly_the_same(briefs: list[fp.Brief], rng: np.random.Generator) -> np.ndarray:
    """One plan for each brief, with a bathroom cell more or less turned to wall."""
    sheets = np.stack([fp.make_plans([b], np.random.default_rng(0))[0] for b in briefs])
    for sheet in sheets:
        bath = np.argwhere(sheet == fp.BATH)
        sheet[tuple(bath[rng.integers(len(bath))])] = fp.WALL
    return sheets


def _one_bedroom_less(briefs: list[fp.Brief], rng: np.random.Generator) -> np.ndarray:
    sheets = fp.make_plans(briefs, rng)
    for sheet in sheets:
        sheet[sheet == sheet.max()] = fp.LIVING
    return sheets


def _torn_doors(briefs: list[fp.Brief], rng: np.random.Generator) -> np.ndarray:
    """Good plans, each with a door cell in a corner of the house."""
    sheets = fp.make_plans(briefs, rng)
    sheets[:, 1, 1] = fp.DOOR
    return sheets


PLANNER = Exercise(
    "7.5",
    "train_planner",
    _planner_cases,
    None,
    {
        "no-function-returned": Mutant(does_not_hold(PLANNED["function"]), lambda plans, c: plans),
        "flattened-output": Mutant(
            does_not_hold(PLANNED["shape"]),
            _by_rules(fp.make_plans, lambda sheets: sheets.flatten(1)),
        ),
        "float-output": Mutant(
            does_not_hold(PLANNED["whole"]), _by_rules(fp.make_plans, lambda sheets: sheets.float())
        ),
        "fixed-seed-per-sample": Mutant(
            does_not_hold(PLANNED["varied"]),
            _by_rules(
                lambda briefs, rng: np.concatenate(
                    [fp.make_plans([brief], np.random.default_rng(0)) for brief in briefs]
                )
            ),
        ),
        "copies-returned": Mutant(does_not_hold(PLANNED["new"]), _copies),
        "mirrored-copies": Mutant(does_not_hold(PLANNED["new"]), _mirrored_copies),
        "condition-ignored": Mutant(
            does_not_hold(PLANNED["outline"]),
            _by_rules(
                lambda briefs, rng: fp.make_plans(
                    [briefs[i] for i in rng.permutation(len(briefs))], rng
                )
            ),
        ),
        "wrong-bedroom-count": Mutant(
            does_not_hold(PLANNED["bedrooms"]), _by_rules(_one_bedroom_less)
        ),
        "walls-broken": Mutant(
            does_not_hold(PLANNED["walls"]),
            _by_rules(lambda briefs, rng: _mostly_crumbled(briefs, rng, (fp.WALL,), 20)),
        ),
        "rooms-fragmented": Mutant(
            does_not_hold(PLANNED["rooms"]),
            _by_rules(lambda briefs, rng: _mostly_crumbled(briefs, rng, (fp.LIVING,), 5)),
        ),
        "door-misplaced": Mutant(does_not_hold(PLANNED["doors"]), _by_rules(_torn_doors)),
        "architect-called": Mutant(
            does_not_hold(PLANNED["learned"]), _by_rules(fp.make_plans, columns=(9, 10, 11, 12))
        ),
        "one-side-ignored": Mutant(
            does_not_hold(PLANNED["brief"]),
            _by_rules(
                lambda briefs, rng: fp.make_plans([b._replace(living="north") for b in briefs], rng)
            ),
        ),
        "spread-collapsed": Mutant(does_not_hold(PLANNED["spread"]), _by_rules(_nearly_the_same)),
    },
    {
        "a network with ReLUs and Adam": _network,
        "plans of other briefs, stretched": _stretched,
        "plans of other briefs, mirrored and stretched": partial(_stretched, mirrored=True),
    },
    seconds=120.0,
    quick=_planner_at_once,
)

EXERCISES = [LOSS, SAMPLE, REPORT, AUGMENT, PLANNER]
