"""Runs that are too long for a lesson.

Each module here has `run() -> dict[str, array or number]`,
seeded, one thread.

`python -m tools measure study NAME` runs `tools/measure/studies/NAME.py` and writes
`course_utils/data/studies/NAME.npz`, which lessons read with `course_utils.data.study("NAME")`. The
file carries a hash of the script, so that `python -m tools` can tell when the two no longer belong
together.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path

import numpy as np

from tools.build import ROOT
from tools.data.build_data import pack
from tools.source import code_hash

SCRIPTS = Path("tools/measure/studies")
FILE = Path("course_utils/data/studies")  # the folder of NAME.npz


def names(root: Path = ROOT) -> list[str]:
    return sorted(path.stem for path in (root / SCRIPTS).glob("*.py") if path.stem != "__init__")


def script_hash(name: str, root: Path = ROOT) -> str:
    """A hash of what a study's script does."""
    return code_hash([(root / SCRIPTS / f"{name}.py").read_text(encoding="utf-8")])


def stale(root: Path) -> list[str]:
    """The studies whose script has changed since they were run."""
    return [name for name in names(root) if ran(root, name) != script_hash(name, root)]


def ran(root: Path, name: str) -> str:
    """The hash of the script that made a study's file; "" if there is no file."""
    path = root / FILE / f"{name}.npz"
    if not path.exists():
        return ""
    with np.load(path) as archive:
        return str(archive["script"])


def main(which: str = "") -> int:
    """Run one study, or all."""
    for name in [which] if which else names():
        ship(name)
    return 0


def ship(name: str) -> None:
    """Run one study and ship what it found, with its script's hash, its CPU seconds and the torch
    version.
    """
    import torch

    torch.set_num_threads(1)
    start = time.process_time()
    results = importlib.import_module(f"tools.measure.studies.{name}").run()
    facts = {
        "script": script_hash(name),
        "cpu_seconds": round(time.process_time() - start, 1),
        "torch": torch.__version__.split("+")[0],
    }
    path = ROOT / FILE / f"{name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack({key: np.asarray(value) for key, value in {**results, **facts}.items()}))
    print(f"{name}: {facts['cpu_seconds']} CPU seconds, {path.stat().st_size:,} bytes")
