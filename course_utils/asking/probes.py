"""What is done around an answer in the answer's own process, so that only numbers go in and come
out.

A check asks for a probe by name: "gradient" is a function of this module, "lesson06.penalty" one of
`course_utils/lesson06/probes.py`. Its first parameter is the answer, the others are plain numbers
or fresh tensors.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.asking.errors import NotData

if TYPE_CHECKING:
    from torch import Tensor

ONE_TENSOR = (
    "`encode` returned one tensor, and mu and logvar are two: cut it in halves with"
    " `.chunk(2, dim=1)`, or return both"
)
SWAPPED = "the pair came back as decode, encode: return `encode` first, then `decode`"


def find(name: str) -> Callable[..., Any]:
    """The probe of this name. Raises ModuleNotFoundError or AttributeError if there is none."""
    lesson, _, function = name.rpartition(".")
    module = f"course_utils.{lesson}.probes" if lesson else __name__
    return getattr(importlib.import_module(module), function)


def tensors(answer: Callable, *args: Any) -> Any:
    """What the answer returns: a tensor, or a tuple or list of them, as the next cells need it.

    Raises NotData, which names what came instead.
    """
    import torch

    value = answer(*args)
    for part in value if isinstance(value, (tuple, list)) and value else [value]:
        if part is None:
            raise NotData("it returned None: is there a `return`?")
        if not isinstance(part, torch.Tensor):
            whole = value if isinstance(value, list) else part
            said = f"it returned {_named(whole)}, and the next cells need a torch tensor"
            raise NotData(said + _way(whole))
    return value


def arrays(answer: Callable, *args: Any) -> Any:
    """What the answer returns, as cells need it that compute with NumPy: no list in place of an
    array, and no tensor that requires a gradient, which NumPy refuses. Raises NotData for these.
    """
    value = answer(*args)
    if getattr(value, "requires_grad", False):
        raise NotData(
            "it returned a tensor that requires a gradient, and the next cells compute with NumPy:"
            " add `.detach()`"
        )
    if isinstance(value, (list, tuple)):
        raise NotData(
            f"it returned a {type(value).__name__}, and the next cells need an array: wrap it in"
            " `np.array(…)`"
        )
    return value


def _named(value: Any) -> str:
    kind = {"ndarray": "NumPy array", "float": "Python float", "int": "Python int"}.get(
        type(value).__name__
    )
    return f"a {kind or type(value).__name__}"


def _way(value: Any) -> str:
    if isinstance(value, (float, int)):
        return ": leave out `.item()` or `float(...)`, which cut off the gradient"
    return ": build it with torch, or convert it with `torch.as_tensor`"


def gradient(answer: Callable, names: list[str], *args: Any) -> dict[str, Any]:
    """The value, and the gradient that reaches each named argument; None where none does. The named
    arguments come first and are tensors.

    The entries of the value are weighted by numbers from 1 to 2, so that no two of them can stand
    in for each other.
    """
    import torch

    inputs = [arg.requires_grad_() for arg in args[: len(names)]]
    value = answer(*args)
    gradients: Sequence[Tensor | None] = [None] * len(inputs)
    if isinstance(value, torch.Tensor) and value.requires_grad:
        weights = torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)
        gradients = torch.autograd.grad((value * weights).sum(), inputs, allow_unused=True)
    return {"the value": value} | {
        f"the gradient that reaches {name}": g for name, g in zip(names, gradients, strict=True)
    }


def coder(
    answer: Callable, x_train: Tensor, x_test: Tensor, noise: Tensor, prior: Tensor
) -> dict[str, Any]:
    """`encode, decode = answer(x_train)`, asked about digits that it has not seen, and what can be
    seen of its training.

    x_train (N, D), x_test (M, D); a latent code is mu + sigma * noise, with noise (M, Z_max) and
    draws from the prior (K, Z_max) cut to the width of mu. The logits of the test digits come from
    a batch in another order, after other digits were encoded. Some `rows` are asked `again` beside
    other codes, `noiseless` and with mu and logvar `exchanged`. What was not possible is None.
    """
    import time

    import torch

    from course_utils.asking.training import put_in_eval_mode, watched

    start = time.process_time()
    with watched() as training:
        encode, decode = _pair(answer(x_train), "the pair encode, decode")
    put_in_eval_mode(encode, decode)
    _in_order(encode, decode, x_test[:2])
    with torch.no_grad():
        known = _coded(encode, decode, x_train[: len(x_test)], noise)
        draws = prior[:, : known["mu"].shape[1]]
        shown = {"prior": _logits(decode, draws)}  # before the test digits are encoded
        shown |= _shuffled(encode, decode, x_train, x_test, noise, draws)
    seconds = time.process_time() - start
    return shown | {"known": known, "seconds": seconds} | _trained(training, encode, decode, x_test)


def _in_order(encode: Callable, decode: Callable, x: Tensor) -> None:
    """Raises NotData where what was returned second encodes, and what came first does not."""

    def encodes(part: Callable) -> bool:
        try:
            mu, logvar = part(x)
        except Exception:
            return False
        return mu.ndim == 2 and mu.shape == logvar.shape

    if not encodes(encode) and encodes(decode):
        raise NotData(SWAPPED)


def _pair(value: Any, wanted: str) -> Any:
    """Both parts of a value. Raises NotData where it has not two."""
    import torch

    if value is None:
        raise NotData(f"None came back where {wanted} is asked for: is there a `return`?")
    if isinstance(value, torch.Tensor) and value.ndim == 2:
        raise NotData(ONE_TENSOR)
    try:
        first, second = value
    except (TypeError, ValueError):
        raise NotData(f"what came back has not two parts: {wanted} is asked for") from None
    return first, second


def _coded(encode: Callable, decode: Callable, x: Tensor, noise: Tensor) -> dict[str, Any]:
    """mu and logvar of some digits, and the logits of one latent code for each."""
    import torch

    mu, logvar = _pair(encode(x), "the pair mu, logvar of `encode(x)`")
    if mu.ndim == 2 and mu.shape[1] > noise.shape[1]:
        raise NotData(
            f"z has {mu.shape[1]} latent dimensions, and this check draws {noise.shape[1]} at most:"
            " make the bottleneck narrower"
        )
    z = mu + torch.exp(0.5 * logvar) * noise[: len(x), : mu.shape[1]]
    return {"mu": mu, "logvar": logvar, "logits": decode(z)}


def _logits(decode: Callable, z: Tensor) -> Any:
    """None where `decode` fails on a batch of another size or origin than before."""
    try:
        return decode(z)
    except Exception:
        return None


def _shuffled(
    encode: Callable,
    decode: Callable,
    x_train: Tensor,
    x_test: Tensor,
    noise: Tensor,
    draws: Tensor,
) -> dict[str, Any]:
    """What `decode` makes of the test digits' codes in an order of its own, and of some `rows` of
    them in other ways.
    """
    import torch

    mu, logvar = encode(x_test)
    z = mu + torch.exp(0.5 * logvar) * noise[:, : mu.shape[1]]
    encode(x_train[: len(x_test)].flip(0))
    order, rows = noise[:, 0].argsort(), noise[:, 1].argsort()[: len(x_test) // 4]
    logits = _logits(decode, z[order])
    if isinstance(logits, torch.Tensor) and len(logits) == len(order):
        logits = logits[order.argsort()]
    again = _logits(decode, torch.cat([draws[: len(rows)], z[rows]]))
    exchanged = logvar + torch.exp(0.5 * mu) * noise[:, : mu.shape[1]]
    others = {"noiseless": mu[rows], "exchanged": exchanged[rows]}
    others = {key: _logits(decode, other) for key, other in others.items()}
    return others | {"mu": mu, "logvar": logvar, "logits": logits, "again": again, "rows": rows}


def _trained(training: Any, encode: Callable, decode: Callable, x: Tensor) -> dict[str, Any]:
    """What the optimizers did, and in which of the two networks alone something is missing."""
    import torch

    encoder = decoder = False, False
    with torch.enable_grad(), contextlib.suppress(Exception):
        mu = encode(x[:2])[0]
        encoder, decoder = training.network(mu), training.network(decode(mu.detach()))
    return training.facts() | {
        "encoder left out": encoder[0] > decoder[0],
        "decoder left out": decoder[0] > encoder[0],
        "encoder unreached": encoder[1] > decoder[1],
    }
