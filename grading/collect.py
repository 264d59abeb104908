"""Find submissions in folders and zips, and read their cells. Every byte here was written by a
stranger.

Nothing is unpacked to disk, no link is followed, no text is executed or parsed as Python.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import stat
import sys
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grading.course import Lesson, binds

LARGEST, LARGEST_ZIP, MOST_FILES = 20 << 20, 50 << 20, 5000
LARGEST_TEXT = 2 << 20  # of all cells together, outputs apart
# in a notebook's text, so that reading it stays cheap
MOST_PARTS = {b"[": 300_000, b"{": 300_000, b",": 2_000_000}
DEEPEST_ZIP = 2


@dataclass(frozen=True)
class Cell:
    kind: str
    source: str
    tags: tuple[str, ...] = ()


@dataclass
class Submission:
    """One notebook. `name` is its path without suffix; `broken` says why it cannot be read;
    `digest` tells files apart.
    """

    name: str
    broken: str = ""
    digest: str = ""
    cells: list[Cell] = field(default_factory=list)

    @property
    def student(self) -> str:
        return self.name.split("/")[0]


class Unreadable(ValueError):
    """What is wrong with a file, in words."""


def submissions(place: Path) -> list[Submission]:
    """All notebooks in a folder or a zip, sorted by name. Raises OSError if the place itself cannot
    be read.
    """
    archive = sole_zip(place)
    notebooks = list(_zipped(archive, "", 0) if archive else _folder(place))
    taken: dict[str, int] = {}
    for notebook in sorted(notebooks, key=lambda s: (s.name, s.digest)):
        key = notebook.name.casefold()
        taken[key] = taken.get(key, 0) + 1
        if taken[key] > 1:
            notebook.name += f" ({taken[key]})"
    return sorted(notebooks, key=lambda s: s.name)


def sole_zip(place: Path) -> Path | None:
    """The zip that holds the class: the place itself, or the only file in it. Other zips belong to
    one student each.
    """
    inside = (
        [p for p in place.iterdir() if not p.name.startswith(".")] if place.is_dir() else [place]
    )
    alone = len(inside) == 1 and inside[0].suffix.lower() == ".zip" and not inside[0].is_symlink()
    return inside[0] if alone and inside[0].is_file() else None


def _folder(place: Path) -> Iterator[Submission]:
    """Notebooks and zips below a folder."""
    if not place.is_dir():
        raise NotADirectoryError(f"{place} is neither a folder nor a zip")
    for folder, folders, files in os.walk(place, followlinks=False):
        folders[:] = [name for name in folders if not _hidden(name)]
        for name in files:
            path = Path(folder) / name
            label = clean(
                path.relative_to(place)
                .as_posix()
                .encode("utf-8", "surrogateescape")
                .decode("utf-8", "replace")
            )
            if _hidden(name) or path.suffix.lower() not in (".ipynb", ".zip"):
                continue
            is_zip = path.suffix.lower() == ".zip"
            try:
                data = _bytes(path, LARGEST_ZIP if is_zip else LARGEST)
            except (OSError, Unreadable) as error:
                yield Submission(label, broken=f"the file cannot be read: {error}")
                continue
            yield from _zipped(io.BytesIO(data), label + "/", 0) if is_zip else [read(label, data)]


def _hidden(name: str) -> bool:
    return name.startswith(".") and name not in (".", "..") or name == "__MACOSX"


def _bytes(path: Path, most: int) -> bytes:
    """The content of an ordinary file; links, pipes and devices are refused."""
    handle = os.open(
        path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    )
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("it is no ordinary file")
        if status.st_size > most:
            raise Unreadable(f"it is larger than {most >> 20} MB")
        return file.read(most + 1)


def _zipped(file: Path | io.BytesIO, prefix: str, depth: int) -> Iterator[Submission]:
    """Notebooks inside a zip, read in memory with a limit each."""
    try:
        archive = zipfile.ZipFile(file)
        entries = _entries(archive)
    except (zipfile.BadZipFile, Unreadable, ValueError, NotImplementedError, OSError) as error:
        yield Submission(prefix.rstrip("/") or "zip", broken=f"the zip cannot be read: {error}")
        return
    if not entries and prefix:
        yield Submission(prefix.rstrip("/"), broken="the zip holds no notebook")
    for entry in entries:
        label = prefix + clean(entry.filename)
        try:
            content = _entry(archive, entry)
        except Exception as error:  # damaged, encrypted, packed in a way that Python does not know
            yield Submission(label, broken=f"the file in the zip cannot be read: {error}"[:300])
            continue
        if not entry.filename.lower().endswith(".zip"):
            yield read(label, content)
        elif depth < DEEPEST_ZIP:
            yield from _zipped(io.BytesIO(content), label + "/", depth + 1)
        else:
            yield Submission(label, broken="zips inside zips inside zips are not opened")


def _entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The notebooks and zips in a zip, without what programs hide in it."""
    entries = [
        e
        for e in archive.infolist()
        if e.filename.lower().endswith((".ipynb", ".zip"))
        and not any(map(_hidden, re.split(r"[/\\]", e.filename)))
    ]
    if len(entries) > MOST_FILES:
        raise Unreadable(f"it holds more than {MOST_FILES} files")
    return entries


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Unreadable("it is a link")
    with archive.open(entry) as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Unreadable(f"it is larger than {LARGEST >> 20} MB")
    return content


