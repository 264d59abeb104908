"""What lesson 07 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

ONE_BELOW_THE_OTHER = (
    "two tensors of different widths were joined along dimension 0, one below the other: a"
    " condition belongs beside its row, along `dim=1`"
)
CUT = (
    "after the encoder, two tensors with different numbers of rows were joined: along which"
    " dimension was its output cut into mu and logvar?"
)


def conditional_loss(
    answer: Callable,
    encoder: Tensor,
    decoder: Tensor,
    x: Tensor,
    c: Tensor,
    beta: float,
    seed: int,
) -> dict[str, Any]:
    """`answer(model, x, c, beta)` on a linear CVAE: its loss, and what it gave the two networks.

    encoder (D + C, 2Z) and decoder (Z + C, D) are the weights of the model's two networks.
    """
    import torch

    from course_utils.asking.probes import tensors

    shown: dict[str, Any] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _linear_cvae(encoder, decoder)
        with _joins_explained(model):
            loss = tensors(answer, model, x, c, beta)
        rows = model.decoder.rows()
        shown |= {"loss": loss.detach(), "loss in a graph": loss.requires_grad}
        shown |= {"z": rows[:, : model.Z].detach(), "z in a graph": rows.requires_grad}
        shown |= {"to encode": model.encoder.rows().detach(), "to decode": rows.detach()}
        model = _linear_cvae(encoder, decoder)
        answer(model, x, c, beta)
        shown["z again"] = model.decoder.rows()[:, : model.Z].detach()
    return shown


def _linear_cvae(encoder: Tensor, decoder: Tensor) -> Any:
    """A linear CVAE with `Z`, `encoder` and `decoder`, whose networks keep what they were given."""
    import torch

    class Model(torch.nn.Module):
        Z = encoder.shape[1] // 2

        def __init__(self) -> None:
            super().__init__()
            self.encoder = _linear("encoder", encoder)
            self.decoder = _linear("decoder", decoder)

        def decode(self, z: Tensor, c: Tensor) -> Tensor:
            return self.decoder(torch.cat([z, c], dim=1))

    return Model()


def _linear(name: str, weights: Tensor, bias: Any = 0.0) -> Any:
    """A linear layer that takes one batch of rows, and keeps the rows of all calls."""
    import torch

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(weights.clone())
            self.given: list[Tensor] = []

        def forward(self, *parts: Any) -> Tensor:
            self.given.append(_one_batch(name, parts, len(self.weight)))
            return self.given[-1] @ self.weight + bias

        def rows(self) -> Tensor:
            return torch.cat(self.given) if self.given else torch.zeros(0, len(self.weight))

    return Layer()


def _one_batch(name: str, parts: tuple, width: int) -> Any:
    """What a network was called with, if that is one batch of rows. Raises NotData, which says what
    it is instead.
    """
    from course_utils.asking.ask import NotData

    if len(parts) != 1:
        raise NotData(
            f"the {name} got {len(parts)} tensors, and takes one: a batch in which each row has"
            f" {width} numbers"
        )
    shape = tuple(getattr(parts[0], "shape", ()))
    if len(shape) != 2:
        raise NotData(
            f"the {name} got a tensor of shape {shape}, and takes a batch, one row per image:"
            f" (n, {width})"
        )
    if shape[1] != width:
        raise NotData(
            f"the {name} got rows of {shape[1]} numbers, and takes {width}: what belongs in a row?"
        )
    return parts[0]


@contextmanager
def _joins_explained(model: Any) -> Iterator[None]:
    """Raises NotData, with a likely reason, where tensors that are joined do not fit together."""
    from course_utils.asking.ask import NotData

    try:
        yield
    except RuntimeError as error:
        if "except in dimension 0" in str(error):
            raise NotData(ONE_BELOW_THE_OTHER) from None
        given: Any = getattr(model.encoder, "given", None)
        if given and "except in dimension 1" in str(error):
            raise NotData(CUT) from None
        raise


def drawn_to_order(
    answer: Callable, from_both: Tensor, bias: Tensor, c: Tensor, n: int, seed: int
) -> dict[str, Any]:
    """`answer(model, c, n)` on a small conditional decoder with given weights: two calls, and what
    the first one gave it.

    from_both (Z + C, D) and bias (D,) make the logits, c (C,). The model has `Z`, `decoder`, and an
    `encoder` whose codes are far from the prior's.
    """
    import torch

    from course_utils.asking.probes import tensors

    class Model(torch.nn.Module):
        Z = len(from_both) - len(c)

        def __init__(self) -> None:
            super().__init__()
            self.decoder = _linear("decoder", from_both, bias)

        def encoder(self, rows: Tensor) -> Tensor:
            far = 100 + rows[:, :1].expand(-1, self.Z)
            return torch.cat([far, torch.zeros_like(far)], dim=1)  # (n, 2Z)

        def encode(self, x: Tensor, c: Tensor) -> tuple[Tensor, ...]:
            return self.encoder(torch.cat([x, c], dim=1)).chunk(2, dim=1)

        def decode(self, z: Tensor, c: Tensor) -> Tensor:
            return self.decoder(torch.cat([z, c], dim=1))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Model()
        with _joins_explained(model):
            images = tensors(answer, model, c, n)
        rows = model.decoder.rows().detach().clone()
        second = answer(model, c, n)
    return {
        "images": images,
        "in a graph": images.requires_grad,
        "latents": rows[:, : model.Z],
        "conditions": rows[:, model.Z :],
        "images of a second call": second,
    }


def planner(answer: Callable, plans: Tensor, c: Tensor, asked: Tensor) -> Any:
    """`draw = answer(plans, c)`, asked for one plan per row of other conditions; None where that is
    no function. (N, H, W), (N, C), (M, C) -> (M, H, W)
    """
    import torch

    draw = answer(plans, c)
    with torch.no_grad():
        return draw(asked) if callable(draw) else None
