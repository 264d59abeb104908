"""Bring the learner's notebooks in `my/` up to date with the course, without losing a line of
theirs.

The id of a shipped cell is made from its content, so a cell that still matches its id is untouched
since it was shipped, and every other cell is the learner's: edited or added. No copy of the old
course is needed to tell. A notebook also lists the ids that it was shipped with, for a front end
that drops or renews them; line ends, trailing spaces and how accents are encoded count for nothing.
"""

from __future__ import annotations

import contextlib
import copy
import difflib
import hashlib
import json
import os
import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course_utils import progress
from course_utils.platform import door
from course_utils.platform.installation import print_anything

Cell = dict[str, Any]
Notebook = dict[str, Any]

NOTEBOOKS = ("index.ipynb", "[0-9][0-9]_*.ipynb")
ELSEWHERE = r"^\[▶ Open in Colab\].*\n\n"  # a line of a lesson's first cell
REWORDED = 0.5  # from this likeness on, two cells are versions of one
TOP = -1  # stands for "before the first cell" where the index of a cell is meant


def cell_id(cell_type: str, source: str) -> str:
    """The id that a shipped cell gets; equal cells of one notebook are told apart by a suffix -2,
    -3.
    """
    content = f"{cell_type}\n{_normal(source)}".encode("utf-8", "surrogatepass")
    return hashlib.sha1(content).hexdigest()[:8]


def _normal(text: str) -> str:
    """A text without what an editor changes by itself."""
    return re.sub(r"[ \t\r]*\n|[ \t]*\r", "\n", unicodedata.normalize("NFC", text)).rstrip()


# --- merging two notebooks ------------------------------------------------------------------------


def merge(new: Notebook, old: Notebook) -> Notebook:
    """The course's `new` notebook with everything that the learner wrote into `old`. Changes
    neither.
    """
    old = {**old, "cells": _with_lost_ids(new, old)}
    same = _same_cells(new["cells"], old["cells"])
    near = same | _reworded_cells(new["cells"], old["cells"], same)
    before: defaultdict[int, list[Cell]] = defaultdict(list)
    after: defaultdict[int, list[Cell]] = defaultdict(list)
    anchor = TOP
    for i, mine in enumerate(old["cells"]):
        anchor = near.get(i, anchor)
        if i not in same and is_touched(mine):  # what the course has replaced must not run below it
            (before if i in near else after)[anchor].append(mine)
    mine_of = {j: old["cells"][i] for i, j in same.items()}
    taken = {cell["id"] for cell in new["cells"]}
    cells = [_with_free_id(mine, taken) for mine in after[TOP]]
    for j, cell in enumerate(new["cells"]):
        cells += [_with_free_id(mine, taken) for mine in before[j]]
        cells.append(_filled(cell, mine_of[j]) if j in mine_of else cell)
        cells += [_with_free_id(mine, taken) for mine in after[j]]
    return copy.deepcopy({**new, "cells": cells})


def is_touched(cell: Cell) -> bool:
    """Whether the learner wrote this cell or changed it since it was shipped."""
    return cell.get("id", "").split("-")[0] != cell_id(cell["cell_type"], _text(cell))


def _with_lost_ids(new: Notebook, old: Notebook) -> list[Cell]:
    """The old cells with the ids that they were shipped with, where a front end has dropped or
    renewed them: untouched ones by their content and, where no id is left, edited ones by their
    likeness to one of `new`.
    """
    shipped, cells = old.get("metadata", {}).get("shipped", []), list(old["cells"])
    held = {cell.get("id") for cell in cells}
    lost = [name for name in shipped if name not in held]
    for i, mine in enumerate(cells):
        content = cell_id(mine["cell_type"], _text(mine))
        name = next((name for name in lost if name.split("-")[0] == content), "")
        if name and is_touched(mine):
            lost.remove(name)
            cells[i] = {**mine, "id": name}
    kept = [] if held & {*shipped} else [cell for cell in new["cells"] if cell["id"] in lost]
    for i, mine in enumerate(cells):
        alike = {_likeness(cell, mine): cell for cell in kept if is_touched(mine)}
        if alike and max(alike) >= REWORDED:
            kept.remove(alike[max(alike)])
            cells[i] = {**mine, "id": alike[max(alike)]["id"]}
    return cells


