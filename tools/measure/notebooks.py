"""What each lesson costs: CPU seconds and peak memory of its kernel, solved in `cpu` and blank in
`smoke`.

Of the solved run, the CPU seconds of the slowest cell too. The budgets are recorded, not asserted
by the clock: machines differ. An entry carries a hash of the lesson's code, so that
`python -m tools` can tell when it is out of date.
"""

from __future__ import annotations

import json
from pathlib import Path

from tools.build import ROOT
from tools.measure import recorded
from tools.run_lesson import lessons, run
from tools.source import code_hash, read

FILE = Path("tools/measure/budgets.json")


def lesson_hash(source: Path) -> str:
    """A hash of a lesson's code cells; prose may change without a new measurement."""
    return code_hash(cell.solved for cell in read(source) if cell.kind == "code")


def measure(source: Path) -> dict:
    solved = run(ROOT, source, COURSE_PROFILE="cpu")
    blank = run(ROOT, source, blank=True, COURSE_PROFILE="smoke")
    return {
        "seconds": round(solved["seconds"], 1),
        "peak_mb": round(solved["peak_mb"]),
        "slowest_cell_seconds": round(solved["slowest_cell_seconds"], 1),
        "smoke_seconds": round(blank["seconds"], 1),
        "smoke_peak_mb": round(blank["peak_mb"]),
        "code": lesson_hash(source),
    }


def stale(root: Path) -> list[str]:
    """The lessons whose code has changed since they were measured."""
    budgets = recorded(root / FILE)
    return [
        source.stem[:2]
        for source in lessons(root)
        if budgets.get(source.stem, {}).get("code") != lesson_hash(source)
    ]


def main(which: str = "") -> int:
    budgets = recorded(ROOT / FILE)
    for source in lessons(ROOT, which):
        budgets[source.stem] = measure(source)
        print(source.stem, budgets[source.stem], flush=True)
    (ROOT / FILE).write_text(json.dumps(budgets, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0
