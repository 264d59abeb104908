"""What is done around an answer, in the answer's own process, so that nothing but numbers goes in and comes out.

A check asks for a probe by name. The first parameter is the answer, the others are plain numbers or fresh tensors.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any


def gradient(answer: Callable, names: list[str], *args: Any) -> dict[str, Any]:
    """The value, and the gradient that reaches each named argument (the first ones, tensors); None where none does.

    The entries of the value are weighted by numbers from 1 to 2, so that no two of them can stand in for each other.
    """
    import torch
    inputs = [arg.requires_grad_() for arg in args[:len(names)]]
    value = answer(*args)
    if isinstance(value, torch.Tensor) and value.requires_grad:
        weights = torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)
        found = torch.autograd.grad((value * weights).sum(), inputs, allow_unused=True)
    else:
        found = [None] * len(inputs)
    return {"the value": value} | {f"the gradient that reaches {name}": g for name, g in zip(names, found)}


def training(answer: Callable, weights: Any, bias: Any, x: Any, y: Any, lr: float, steps: int) -> dict[str, Any]:
    """`answer(model, loss_fn, optimizer, x, y, steps)` on a linear model with given weights: what it returns and leaves.

    weights (1, D), bias (1,), x (N, D), y (N, 1); plain gradient descent on the mean squared error.
    """
    import torch
    model = torch.nn.utils.skip_init(torch.nn.Linear, weights.shape[1], 1)  # draws no random numbers
    with torch.no_grad():
        model.weight.copy_(weights)
        model.bias.copy_(bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = answer(model, torch.nn.functional.mse_loss, optimizer, x, y, steps)
    return {"the losses it returned": losses, "the weights afterwards": model.weight, "the bias afterwards": model.bias}


def coder(answer: Callable, x_train: Any, x_test: Any, noise: Any) -> dict[str, Any]:
    """`encode, decode = answer(x_train)`, asked about digits that it has not seen, with one draw of the code for each.

    x_train (N, D), x_test (M, D); the code is mu + sigma * noise, with noise (M, Z_max) cut to the width of mu.
    """
    import torch
    encode, decode = answer(x_train)
    for part in (encode, decode):
        if isinstance(part, torch.nn.Module):
            part.eval()  # forgotten dropout is not what is asked about
    with torch.no_grad():
        mu, logvar = encode(x_test)  # (M, Z) each
        logits = decode(mu + torch.exp(0.5 * logvar) * noise[:, :mu.shape[1]])  # (M, D)
    return {"mu": mu, "logvar": logvar, "logits": logits}


def painter(answer: Callable, pictures: Any, captions: Any, asked: Any, seconds: float) -> dict[str, Any]:
    """`paint = answer(pictures, captions, seconds)`, asked twice for the same captions.

    pictures (N, 3, H, W) in [-1, 1], captions (N, K) int64, asked (M, K) int64 -> two batches (M, 3, H, W).
    """
    import torch
    paint = answer(pictures, captions, seconds)
    with torch.no_grad():
        return {"first": paint(asked), "second": paint(asked)}
