"""Runs that are too long for a lesson. Each module here has `run() -> dict[str, array or number]`,
seeded, one thread.

`python -m tools measure study NAME` runs `tools/measure/studies/NAME.py` and writes
`course_utils/data/studies/NAME.npz`, which lessons read with `course_utils.data.study("NAME")`. The
file carries a hash of the script, so that a test can tell when the two no longer belong together.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path

import numpy as np

from tools.data.build_data import DATA, pack
from tools.source import code_hash

SCRIPTS = Path(__file__).resolve().parent
FILES = DATA / "studies"


def names() -> list[str]:
    return sorted(path.stem for path in SCRIPTS.glob("*.py") if path.stem != "__init__")


def script_hash(name: str) -> str:
    """A hash of what a study's script does."""
    return code_hash([(SCRIPTS / f"{name}.py").read_text(encoding="utf-8")])


def main(name: str) -> int:
    """Run one study and ship what it found, with its script's hash, its CPU seconds and the torch
    version.
    """
    import torch

    torch.set_num_threads(1)
    start = time.process_time()
    found = importlib.import_module(f"tools.measure.studies.{name}").run()
    facts = {
        "script": script_hash(name),
        "cpu_seconds": round(time.process_time() - start, 1),
        "torch": torch.__version__.split("+")[0],
    }
    FILES.mkdir(parents=True, exist_ok=True)
    (FILES / f"{name}.npz").write_bytes(
        pack({key: np.asarray(value) for key, value in {**found, **facts}.items()})
    )
    print(
        f"{name}: {facts['cpu_seconds']} CPU seconds, {(FILES / f'{name}.npz').stat().st_size:,}"
        " bytes"
    )
    return 0
