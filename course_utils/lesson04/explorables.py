"""The pictures of lesson 04 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots

FOLDER = Path(__file__).parent
Z = np.linspace(-8, 8, 801)
NOISE = 0.5


def gap() -> live.Explorable:
    """The ELBO in a world of one number, x = f(z) + noise, in nats."""
    return live.explorable(
        "04.gap",
        FOLDER / "gap.js",
        [
            live.Range("x", -1.5, 2, 0.1, 1, "observed x"),
            live.Range("mean", -2, 2, 0.05, 0.5, "mean of q"),
            live.Range("sigma", 0.1, 1.5, 0.05, 0.8, "standard deviation of q"),
            live.Range("bend", 0, 1, 0.05, 0, "bend of the decoder"),
        ],
        "log p(x) is {evidence:.2f} nats. The ELBO is {reconstruction:.2f} (reconstruction) minus"
        " {kl_shown:.2f} (KL to the prior), {elbo:.2f}; the gap, KL to the posterior, is"
        " {gap_shown:.2f}.",
        _numbers,
        still=_still(1, 0.5, 0.8, 0),
    )


def _log_normal(v: Any, mean: Any, sigma: float) -> Any:
    return -0.5 * np.log(2 * np.pi * sigma**2) - (v - mean) ** 2 / (2 * sigma**2)


def _decoded(bend: float) -> np.ndarray:
    return (1 - bend) * Z + bend * (Z**2 - 1)


def _numbers(x: float, mean: float, sigma: float, bend: float) -> dict[str, float]:
    dz = Z[1] - Z[0]
    log_prior, log_likelihood = _log_normal(Z, 0, 1), _log_normal(x, _decoded(bend), NOISE)
    log_q = _log_normal(Z, mean, sigma)
    log_q -= np.log(np.exp(log_q).sum() * dz)
    q = np.exp(log_q) * dz
    evidence = np.logaddexp.reduce(log_prior + log_likelihood) + np.log(dz)
    reconstruction, kl = q @ log_likelihood, q @ (log_q - log_prior)
    elbo = reconstruction - kl
    return {
        "evidence": float(evidence),
        "reconstruction": float(reconstruction),
        "kl": float(kl),
        "elbo": float(elbo),
        "gap": float(evidence - elbo),
        # both sums in the sentence hold in the digits shown
        "kl_shown": float(round(reconstruction, 2) - round(elbo, 2)),
        "gap_shown": float(round(evidence, 2) - round(elbo, 2)),
    }


def _still(x: float, mean: float, sigma: float, bend: float) -> Any:
    fig, (world, latents) = plots.figure(1, 2, alt="drawn below", size=(9, 3))
    evidence = _numbers(x, mean, sigma, bend)["evidence"]
    posterior = np.exp(_log_normal(Z, 0, 1) + _log_normal(x, _decoded(bend), NOISE) - evidence)
    world.plot(Z, _decoded(bend), color=plots.MUTED)
    world.axhspan(x - NOISE, x + NOISE, color=plots.DATA, alpha=0.25)
    world.set(xlim=(-3, 3), ylim=(-3, 4))
    plots.label(world, "the decoder f(z), and the observed x", "latent z", "x")
    latents.plot(Z, np.exp(_log_normal(Z, 0, 1)), ":", color=plots.MUTED)
    latents.fill_between(Z, posterior, color=plots.DATA, alpha=0.4)
    latents.plot(Z, np.exp(_log_normal(Z, mean, sigma)), "--", color=plots.MODEL)
    latents.set(xlim=(-3, 3))
    plots.label(latents, "prior, posterior, your q (dashed)", "latent z", "density")
    return fig
