"""What lesson 05 does around an answer, in the answer's own process; see
`course_utils.asking.probes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def splits(answer: Callable, n: int, others: int) -> dict[str, Any]:
    """`answer(n, seed)` for seed 0 three times, the third among other global random numbers, and
    for seeds 1 to `others`.

    `untouched` says whether the first call left the global generators of PyTorch, NumPy and Python
    alone. Their states are restored at the end.
    """
    import random

    import numpy as np
    import torch

    states = torch.random.get_rng_state(), np.random.get_state(), random.getstate()
    # in the middle of something: a new seed is not where they were
    torch.rand(3), np.random.random(3), random.random()
    before = _global_randomness()
    results = {
        "first": answer(n, 0),
        "untouched": _global_randomness() == before,
        "second": answer(n, 0),
    }
    torch.rand(3), np.random.random(3), random.seed(3)
    results |= {"third": answer(n, 0), "others": [answer(n, seed) for seed in range(1, others + 1)]}
    torch.random.set_rng_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])
    return results


def _global_randomness() -> tuple:
    """The states of all global generators, comparable with ==."""
    import random

    import numpy as np
    import torch

    numpy_state = np.random.get_state(legacy=False)
    keys = numpy_state["state"].pop("key").tolist()
    return torch.random.get_rng_state().tolist(), numpy_state, keys, random.getstate()
