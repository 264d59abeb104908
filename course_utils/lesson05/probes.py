"""What lesson 05 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def splits(answer: Callable, n: int, others: int) -> dict[str, Any]:
    """`answer(n, seed)` for seed 0 three times, the third among other global random numbers, and
    for seeds 1 to `others`.

    `untouched` says whether the global random numbers of PyTorch, NumPy and Python came through the
    first call. They are put back at the end.
    """
    import random

    import numpy as np
    import torch

    kept = torch.random.get_rng_state(), np.random.get_state(), random.getstate()
    # in the middle of something: a new seed is not where they were
    torch.rand(3), np.random.random(3), random.random()
    before = _global_randomness()
    found = {
        "first": answer(n, 0),
        "untouched": _global_randomness() == before,
        "second": answer(n, 0),
    }
    for elsewhere in (torch.rand, np.random.random, random.seed):
        elsewhere(3)
    found |= {"third": answer(n, 0), "others": [answer(n, seed) for seed in range(1, others + 1)]}
    for put_back, state in zip(
        (torch.random.set_rng_state, np.random.set_state, random.setstate), kept, strict=True
    ):
        put_back(state)
    return found


def _global_randomness() -> tuple:
    """The states of all global generators, comparable with ==."""
    import random

    import numpy as np
    import torch

    name, keys, *rest = np.random.get_state()
    return torch.random.get_rng_state().tolist(), name, keys.tolist(), rest, random.getstate()
