"""What honest runs reach: every measured number that a lesson quotes, over several seeds.

Every lesson hands its numbers to `runtime.reached`. This runs each lesson once per seed, and writes
the middle value and the range into course_utils/numbers.json: a diff to review before it is
committed. What was written by hand stays: the label, and `most`, the largest value that there can
be (1 for a share).
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from tools.build import ROOT
from tools.measure import recorded
from tools.measure.ranges import entry
from tools.run_lesson import lessons, run

FILE = Path("course_utils/numbers.json")


def measured(root: Path, source: Path, seeds: range) -> dict[str, list[float]]:
    """Every number of a lesson, once per seed."""
    values: dict[str, list[float]] = {}
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
                    values.setdefault(key, []).append(value)
        print(f"{source.stem}: seed {seed} done", flush=True)
    return values


def stale(root: Path) -> list[str]:
    """The lessons that hand other numbers to `runtime.reached` than those that were measured."""
    numbers = recorded(root / FILE)
    return [
        source.stem[:2]
        for source in lessons(root)
        if keys(source) != {key for key in numbers if key.startswith(f"{source.stem[:2]}.")}
    ]


def keys(source: Path) -> set[str]:
    """The keys that a lesson's source names, such as "04.vae.elbo"."""
    named = re.findall(r'"(\d\d\.[a-z][\w.]*)"', source.read_text(encoding="utf-8"))
    return {key for key in named if key.startswith(source.stem[:2])}


def main(which: str = "", seeds: int = 5) -> int:
    import torch

    numbers, version = recorded(ROOT / FILE), torch.__version__.split("+")[0]
    for source in lessons(ROOT, which):
        new = measured(ROOT, source, range(seeds))
        others = {k: v for k, v in numbers.items() if not k.startswith(f"{source.stem[:2]}.")}
        numbers = others | {
            key: entry(values, numbers.get(key, {}), range(seeds), version)
            for key, values in new.items()
        }
    text = json.dumps(numbers, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (ROOT / FILE).write_text(text, encoding="utf-8")
    print(f"look at `git diff {FILE.as_posix()}`")
    return 0
