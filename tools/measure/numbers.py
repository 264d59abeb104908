"""Measure again what honest runs reach: `python -m tools measure numbers [NN] [--seeds 5]`.

Every lesson hands its numbers to `runtime.reached`. This runs each lesson once per seed, and writes
the middle value and the range into course_utils/numbers.json: a diff to review before it is
committed. What was written by hand stays: the label, and `most`, the largest value that there can
be (1 for a share).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tools.build import ROOT
from tools.measure.ranges import entry
from tools.run_lesson import lessons, run


def measured(root: Path, source: Path, seeds: range) -> dict[str, list[float]]:
    """Every number of a lesson, once per seed."""
    found: dict[str, list[float]] = {}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            notes = Path(folder) / "numbers.jsonl"
            run(
                root,
                source,
                COURSE_SEED=str(1000 * seed),
                COURSE_PROFILE="cpu",
                COURSE_NUMBERS=str(notes),
            )
            for line in notes.read_text(encoding="utf-8").splitlines():
                for key, value in json.loads(line).items():
                    found.setdefault(key, []).append(value)
        print(f"{source.stem}: seed {seed} done", flush=True)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools measure numbers", description=__doc__.split("\n")[0]
    )
    parser.add_argument("lesson", nargs="?", default="", help="two digits; all lessons if left out")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args(arguments)
    import torch

    path, seeds = ROOT / "course_utils/numbers.json", range(options.seeds)
    numbers = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for source in lessons(ROOT, options.lesson):
        new = measured(ROOT, source, seeds)
        kept = {
            key: value
            for key, value in numbers.items()
            if not key.startswith(source.stem[:2] + ".")
        }
        version = torch.__version__.split("+")[0]
        numbers = kept | {
            key: entry(v, numbers.get(key, {}), seeds, version) for key, v in new.items()
        }
    path.write_text(
        json.dumps(numbers, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print("written; look at `git diff course_utils/numbers.json`, then run `python -m tools`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
