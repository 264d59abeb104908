"""What lesson 06 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def game_round(
    answer: Callable,
    g_weight: Tensor,
    g_bias: Tensor,
    d_weight: Tensor,
    d_bias: Tensor,
    x: Tensor,
    z1: Tensor,
    z2: Tensor,
    lr: float,
) -> dict[str, Any]:
    """`answer(G, D, x, z1, z2)` on two linear players with given weights and biases: what two
    rounds return and leave, the second on other data.

    Both move by plain gradient descent, and begin with gradients left over from an earlier round,
    all 7. When D first moves, G's gradients may be those or gone, but nothing new. There is no
    second round for a player that comes back frozen or in another mode.
    """
    import torch

    G, D = _player(g_weight, g_bias, lr), _player(d_weight, d_bias, lr)
    alone = []
    D.optimizer.register_step_pre_hook(
        lambda *_: alone.append(
            all(
                w.grad is None or bool(((w.grad == 7) | (w.grad == 0)).all())
                for w in G.parameters()
            )
        )
    )
    shown: dict[str, Any] = {}
    for when, data in (("", (x, z1, z2)), (" of a second round", (-x, z2, z1))):
        losses = answer(G, D, *data)
        shown[f"the players{when}"] = _left(D=D, G=G)
        if shown[f"the players{when}"] != "as they came":
            break
        if not when:
            shown["nothing is added to G's `.grad` when D takes its step"] = all(alone[:1])
        for name, player in (("D", D), ("G", G)):
            weights = torch.cat([w.flatten() for w in player.parameters()])
            shown[f"{name}'s weights{when}"] = weights.detach().clone()
        shown[f"the losses{when}"] = losses
        returned = losses if isinstance(losses, (tuple, list)) else [losses]
        if any(isinstance(loss, torch.Tensor) for loss in returned):
            shown["a loss is a tensor"] = True
    return shown


def _left(**players: Any) -> str:
    """How a round leaves the players."""
    for name, player in players.items():
        if not all(w.requires_grad for w in player.parameters()):
            return f"{name} is frozen"
        if not all(part.training for part in player.modules()):
            return f"{name} is in `eval` mode"
    return "as they came"


def _player(weight: Tensor, bias: Tensor, lr: float) -> Any:
    """A network with an optimizer of its own, as lesson 06's Player, here linear and by plain
    gradient descent.
    """
    import torch

    class Player(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # draws no random numbers
            self.net = torch.nn.utils.skip_init(torch.nn.Linear, weight.shape[1], weight.shape[0])
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=lr)

        def forward(self, values: Tensor) -> Tensor:
            return self.net(values)

        def move(self, loss: Tensor) -> None:
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


def averaged(
    answer: Callable, own: Tensor, first: Tensor, second: Tensor, keep: float
) -> dict[str, Any]:
    """`answer(average, net, keep)` twice, on two networks with BatchNorm: what the average and the
    network hold afterwards.

    own, first, second (21,): all numbers of the average, and of the network in each call.
    """
    import torch

    average, net = (
        torch.nn.Sequential(
            torch.nn.utils.skip_init(torch.nn.Linear, 2, 3), torch.nn.BatchNorm1d(3)
        )
        for _ in range(2)
    )
    average.requires_grad_(False).eval()
    _write(average, own)
    for values in (first, second):
        _write(net, values)
        answer(average, net, keep)
    held = {
        name: value.detach().clone()
        for name, value in average.state_dict().items()
        if value.is_floating_point()
    }
    running = [value for name, value in held.items() if "running" in name]
    learned = [value.flatten() for name, value in held.items() if "running" not in name]
    left = [v.detach().flatten() for v in net.state_dict().values() if v.is_floating_point()]
    return {
        "the average has a computation graph": any(w.requires_grad for w in average.parameters()),
        "parameters of the average": torch.cat(learned),
        "running mean and variance of the average": torch.cat(running),
        "the network afterwards": torch.cat(left),
    }


def _write(net: Any, values: Tensor) -> None:
    """Fill everything in a network's state that is a float with given numbers, in order."""
    import torch

    entries = [entry for entry in net.state_dict().values() if entry.is_floating_point()]
    parts = values.split([entry.numel() for entry in entries])
    with torch.no_grad():
        for entry, part in zip(entries, parts, strict=True):
            entry.copy_(part.view_as(entry))


def penalty(
    answer: Callable,
    W: Tensor,
    c: Tensor,
    v: Tensor,
    u: Tensor,
    real: Tensor,
    fake: Tensor,
    eps: Tensor,
    column: bool,
) -> dict[str, Any]:
    """`answer(D, real, fake, eps)` for the critic D(x) = tanh(x W + c) v + x u: the value, and its
    gradients in D's weights, whose `.grad` must stay empty.

    W (d, h), c (h,), v (h,), u (d,). D returns (B, 1) with `column`, else (B,). Raises NotData if a
    second call returns another value: then the answer draws an eps of its own.
    """
    import torch

    from course_utils.asking.ask import NotData

    class Critic(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W, self.c, self.v, self.u = (torch.nn.Parameter(part) for part in (W, c, v, u))

        def forward(self, x: Tensor) -> Tensor:
            score = torch.tanh(x @ self.W + self.c) @ self.v + x @ self.u
            return score[:, None] if column else score

    D = Critic()
    with torch.random.fork_rng(devices=[]):
        value, again = (answer(D, real, fake, eps) for _ in range(2))
    if isinstance(value, torch.Tensor) and not torch.allclose(value, again, equal_nan=True):
        raise NotData(
            "two calls with the same eps gave different penalties: use the eps handed in, draw none"
        )
    untouched = all(w.grad is None for w in D.parameters())
    gradients: Sequence[Tensor | None] = [None] * 4
    if isinstance(value, torch.Tensor) and value.requires_grad:
        gradients = torch.autograd.grad(value.sum(), list(D.parameters()), allow_unused=True)
    return {"the penalty": value, "D's own `.grad` is left alone": untouched} | {
        f"the gradient that reaches D's {name}": g if g is None else g + 0.0
        for name, g in zip("Wcvu", gradients, strict=True)
    }


def sampler(answer: Callable, x: Tensor, calls: list[int], seed: int) -> list[Any]:
    """`sample = answer(x)`, and what it draws in a row of calls, whatever module or function it is.
    x (N, 2) -> one (n, 2) for each n

    Training starts from a given random state, so that the same answer gets the same verdict; the
    caller's is untouched. Raises NotData for an answer that returns no function.
    """
    import torch

    from course_utils.asking.ask import NotData

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sample = answer(x)
        if not callable(sample) and sample is not None:
            raise NotData(
                f"`train_ring_sampler` returned a {type(sample).__name__}: return the function"
                " `sample`, not its points"
            )
        if isinstance(sample, torch.nn.Module):
            sample.eval()
        with torch.no_grad():
            return [sample(n) for n in calls]
