"""What the lessons reach on a GPU, without Jupyter: `python -m tools gpu [NN] [--seeds 5]`.

The code cells of every solved notebook run in profile `gpu`, each lesson and seed in a process of
its own, several at a time. The ranges go to course_utils/numbers.json, under the device's name, and
leave those of the CPU alone. Needs a Python with the course's requirements; JupyterLab may be
missing. A lesson that fails is reported with its cell, and the others go on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.measure import ROOT, recorded
from tools.measure.ranges import entry

NUMBERS = ROOT / "course_utils" / "numbers.json"
RUN = "import sys; from tools.measure import gpu; sys.exit(gpu.run_cells(sys.argv[1]))"


def run_cells(notebook: str) -> int:
    """Run the code cells of a notebook in this process, as one program; 1 if a cell fails."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    space: dict = {"__name__": "__main__"}
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or source.lstrip().startswith("%"):
            continue
        try:
            exec(compile(source, f"cell {number}", "exec"), space)
        except Exception:
            traceback.print_exc()
            print(f"{Path(notebook).stem}: cell {number} failed:\n{source}", file=sys.stderr)
            return 1
    return 0


def measured(notebook: Path, seed: int, device: str) -> tuple[dict[str, float], str]:
    """The numbers of one run, and a line about it: its seconds, or how it failed."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "numbers.jsonl"
        settings = {
            "COURSE_DEVICE": device,
            "COURSE_PROFILE": "gpu",
            "COURSE_SEED": str(1000 * seed),
            "COURSE_NUMBERS": str(notes),
            "MPLBACKEND": "Agg",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(notebook)],
            cwd=folder,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
        )
        values: dict[str, float] = {}
        for line in notes.read_text(encoding="utf-8").splitlines() if notes.exists() else ():
            values |= json.loads(line)
    seconds = f"{notebook.stem}, seed {seed}: {time.monotonic() - start:.0f} s"
    return values, seconds if done.returncode == 0 else f"{seconds}, FAILED\n{done.stderr[-3000:]}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools gpu", description=__doc__)
    parser.add_argument("lesson", nargs="?", default="", help="two digits; all lessons if left out")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=min(12, os.cpu_count() or 1))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=NUMBERS, help="where the ranges are written")
    options = parser.parse_args(arguments)
    import torch

    notebooks = sorted((ROOT / "solutions").glob(f"{options.lesson or '[0-9][0-9]'}_*.ipynb"))
    runs = [(path, seed) for seed in range(options.seeds) for path in reversed(notebooks)]
    series: dict[str, list[float]] = {}
    failed = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for values, line in pool.map(lambda r: measured(r[0], r[1], options.device), runs):
            print(line, flush=True)
            failed += "FAILED" in line
            for key, value in values.items():
                series.setdefault(key, []).append(value)
    version = torch.__version__.split("+")[0]
    write(options.out, series, options.device, options.seeds, version)
    return int(failed > 0)


def write(out: Path, series: dict[str, list[float]], device: str, seeds: int, version: str) -> None:
    """Put the ranges beside those of the CPU, under `on` and the device's name."""
    numbers = recorded(NUMBERS)
    for key, values in series.items():
        if key in numbers and len(values) == seeds:
            made = entry(values, numbers[key], range(seeds), version)
            ours = {name: made[name] for name in ("value", "low", "high", "seeds", "torch")}
            numbers[key].setdefault("on", {})[device] = ours | {"device": device}
    text = json.dumps(numbers, indent=1, sort_keys=True, ensure_ascii=False)
    out.write_text(text + "\n", encoding="utf-8")