def _same_cells(new: list[Cell], old: list[Cell]) -> dict[int, int]:
    """Which old cell is which new one, by index. A touched answer comes before a stub that was left
    alone.
    """
    pairs: dict[int, int] = {}
    tests: list[Callable[[Cell, Cell], bool]] = [
        lambda cell, mine: _same_id(cell, mine) and _answers(cell, mine),
        _answers,
        _same_id,
        _same_exercise,
        _same_content,
    ]
    for test in tests:
        for j, cell in enumerate(new):
            if j not in pairs.values():
                match = next(
                    (i for i, mine in enumerate(old) if i not in pairs and test(cell, mine)), None
                )
                pairs |= {} if match is None else {match: j}
    return pairs


def _answers(cell: Cell, mine: Cell) -> bool:
    return _same_exercise(cell, mine) and is_touched(mine) and not _same_content(cell, mine)


def _same_exercise(cell: Cell, mine: Cell) -> bool:
    exercise = _exercise(cell)
    return (
        exercise is not None
        and exercise == _exercise(mine)
        and cell["cell_type"] == mine["cell_type"]
    )


def _same_id(cell: Cell, mine: Cell) -> bool:
    """An exercise stays a code cell, even when the learner turned theirs into text."""
    return cell["id"] == mine.get("id") and (
        _exercise(cell) is None or cell["cell_type"] == mine["cell_type"]
    )


def _same_content(cell: Cell, mine: Cell) -> bool:
    """Some front ends give every cell an id of their own."""
    return cell["cell_type"] == mine["cell_type"] and _normal(_text(cell)) == _normal(_text(mine))


def _reworded_cells(new: list[Cell], old: list[Cell], same: dict[int, int]) -> dict[int, int]:
    """Old cells without a counterpart, with the new cell they became: it tells where their
    neighbors belong.
    """
    unmatched = [j for j in range(len(new)) if j not in same.values()]
    near = {}
    for i, mine in enumerate(old):
        alike = {j: _likeness(new[j], mine) for j in unmatched if i not in same}
        if alike and max(alike.values()) >= REWORDED:
            near[i] = max(alike, key=alike.__getitem__)
    return near


def _likeness(cell: Cell, mine: Cell) -> float:
    """The share of words that two cells of one type have in common, in order."""
    if cell["cell_type"] != mine["cell_type"]:
        return 0.0
    return difflib.SequenceMatcher(
        None, _text(cell).split(), _text(mine).split(), autojunk=False
    ).ratio()


def _filled(cell: Cell, mine: Cell) -> Cell:
    """The new `cell` with what the learner has in it: their text and, where that is unchanged, its
    outputs.
    """
    if not is_touched(mine) and not _same_content(cell, mine):
        return cell
    return {
        **mine,
        "source": cell["source"] if _same_content(cell, mine) else mine["source"],
        "id": cell["id"],
        "metadata": {**mine.get("metadata", {}), **cell.get("metadata", {})},
    }


def _with_free_id(mine: Cell, taken: set[str]) -> Cell:
    """A cell of the learner's with an id that no other cell has, and never one that makes it look
    shipped.
    """
    free = mine.get("id")
    stem, count = cell_id("own", mine["cell_type"] + _text(mine)), 1
    while not free or free in taken:
        free, count = f"{stem}-{count}", count + 1
    taken.add(free)
    return {**mine, "id": free, "metadata": mine.get("metadata", {})}


def _exercise(cell: Cell) -> str | None:
    tags = cell.get("metadata", {}).get("tags", [])
    return next((tag for tag in tags if tag.startswith("exercise:")), None)


def _text(cell: Cell) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


# --- files ----------------------------------------------------------------------------------------


def refresh(upstream_dir: Path, my_dir: Path) -> list[str]:
    """Copy new notebooks into `my_dir` and bring the others up to date; returns what to tell the
    learner.
    """
    my_dir.mkdir(parents=True, exist_ok=True)
    messages = []
    for source in sorted(path for pattern in NOTEBOOKS for path in upstream_dir.glob(pattern)):
        mine = my_dir / source.name
        try:
            _sweep(mine)
            messages += _bring(source, mine)
        except OSError as error:
            messages.append(
                f"{_name(mine)} could not be brought up to date and stays as it is: {error}."
            )
    with contextlib.suppress(OSError):  # then the cards stay as they are
        show_progress(my_dir / "index.ipynb")
    return messages


def show_progress(index: Path) -> None:
    """Put today's cards into the index, as if their cell had been run."""
    book = _parsed(index.read_bytes())
    cells = [] if book is None else book["cells"]
    shown = door.output(progress.load())
    due = [cell for cell in cells if _is_door(cell) and cell.get("outputs") != shown]
    for cell in due:
        cell["outputs"] = shown
    if due:
        _write(index, (json.dumps(book, indent=1) + "\n").encode())


