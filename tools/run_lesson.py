"""Run the code of a lesson's source in a fresh kernel, without building anything."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tools.source import Cell, exercise_name, read

WATCH = """from time import process_time as _now
_starts = []  # CPU seconds of the kernel at the start of every cell after this one
get_ipython().events.register("pre_run_cell", lambda info: _starts.append(_now()))"""
USAGE = """import json; from course_utils import runtime
slowest = max(end - start for start, end in zip(_starts, _starts[1:]))
print(json.dumps(runtime.usage() | {"slowest_cell_seconds": slowest}))"""


def run(
    root: Path, source: Path, *, blank: bool = False, without: tuple[str, ...] = (), **settings: str
) -> dict:
    """Run every code cell except those with a tag in `without`; the kernel's CPU seconds, those of
    its slowest cell, and peak memory in MB.

    Raises nbclient's CellExecutionError where a cell fails.
    """
    cells = [c for c in read(source) if c.kind == "code" and not set(without) & set(c.tags)]
    cells = [c for c in cells if not (blank and "solved" in c.tags)]
    book = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(code)
            for code in (WATCH, *(_code(c, blank) for c in cells), USAGE)
        ]
    )
    with environment(OMP_NUM_THREADS="1", **settings):
        NotebookClient(
            book, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(root)}}
        ).execute()
    return json.loads(book.cells[-1].outputs[0].text)


def _code(cell: Cell, blank: bool) -> str:
    return (
        cell.blank(f"{cell.tagged('exercise')} {exercise_name(cell)}")
        if blank and cell.tagged("exercise")
        else cell.solved
    )


@contextmanager
def environment(**settings: str) -> Iterator[None]:
    """Environment variables for as long as a kernel needs them."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def lessons(root: Path, number: str = "") -> list[Path]:
    """The sources of all lessons, or of one. Raises FileNotFoundError if there is none."""
    found = sorted((root / "lessons").glob(f"{number or '[0-9][0-9]'}_*.py"))
    if not found:
        raise FileNotFoundError(f"there is no lesson {number} in {root / 'lessons'}")
    return found
