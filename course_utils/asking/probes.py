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


def masked(answer: Callable, scores: Any) -> Any:
    """The scores (T, T) as attention uses them: −inf where `answer(T)`, a tensor of True and False, says False."""
    return scores.masked_fill(~answer(len(scores)), float("-inf"))


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
    used, mse = set(), torch.nn.functional.mse_loss
    optimizer.register_step_post_hook(lambda *_: used.add("step"))
    losses = answer(model, lambda *pair: used.add("loss") or mse(*pair), optimizer, x, y, steps)
    listed = losses if isinstance(losses, (list, tuple)) else []
    return {"the losses it returned": losses, "the weights afterwards": model.weight, "the bias afterwards": model.bias,
            "`loss_fn` was called": "loss" in used, "`optimizer.step` was called": "step" in used,
            "losses with their record": any(getattr(loss, "requires_grad", False) for loss in listed)}


def game_round(answer: Callable, g_weight: Any, g_bias: Any, d_weight: Any, d_bias: Any, x: Any, z1: Any, z2: Any,
               lr: float) -> dict[str, Any]:
    """`answer(G, D, x, z1, z2)` on two linear players with given weights and biases: what it returns and leaves.

    Both move by plain gradient descent, and begin with slopes left over from an earlier round, all 7. While D moves, G's
    slopes may be those or gone, but nothing new.
    """
    import torch
    G, D = _player(g_weight, g_bias, lr), _player(d_weight, d_bias, lr)
    alone = []
    D.optimizer.register_step_pre_hook(lambda *_: alone.append(
        all(w.grad is None or bool(((w.grad == 7) | (w.grad == 0)).all()) for w in G.parameters())))
    losses = answer(G, D, x, z1, z2)
    return {"the losses it returned": losses, "G's slopes left alone while D moves": all(alone),
            "D's weights afterwards": torch.cat([w.flatten() for w in D.parameters()]),
            "G's weights afterwards": torch.cat([w.flatten() for w in G.parameters()])}


def _player(weight: Any, bias: Any, lr: float) -> Any:
    """A network with an optimizer of its own, as lesson 06's Player, here linear and by plain gradient descent."""
    import torch

    class Player(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.utils.skip_init(torch.nn.Linear, weight.shape[1], weight.shape[0])  # draws no random numbers
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=lr)

        def forward(self, values: Any) -> Any:
            return self.net(values)

        def move(self, loss: Any) -> None:
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    player = Player()
    with torch.no_grad():
        player.net.weight.copy_(weight)
        player.net.bias.copy_(bias)
    for w in player.parameters():
        w.grad = torch.full_like(w, 7.0)
    return player