def clean(path: str) -> str:
    """A path as a name: no suffix, no way up, no control characters."""
    text = unicodedata.normalize("NFC", path.encode("utf-8", "replace").decode()).replace("\\", "/")
    text = "".join(c if unicodedata.category(c)[0] != "C" else "?" for c in text)
    text = re.sub(r"\.(ipynb|zip)$", "", text, flags=re.IGNORECASE)
    parts = [part.strip() for part in text.split("/")]
    return "/".join(part[:120] for part in parts if part not in ("", ".", ".."))[:300] or "unnamed"


def read(name: str, data: bytes) -> Submission:
    """A submission with its cells, or with what is wrong with it."""
    submission = Submission(name, digest=hashlib.sha256(data).hexdigest())
    try:
        submission.cells = cells_of(data)
    except Unreadable as error:
        submission.broken = f"the file is not a readable notebook: {error}"
    return submission


def cells_of(data: bytes) -> list[Cell]:
    """The cells of a notebook. Raises Unreadable."""
    if any(data.count(sign) > most for sign, most in MOST_PARTS.items()):
        raise Unreadable("it has too many parts")
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON ({str(error)[:100]})") from None
    if not isinstance(notebook, dict):
        raise Unreadable("no notebook, but other JSON")
    sheets = notebook.get("worksheets")  # until 2015 the cells were in there
    if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict):
        notebook = sheets[0]
    if not isinstance(notebook.get("cells"), list):
        raise Unreadable("it has no cells")
    cells = [_cell(cell) for cell in notebook["cells"] if isinstance(cell, dict)]
    if sum(len(cell.source) for cell in cells) > LARGEST_TEXT:
        raise Unreadable(f"its cells hold more than {LARGEST_TEXT >> 20} MB of text")
    return cells


def _cell(cell: dict[str, Any]) -> Cell:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    tags = tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
    text = source if isinstance(source, str) else ""
    text = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    # most cells are the same in every notebook: kept once
    return Cell(str(cell.get("cell_type")), sys.intern(text), tags)


def lesson_of(cells: list[Cell], lessons: dict[str, Lesson]) -> str:
    """The two digits of the lesson that a notebook belongs to, by its tags, else by the names that
    it defines; "" if there is none.
    """
    tags = {tag for cell in cells for tag in cell.tags}
    count = {
        number: sum(f"exercise:{task.id}" in tags for task in lesson.tasks)
        for number, lesson in lessons.items()
    }
    if not any(count.values()):
        text = "\n".join(cell.source for cell in cells)
        count = {
            number: sum(bool(binds(task.name).search(text)) for task in lesson.tasks)
            for number, lesson in lessons.items()
        }
    best = max(count, key=lambda number: count[number], default="")
    return best if best and count[best] else ""
