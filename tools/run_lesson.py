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

USAGE = "import json; from course_utils import runtime; print(json.dumps(runtime.usage()))"


def run(root: Path, source: Path, *, blank: bool = False, without: tuple[str, ...] = (), **settings: str) -> dict:
    """Run every code cell except those with a tag in `without`; the kernel's CPU seconds and peak memory in MB.

    Raises nbclient's CellExecutionError where a cell fails.
    """
    cells = [c for c in read(source) if c.kind == "code" and not set(without) & set(c.tags)]
    cells = [c for c in cells if not (blank and "solved" in c.tags)]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(_code(c, blank)) for c in cells])
    book.cells.append(nbformat.v4.new_code_cell(USAGE))
    with environment(OMP_NUM_THREADS="1", **settings):
        NotebookClient(book, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(root)}}).execute()
    return json.loads(book.cells[-1].outputs[0].text)


def _code(cell: Cell, blank: bool) -> str:
    return cell.blank(f"{cell.tagged('exercise')} {exercise_name(cell)}") if blank and cell.tagged("exercise") else cell.solved


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
    found = sorted((root / "solutions").glob(f"{number or '[0-9][0-9]'}_*.py"))
    if not found:
        raise FileNotFoundError(f"there is no lesson {number} in {root / 'solutions'}")
    return found


