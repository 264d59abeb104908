"""Run a notebook as Colab would: `python tools/colab.py NOTEBOOK [--cells N]`, with a Python that
lacks it.

An empty folder, nothing but the notebook's own cells, and a stand-in for `google.colab`. What the
set-up cell installs goes into this Python, so use one that may be thrown away. Afterwards it says
which packages came, and fails if one that was there has changed. COURSE_SOURCE names a wheel to
install in place of the published course.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

STAND_IN = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')"


def installed() -> dict[str, str]:
    """Every package of this Python with its version; of two copies, the one that an import would
    find.
    """
    return {d.metadata["Name"]: d.version for d in reversed(list(metadata.distributions()))}


def run(notebook: Path, cells: int | None = None) -> None:
    """The first `cells` code cells of a notebook in an empty folder. Raises CellExecutionError
    where one fails.
    """
    book = nbformat.read(notebook, as_version=4)
    code = [cell.source for cell in book.cells if cell.cell_type == "code"][:cells]
    setup = next(cell.source for cell in book.cells if "setup" in cell.metadata.get("tags", []))
    fresh = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text) for text in [STAND_IN, setup, *code]]
    )
    os.environ.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            fresh, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python tools/colab.py", description=__doc__.split("\n")[0]
    )
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--cells", type=int, metavar="N", help="only the first N code cells")
    options = parser.parse_args(arguments)
    before = installed()
    if "generative-ai-course" in before:
        print("the course is installed for this Python: use one that lacks it", file=sys.stderr)
        return 2
    try:
        run(options.notebook, options.cells)
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    after = installed()
    print("new:", ", ".join(sorted(f"{name} {after[name]}" for name in set(after) - set(before))))
    changed = sorted(name for name in before if after.get(name) != before[name])
    print(
        "changed:",
        ", ".join(f"{name} {before[name]} to {after.get(name)}" for name in changed) or "nothing",
    )
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main())
