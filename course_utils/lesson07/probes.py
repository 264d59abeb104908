"""What lesson 07 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def conditional_loss(
    answer: Callable,
    encoder: Tensor,
    decoder: Tensor,
    x: Tensor,
    c: Tensor,
    beta: float,
    seed: int,
) -> dict[str, Any]:
    """`answer(model, x, c, beta)` on a linear CVAE: its loss, and what it asked of the model.

    encoder (D + C, 2Z) and decoder (Z + C, D) are the weights of the model's two networks.
    """
    import torch

    from course_utils.asking.probes import tensors

    shown: dict[str, Any] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, asked = _linear_cvae(encoder, decoder)
        loss = tensors(answer, model, x, c, beta)
        z, c_decoded = _stacked(asked["decode"], model.Z, c)
        shown |= {"loss": loss.detach(), "loss in a graph": loss.requires_grad}
        shown |= {"z": z.detach(), "z in a graph": z.requires_grad}
        shown |= {"c of decode": c_decoded, "c of encode": _stacked(asked["encode"], 0, c)[1]}
        model, asked = _linear_cvae(encoder, decoder)
        answer(model, x, c, beta)
        shown["z again"] = _stacked(asked["decode"], model.Z, c)[0].detach()
    return shown


def _stacked(calls: list[tuple[Any, Any]], size: int, c: Tensor) -> tuple[Any, Any]:
    """The rows of all calls, (z or images, conditions)."""
    import torch

    if not calls:
        return torch.zeros(0, size), torch.zeros(0, c.shape[1])
    return torch.cat([rows for rows, _ in calls]), torch.cat([rows for _, rows in calls])


def _linear_cvae(encoder: Tensor, decoder: Tensor) -> tuple[Any, dict[str, list]]:
    """A linear CVAE, and the calls of its `encode(x, c)` and `decode(z, c)` so far."""
    import torch

    asked: dict[str, list] = {"encode": [], "decode": []}

    class Model(torch.nn.Module):
        Z = encoder.shape[1] // 2

        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = (
                torch.nn.Parameter(weight.clone()) for weight in (encoder, decoder)
            )

        def encode(self, x: Tensor, c: Tensor) -> tuple[Any, Any]:
            asked["encode"].append((x, c.detach()))
            mu, logvar = (torch.cat([x, c], dim=1) @ self.encoder).chunk(2, dim=1)
            return mu, logvar

        def decode(self, z: Tensor, c: Tensor) -> Tensor:
            asked["decode"].append((z, c.detach()))
            return torch.cat([z, c], dim=1) @ self.decoder

    return Model(), asked


def drawn_to_order(
    answer: Callable, from_both: Tensor, bias: Tensor, c: Tensor, n: int, seed: int
) -> dict[str, Any]:
    """`answer(model, c, n)` on a small conditional decoder with given weights: two calls, and what
    the first one asked it.

    from_both (Z + C, D) and bias (D,) make the logits, c (C,). The model has `Z`, `decode(z, c)`
    and an `encode`. Raises NotData for z and c that are not one row each per image.
    """
    import torch

    from course_utils.asking.probes import tensors

    asked: list[tuple[Any, Any]] = []
    Z = len(from_both) - len(c)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        images = tensors(answer, _decoder(from_both, bias, Z, asked), c, n)
        calls = list(asked)
        second = answer(_decoder(from_both, bias, Z, asked), c, n)
    latents, conditions = (
        zip(*calls, strict=True) if calls else ((torch.zeros(0, Z),), (torch.zeros(0, len(c)),))
    )
    return {
        "images": images,
        "in a graph": images.requires_grad,
        "latents": torch.cat(latents),
        "conditions": torch.cat(conditions),
        "images of a second call": second,
    }


def _decoder(from_both: Tensor, bias: Tensor, size: int, asked: list[tuple[Any, Any]]) -> Any:
    """A conditional decoder of `size` latent dimensions that appends what it is asked, (z, c),
    to `asked`.
    """
    import torch

    class Model(torch.nn.Module):
        Z = size

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(from_both)

        def encode(self, x: Tensor, c: Tensor) -> tuple[Any, Any]:
            # no draw of a prior
            return 100 + x[:, :1].expand(-1, self.Z), x.new_zeros(len(x), self.Z)

        def decode(self, z: Tensor, c: Tensor) -> Tensor:
            _one_row_each(z, c, self.Z, len(from_both) - self.Z)
            logits = torch.cat([z, c], dim=1) @ self.weight + bias  # (n, D)
            asked.append((z.detach().clone(), c.detach().clone()))
            return logits

    return Model()


def _one_row_each(z: Any, c: Any, Z: int, C: int) -> None:
    """Raises NotData, with the reason, unless z is (n, Z) and c (n, C)."""
    from course_utils.asking.ask import NotData

    shapes = tuple(getattr(z, "shape", ())), tuple(getattr(c, "shape", ()))
    if shapes == (shapes[0][:1] + (Z,), shapes[0][:1] + (C,)):
        return
    said = f"the decoder got z of shape {shapes[0]} and c of shape {shapes[1]}"
    if shapes[0] == (Z,):
        raise NotData(f"{said}, one latent code without a row: draw `torch.randn(n, model.Z)`")
    if shapes[1] in ((C,), (1, C)):
        raise NotData(f"{said}, one condition for all rows: give each its own, `c.expand(n, -1)`")
    if len(shapes[1]) == 1:
        raise NotData(
            f"{said}, all copies in one row: `c.repeat(n, 1)` or `c.expand(n, -1)` puts one in each"
        )
    raise NotData(f"{said}: it takes (n, {Z}) and (n, {C}), one row of each per image")


def planner(answer: Callable, plans: Tensor, c: Tensor, asked: Tensor) -> Any:
    """`draw = answer(plans, c)`, asked for one plan per row of other conditions; None where that is
    no function. (N, H, W), (N, C), (M, C) -> (M, H, W)
    """
    import torch

    draw = answer(plans, c)
    with torch.no_grad():
        return draw(asked) if callable(draw) else None
