"""A small network, trained on any loss that it is given: a black box that lesson 03 opens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]
HIDDEN = 4
STEP = 1e-5  # of the finite differences
PENALTY = 1e-3  # times the squared weights: keeps the network smooth


def fit(
    loss: Loss, x: np.ndarray, y: np.ndarray, outputs: int, rng: np.random.Generator
) -> Callable[[np.ndarray], np.ndarray]:
    """A network of one input, trained to make the mean of `loss(y, out)` small.

    x, y (N,). `loss` takes y (N,) and the outputs (N, K), and returns one number per example (N,),
    which depends on that example alone. Returns the trained network: (M,) -> (M, K).
    """
    center, scale = x.mean(), x.std()
    shapes = [(HIDDEN,), (HIDDEN,), (HIDDEN, outputs), (outputs,)]
    inputs = (x - center) / scale  # (N,)
    start = np.concatenate([0.5 * rng.normal(size=np.prod(shape)) for shape in shapes])
    start[-outputs] = np.mean(y)  # the first output begins at the mean of what it predicts
    arguments = (loss, inputs, y, shapes)
    options = {"maxiter": 150}
    found = minimize(_value_and_gradient, start, arguments, "L-BFGS-B", True, options=options).x

    def network(new: np.ndarray) -> np.ndarray:
        return _forward((new - center) / scale, *_parts(found, shapes))[1]

    return network


def _parts(flat: np.ndarray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """The weights and biases in one long array, each in its shape."""
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    return [
        part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)
    ]


def _forward(x: np.ndarray, w: np.ndarray, b: np.ndarray, V: np.ndarray, c: np.ndarray) -> tuple:
    hidden = np.tanh(x[:, None] * w + b)  # (N, H)
    return hidden, hidden @ V + c  # (N, H), (N, K)


def _value_and_gradient(
    flat: np.ndarray, loss: Loss, x: np.ndarray, y: np.ndarray, shapes: list[tuple[int, ...]]
) -> tuple[float, np.ndarray]:
    """The mean loss, with a small penalty on large weights, and its gradient: finite differences up
    to the outputs, the chain rule from there on.
    """
    w, b, V, c = _parts(flat, shapes)
    hidden, out = _forward(x, w, b, V, c)
    steps = STEP * np.eye(len(c))
    change = [np.subtract(loss(y, out + step), loss(y, out - step)) for step in steps]
    d_out = np.stack(change, axis=1) / (2 * STEP * len(x))  # (N, K)
    d_inside = (d_out @ V.T) * (1 - hidden**2)  # (N, H)
    d_w, d_V = x @ d_inside + 2 * PENALTY * w, hidden.T @ d_out + 2 * PENALTY * V
    parts = [d_w, d_inside.sum(0), d_V, d_out.sum(0)]
    total = np.mean(loss(y, out)) + PENALTY * (np.sum(w**2) + np.sum(V**2))
    return float(total), np.concatenate([part.ravel() for part in parts])
