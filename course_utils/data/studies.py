"""What long runs found, measured once by a script of the course and shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np

STUDIES = Path(__file__).resolve().parent / "studies"


def study(name: str) -> dict[str, np.ndarray]:
    """The arrays that `tools/measure/studies/NAME.py` measured; `script` is that file's hash,
    `cpu_seconds` what it took.

    Raises ValueError for an unknown name, which lists the known ones.
    """
    known = sorted(path.stem for path in STUDIES.glob("*.npz"))
    if name not in known:
        raise ValueError(f"There is no study {name!r}. There are: {', '.join(known) or 'none'}.")
    with np.load(STUDIES / f"{name}.npz", allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}
