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
    """`answer(G, D, x, z1, z2)` on two linear players with given weights and biases: what it
    returns and leaves.

    Both move by plain gradient descent, and begin with slopes left over from an earlier round, all
    7. While D moves, G's slopes may be those or gone, but nothing new.
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
    losses = answer(G, D, x, z1, z2)
    return {
        "the losses it returned": losses,
        "G's slopes left alone while D moves": all(alone),
        "D's weights afterwards": torch.cat([w.flatten() for w in D.parameters()]),
        "G's weights afterwards": torch.cat([w.flatten() for w in G.parameters()]),
    }


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
    """`answer(D, real, fake, eps)` for the critic D(x) = tanh(x W + c) v + x u: the value, and the
    slopes it leaves in D.

    W (d, h), c (h,), v (h,), u (d,). D returns (B, 1) with `column`, else (B,).
    """
    import torch

    class Critic(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W, self.c, self.v, self.u = (torch.nn.Parameter(part) for part in (W, c, v, u))

        def forward(self, x: Tensor) -> Tensor:
            score = torch.tanh(x @ self.W + self.c) @ self.v + x @ self.u
            return score[:, None] if column else score

    D = Critic()
    value = answer(D, real, fake, eps)
    gradients: Sequence[Tensor | None] = [None] * 4
    if isinstance(value, torch.Tensor) and value.requires_grad:
        gradients = torch.autograd.grad(value.sum(), list(D.parameters()), allow_unused=True)
    return {"the penalty": value} | {
        f"the slope it leaves in D's {name}": g if g is None else g + 0.0
        for name, g in zip("Wcvu", gradients, strict=True)
    }


def sampler(answer: Callable, x: Tensor, n: int, seed: int) -> Tensor:
    """`sample = answer(x)`, and n points that it draws, whatever module or function it is. x
    (N, 2) -> (n, 2)

    Training starts from a given random state, so that the same answer gets the same verdict; the
    caller's is untouched.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sample = answer(x)
        if isinstance(sample, torch.nn.Module):
            sample.eval()
        with torch.no_grad():
            return sample(n)
