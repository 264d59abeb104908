"""What takes long to measure; the results are JSON files in this folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def beside(code: str, *arguments: str) -> Any:
    """What `code` prints last, which is JSON, in a fresh process with one thread. Raises
    subprocess.CalledProcessError.
    """
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        text=True,
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return json.loads(done.stdout.splitlines()[-1])


def recorded(path: Path) -> Any:
    """What a JSON file holds; {} if it is not there."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def record(path: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write the rows of every lesson, one to a line."""
    lines = [
        f' "{number}": [\n  ' + ",\n  ".join(map(json.dumps, of_lesson)) + "\n ]"
        for number, of_lesson in sorted(rows.items())
    ]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