def _is_door(cell: Cell) -> bool:
    return door.TAG in cell.get("metadata", {}).get("tags", []) and not is_touched(cell)


def _bring(source: Path, mine: Path) -> list[str]:
    """One notebook: copied where it is missing, merged where the course has changed, left alone
    where it is broken.
    """
    shipped = source.read_bytes()
    new = _parsed(shipped)
    if new is not None and _at_home(new):
        shipped = (json.dumps(new, indent=1) + "\n").encode()
    if new is None:
        return [
            f"{_name(source)} is not a readable notebook: get it again with `git checkout --"
            " notebooks`."
        ]
    if not mine.exists():
        _write(mine, shipped)
        return [f"{_name(mine)} is new."]
    before = mine.read_bytes()
    old = _parsed(before)
    if old is None:
        fresh = mine.with_suffix(".fresh.ipynb")
        return [
            (
                f"{_name(mine)} is not a readable notebook and was left alone; a fresh copy is"
                f" {_name(fresh)}."
            ),
            *_bring(source, fresh),
        ]
    merged = merge(new, old)
    if _plain_cells(merged) == _plain_cells(old):
        return []
    backup = _keep(mine, before)
    if mine.read_bytes() != before:  # a notebook that is open in JupyterLab was saved just now
        return _bring(source, mine)
    _write(mine, (json.dumps(merged, indent=1) + "\n").encode())
    return [
        f"{_name(mine)} follows the course again, with all that you wrote; how it was: {backup}."
    ]


def _at_home(new: Notebook) -> bool:
    """Take the links that open a notebook elsewhere out of its first cell. -> whether it had any"""
    first = next(iter(new["cells"]), None)
    text = "" if first is None else _text(first)
    short = re.sub(ELSEWHERE, "", text, flags=re.M)
    if first is None or short == text:
        return False
    name = cell_id(first["cell_type"], short)
    shipped = new.get("metadata", {}).get("shipped", [])
    new.get("metadata", {})["shipped"] = [name if each == first["id"] else each for each in shipped]
    first |= {"source": short.splitlines(keepends=True), "id": name}
    return True


def _parsed(data: bytes) -> Notebook | None:
    """The notebook in `data`, or None where there is none with cells that can be merged."""
    try:
        notebook = json.loads(data)
        return notebook if all(_is_cell(cell) for cell in notebook["cells"]) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _is_cell(cell: Any) -> bool:
    """Whether a cell has the parts that merging looks at."""
    if not isinstance(cell, dict) or not isinstance(cell.get("source"), str | list):
        return False
    metadata = cell.get("metadata", {})
    texts = [cell.get("cell_type"), cell.get("id", ""), *cell["source"]]
    return isinstance(metadata, dict) and all(
        isinstance(text, str) for text in [*texts, *metadata.get("tags", [])]
    )


def _plain_cells(notebook: Notebook) -> list[Cell]:
    """Cells to compare: a source may be one string or a list of lines. Notebook metadata and what
    an editor changes by itself are the front end's.
    """
    return [{**cell, "source": _normal(_text(cell))} for cell in notebook["cells"]]


def _keep(mine: Path, data: bytes) -> str:
    """Put a notebook as it was into the history, unless its latest copy there is the same; returns
    where it is.
    """
    history = mine.parent / ".history"
    history.mkdir(exist_ok=True)
    latest = sorted(history.glob(f"{mine.stem}.*.ipynb"))[-1:]
    if latest and latest[0].read_bytes() == data:
        return f"{_name(history)}/{latest[0].name}"
    backup = history / f"{mine.stem}.{datetime.now(UTC):%Y%m%dT%H%M%S-%fZ}.ipynb"
    _write(backup, data)
    return f"{_name(history)}/{backup.name}"


def _write(path: Path, data: bytes) -> None:
    """Replace a file in one step: an interruption leaves either the old file or the new one, never
    half of one.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _sweep(mine: Path) -> None:
    """Remove what a killed run left half written."""
    for folder in (mine.parent, mine.parent / ".history"):
        for stray in folder.glob(f".{mine.stem}.*.tmp"):
            stray.unlink(missing_ok=True)


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def main() -> int:
    """Refresh `my/` of the course that the current folder belongs to."""
    print_anything()
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / "run.py").is_file()), None)
    if root is None:
        print(
            f"{here} is not inside the course: change to the folder with run.py.", file=sys.stderr
        )
        return 1
    try:
        print(
            "".join(f"{message}\n" for message in refresh(root / "notebooks", root / "my")), end=""
        )
    except OSError as error:
        print(f"The folder my/ cannot be written: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
