"""Files that come with other packages, found without importing these."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def find(package: str, inside: str) -> Path:
    """The path of a file in an installed package. Raises FileNotFoundError if the package or the
    file is missing.
    """
    spec = find_spec(package)
    path = Path(spec.origin).parent / inside if spec and spec.origin else None
    if path is None or not path.exists():
        raise FileNotFoundError(
            f"{inside} comes with the package {package}, which is missing or of another version: "
            "install the course again."
        )
    return path
