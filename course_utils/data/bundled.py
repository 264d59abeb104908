"""The files that come with the course."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

FILES = Path(__file__).resolve().parent / "files"


def find(name: str) -> Path:
    """The path of a bundled file. Raises FileNotFoundError if the installation lacks it."""
    path = FILES / name
    if not path.exists():
        raise FileNotFoundError(
            f"The course's file {name} is missing from {FILES}: install the course again."
        )
    return path


@cache
def arrays(name: str) -> dict[str, np.ndarray]:
    """All arrays of a bundled .npz file, read once and read-only."""
    with np.load(find(name), allow_pickle=False) as archive:
        content = {key: archive[key] for key in archive.files}
    for array in content.values():
        array.setflags(write=False)
    return content
