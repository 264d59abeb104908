"""A progress bar for loops that take a while; quiet under test."""
from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any


def bar(iterable: Iterable, label: str = "", **options: Any) -> Iterable:
    """Wrap an iterable in a `tqdm` bar that fits the front end. `options` go to tqdm."""
    from tqdm.auto import tqdm
    return tqdm(iterable, desc=label, disable="PYTEST_VERSION" in os.environ or None, **options)