def penalty(answer: Callable, W: Any, c: Any, v: Any, u: Any, real: Any, fake: Any, eps: Any, column: bool) -> dict[str, Any]:
    """`answer(D, real, fake, eps)` for the critic D(x) = tanh(x W + c) v + x u: the value, and the slopes it leaves in D.

    W (d, h), c (h,), v (h,), u (d,). D returns (B, 1) with `column`, else (B,).
    """
    import torch

    class Critic(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W, self.c, self.v, self.u = (torch.nn.Parameter(part) for part in (W, c, v, u))

        def forward(self, x: Any) -> Any:
            score = torch.tanh(x @ self.W + self.c) @ self.v + x @ self.u
            return score[:, None] if column else score

    D = Critic()
    value = answer(D, real, fake, eps)
    slopes = {name: None for name in "Wcvu"}
    if isinstance(value, torch.Tensor) and value.requires_grad:
        slopes = dict(zip("Wcvu", torch.autograd.grad(value.sum(), list(D.parameters()), allow_unused=True)))
    return {"the penalty": value} | {f"the slope it leaves in D's {name}": g if g is None else g + 0.0 for name, g in slopes.items()}


def sampler(answer: Callable, x: Any, n: int, seed: int) -> Any:
    """`sample = answer(x)`, and n points that it draws, whatever module or function it is. x (N, 2) -> (n, 2)

    Training starts from a given random state, so that the same answer gets the same verdict; the caller's is untouched.
    """
    import torch
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sample = answer(x)
        if isinstance(sample, torch.nn.Module):
            sample.eval()
        with torch.no_grad():
            return sample(n)


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


def timed_coder(answer: Callable, x_train: Any, x_test: Any, noise: Any) -> dict[str, Any]:
    """Like `coder`, with the CPU seconds that all of it took."""
    import time
    start = time.process_time()
    return coder(answer, x_train, x_test, noise) | {"seconds": time.process_time() - start}


def splits(answer: Callable, n: int, others: int) -> dict[str, Any]:
    """`answer(n, seed)` for seed 0 three times, the third among other global random numbers, and for seeds 1 to `others`.

    `untouched` says whether the global random numbers of PyTorch, NumPy and Python came through the first call. They are
    put back at the end.
    """
    import random

    import numpy as np
    import torch
    kept = torch.random.get_rng_state(), np.random.get_state(), random.getstate()
    torch.rand(3), np.random.random(3), random.random()  # in the middle of something: a new seed is not where they were
    before = _global_randomness()
    found = {"first": answer(n, 0), "untouched": _global_randomness() == before, "second": answer(n, 0)}
    for elsewhere in (torch.rand, np.random.random, random.seed):
        elsewhere(3)
    found |= {"third": answer(n, 0), "others": [answer(n, seed) for seed in range(1, others + 1)]}
    for put_back, state in zip((torch.random.set_rng_state, np.random.set_state, random.setstate), kept):
        put_back(state)
    return found


def _global_randomness() -> tuple:
    """The states of all global generators, comparable with ==."""
    import random

    import numpy as np
    import torch
    name, keys, *rest = np.random.get_state()
    return torch.random.get_rng_state().tolist(), name, keys.tolist(), rest, random.getstate()


def drawn_to_order(answer: Callable, from_both: Any, bias: Any, c: Any, n: int, seed: int) -> dict[str, Any]:
    """`answer(model, c, n)` on a small conditional decoder with given weights: two calls, and what the first one asked it.

    from_both (Z + C, D) and bias (D,) make the logits, c (C,). The model has `Z`, `decode(z, c)` and an `encode`.
    """
    import torch
    asked: list[tuple[Any, Any]] = []
    Z = len(from_both) - len(c)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pictures, calls = answer(_decoder(from_both, bias, Z, asked), c, n), list(asked)
        second = answer(_decoder(from_both, bias, Z, asked), c, n)
    plans, conditions = zip(*calls) if calls else ((torch.zeros(0, Z),), (torch.zeros(0, len(c)),))
    return {"pictures": pictures, "plans": torch.cat(plans), "conditions": torch.cat(conditions),
            "pictures of a second call": second}


def _decoder(from_both: Any, bias: Any, size: int, asked: list[tuple[Any, Any]]) -> Any:
    """A conditional decoder of `size` numbers of plan that appends what it is asked, (z, c), to `asked`."""
    import torch

    class Model(torch.nn.Module):
        Z = size

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(from_both)

        def encode(self, x: Any, c: Any) -> tuple[Any, Any]:
            return 100 + x[:, :1].expand(-1, self.Z), x.new_zeros(len(x), self.Z)  # no draw of a prior

        def decode(self, z: Any, c: Any) -> Any:
            logits = torch.cat([z, c], dim=1) @ self.weight + bias  # (n, D)
            asked.append((z.detach().clone(), c.detach().clone()))
            return logits

    return Model()


def scored_by_reader(answer: Callable, pictures: Any, labels: Any, classes: int) -> Any:
    """`answer(samples, labels, classifier)` with a reader that takes the brightest pixel's number for the class.

    pictures (N, D) with D >= classes, labels (N,); the reader returns NumPy integers, as metrics.read_digits does.
    """
    return answer(pictures, labels, lambda x: x[:, :classes].argmax(1).numpy())


def planner(answer: Callable, plans: Any, c: Any, asked: Any) -> Any:
    """`draw = answer(plans, c)`, asked for one plan per row of other conditions. (N, H, W), (N, C), (M, C) -> (M, H, W)"""
    import torch
    draw = answer(plans, c)
    with torch.no_grad():
        return draw(asked)


def painter(answer: Callable, pictures: Any, captions: Any, asked: Any, seconds: float) -> dict[str, Any]:
    """`paint = answer(pictures, captions, seconds)`, asked twice for the same captions.

    pictures (N, 3, H, W) in [-1, 1], captions (N, K) int64, asked (M, K) int64 -> two batches (M, 3, H, W).
    """
    import torch
    paint = answer(pictures, captions, seconds)
    with torch.no_grad():
        return {"first": paint(asked), "second": paint(asked)}


def stepped(answer: Callable, x: Any, h: Any, c: Any, *weights: Any) -> dict[str, Any]:
    """`h, c = answer(x_t, h, c, weights)` for every step of x (steps, B, D), from h and c (B, H): what comes out at the end.

    Raises TypeError("no pair came back") where that is so.
    """
    for inputs in x:
        pair = answer(inputs, h, c, tuple(weights))
        if not (isinstance(pair, (tuple, list)) or getattr(pair, "ndim", 0) == 3) or len(pair) != 2:
            raise TypeError("no pair came back")
        h, c = pair
    return {"h": h, "c": c}


def writer(answer: Callable, y: Any, n: int, rng: Any) -> Any:
    """`write = answer(y)` trained on token rows y (N, T), asked for n rows of its own: write(n, rng)."""
    import torch
    write = answer(y)
    with torch.no_grad():
        return write(n, rng)
