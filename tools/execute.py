"""Run a solved lesson and store the outputs it keeps: `python -m tools execute NN`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tools import make
from tools.build import (
    KEPT,
    ROOT,
    measurements,
    notebook,
    notebook_text,
    solved_path,
    taught,
)
from tools.render import Facts, header
from tools.run_lesson import environment, lessons
from tools.source import Mistakes, read


def execute(root: Path, number: str) -> None:
    """Run one solved notebook and store the outputs of its kept cells. Raises Mistakes."""
    try:
        [source] = lessons(root, number)
    except FileNotFoundError as error:
        raise Mistakes(str(error)) from None
    cells, facts = read(source), Facts(root)
    extra = {"header": header(source.stem, cells, facts)}
    text = notebook(source, cells, facts, extra, blank=False)
    # what the lesson reads when it runs
    module = {root / f"course_utils/lesson{source.stem[:2]}/taught.py": taught(source, cells)}
    make.write(module | measurements(root))
    outputs = printed(root, source, text)
    book = json.loads(text)
    for cell in book["cells"]:
        cell.update(outputs.get(cell["id"], {}))
    make.write({solved_path(root, source): notebook_text(book)})


def printed(root: Path, source: Path, text: str) -> dict[str, dict]:
    """Run a notebook; what its kept cells printed, by id. Raises Mistakes if a cell fails."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    client = NotebookClient(
        nbformat.reads(text, as_version=4),
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(root / "solutions")}},
    )
    try:
        with environment(COURSE_PROFILE="cpu"):
            run = client.execute()
    except CellExecutionError as error:
        raise Mistakes(f"{source}: a cell failed:\n{error}") from None
    return {
        cell.id: {"execution_count": cell.execution_count, "outputs": as_text(cell.outputs)}
        for cell in run.cells
        if KEPT in cell.metadata.get("tags", [])
    }


def as_text(outputs: list) -> list[dict]:
    """Printed text as nbformat stores it. Anything else does not belong in git."""
    if any(o.output_type != "stream" for o in outputs):
        raise Mistakes(f"a cell tagged {KEPT} must only print text")
    return [
        {"name": o.name, "output_type": "stream", "text": o.text.splitlines(keepends=True)}
        for o in outputs
    ]


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools execute", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("lesson", metavar="NN", help="two digits")
    options = parser.parse_args(arguments)
    try:
        execute(root, options.lesson)
    except Mistakes as mistakes:
        print(mistakes, file=sys.stderr)
        return 1
    return make.main([], root)
