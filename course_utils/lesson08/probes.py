"""What lesson 08 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from course_utils.asking import probes
from course_utils.asking.ask import NotData

if TYPE_CHECKING:
    from torch import Tensor

ONE_ROW_EACH = (
    "`draw` was given logits of another shape than (B, V): it takes one row per document, that of"
    " its last token"
)


def attended(answer: Callable, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> dict[str, Any]:
    """`output, weights = answer(q, k, v, causal)`.

    Raises TypeError("no pair came back") where that is so, and NotData for NumPy arrays.
    """
    pair = answer(q, k, v, causal)
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError("no pair came back")
    output, weights = probes.tensors(lambda: tuple(pair))
    return {"the output": output, "the weights": weights}


def repeated(answer: Callable, times: int, *args: Any) -> Any:
    """The first of two things that come back, at the last of several calls."""
    for _ in range(times):
        pair = answer(*args)
    return pair[0]


def reached_by_gradient(answer: Callable, *args: Any) -> bool:
    """Whether the answer to these tensors depends on all that are not whole numbers, as training
    needs it. What cannot be differentiated does not.
    """
    import torch

    floats = [arg for arg in args if isinstance(arg, torch.Tensor) and arg.is_floating_point()]
    leaves = [arg.requires_grad_() for arg in floats]
    given = [1.0 * arg if any(arg is leaf for leaf in leaves) else arg for arg in args]
    try:
        value = answer(*given)
    except RuntimeError as error:  # NumPy refuses a tensor that has a gradient
        if "numpy" in str(error):
            return False
        raise
    first = value[0] if isinstance(value, (tuple, list)) and value else value
    if not getattr(first, "requires_grad", False):
        return False
    grads = torch.autograd.grad(first.sum(), leaves, allow_unused=True)
    return all(grad is not None for grad in grads)


def number(answer: Callable, *args: Any) -> Any:
    """What the answer returns: one number that has `.item()`, as the next cells need it.

    Raises NotData for a number of Python's.
    """
    value = answer(*args)
    return probes.tensors(lambda: value) if type(value) in (bool, int, float) else value


def _block(scales: Tensor, shifts: Tensor, *weights: Tensor) -> Any:
    """The four parts of a Transformer's block with given weights: scales and shifts (2, D) of the
    norms, and (D, D), (D, H), (H, D) of a stand-in for attention, which averages what it may see,
    and of a network.
    """
    from torch import nn

    class Average(nn.Module):
        def __init__(self, weight: Tensor) -> None:
            super().__init__()
            self.weight = nn.Parameter(weight)

        def forward(self, x: Tensor, causal: bool = True) -> Tensor:
            visible = x.new_ones(x.shape[1], x.shape[1])
            visible = visible.tril() if causal else visible
            return visible / visible.sum(1, keepdim=True) @ x @ self.weight

    def linear(weight: Tensor) -> nn.Linear:
        made = nn.utils.skip_init(nn.Linear, *weight.shape, bias=False)  # draws no random numbers
        made.weight.data = weight.T
        return made

    block: Any = nn.Module()
    for name, scale, shift in zip(("norm1", "norm2"), scales, shifts, strict=True):
        norm = nn.LayerNorm(len(scale))
        norm.weight.data, norm.bias.data = scale, shift
        setattr(block, name, norm)
    block.attend = Average(weights[0])
    block.mlp = nn.Sequential(linear(weights[1]), nn.ReLU(), linear(weights[2]))
    return block


def forwarded(answer: Callable, x: Tensor, *weights: Any) -> Any:
    """What the answer makes of x (B, T, D) with the block of these weights; `causal` comes last."""
    *parts, causal = weights
    return probes.tensors(answer, _block(*parts), x, causal)


def forward_facts(answer: Callable, x: Tensor, *weights: Any) -> tuple[bool, bool]:
    """Whether x stays as it was, and whether a gradient reaches it and every weight."""
    import torch

    *parts, causal = weights
    block, before = _block(*parts), x.clone()
    with torch.no_grad():
        answer(block, x, causal)
    kept = torch.equal(x, before)
    leaves = [before.requires_grad_(), *block.parameters()]
    try:
        # like the sum of two embeddings, x is no leaf
        value = answer(block, 1.0 * before, causal)
        grads = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
    except RuntimeError:  # nothing to go back through, or a tensor changed in place
        return kept, False
    return kept, all(grad is not None for grad in grads)


class _Sampler:
    """A model whose logits mix all tokens read so far, the last ones most, by weights (V, V), and
    the function that draws from them.
    """

    def __init__(self, rows: int, weights: Tensor, rng: Any) -> None:
        self.rows, self.weights, self.rng = rows, weights, rng
        self.drawn: list[Tensor] = []
        self.recorded = False

    def model(self) -> Any:
        import torch

        sampler = self

        class Model(torch.nn.Module):
            def forward(self, y: Tensor) -> Tensor:
                sampler.recorded |= torch.is_grad_enabled()
                read, states = 0.0 * sampler.weights[0], []
                for token in y.unbind(1):
                    read = 0.5 * read + torch.eye(len(sampler.weights))[token]  # (B, V)
                    states.append(read)
                return torch.stack(states, dim=1) @ sampler.weights  # (B, t, V)

        return Model()

    def draw(self, logits: Tensor) -> Tensor:
        import torch

        if getattr(logits, "shape", None) != (self.rows, len(self.weights)):
            raise NotData(ONE_ROW_EACH)
        ends = logits.detach().double().softmax(-1).cumsum(-1)  # (B, V)
        dart = torch.tensor(self.rng.random((len(logits), 1)))
        tokens = (ends < dart).sum(-1).clamp(max=len(self.weights) - 1)
        self.drawn.append(tokens.clone())
        return tokens


def generated(answer: Callable, start: Tensor, steps: int, weights: Tensor, rng: Any) -> Any:
    """`answer(model, start, steps, draw)` with the model of these weights: the rows."""
    sampler = _Sampler(len(start), weights, rng)
    return probes.tensors(answer, sampler.model(), start, steps, sampler.draw)


def generate_facts(
    answer: Callable, start: Tensor, steps: int, weights: Tensor, rng: Any
) -> tuple[bool, bool, bool]:
    """Whether the rows end with what was drawn, whether the model was asked without recording, and
    whether `start` stays as it was.
    """
    import torch

    sampler, before = _Sampler(len(start), weights, rng), start.clone()
    rows = probes.tensors(answer, sampler.model(), start, steps, sampler.draw)
    drawn = torch.stack(sampler.drawn, dim=1) if sampler.drawn else start[:, :0]
    due = torch.cat([before, drawn], dim=1)
    return torch.equal(rows, due), not sampler.recorded, torch.equal(start, before)


def stepped(answer: Callable, x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> dict[str, Any]:
    """`h, c = answer(x_t, h, c, weights)` for every step of x (steps, B, D), from h and c (B, H):
    what comes out at the end.

    Raises TypeError("no pair came back") where that is so, and NotData for NumPy arrays.
    """
    for inputs in x:
        pair = answer(inputs, h, c, tuple(weights))
        if not (isinstance(pair, (tuple, list)) or getattr(pair, "ndim", 0) == 3) or len(pair) != 2:
            raise TypeError("no pair came back")
        h, c = probes.tensors(lambda pair=pair: pair)
    return {"h": h, "c": c}


def writer(answer: Callable, y: Tensor, sizes: list[int], rng: Any) -> list[Tensor]:
    """`write = answer(y)` trained on token rows y (N, T), asked for rows of its own, write(n, rng)
    for each n in `sizes`.
    """
    import torch

    write = answer(y)
    with torch.no_grad():
        return [write(n, rng) for n in sizes]


def drafted(answer: Callable, y: Tensor, n: int, rng: Any) -> list[Tensor]:
    """Like `writer` with one size; nothing where the training raises, which may be because there
    are so few rows.
    """
    try:
        write = answer(y)
    except Exception:
        return []
    return writer(lambda _: write, y, [n], rng)
