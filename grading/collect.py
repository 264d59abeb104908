"""Find submissions in folders and zips, and read their cells. Every byte here was written by a
stranger.

Nothing is unpacked to disk, no link is followed, no text is executed or parsed as Python. First
everything is listed; a notebook is read when it is needed, and again when it is needed again, so
that few of them are in memory at a time.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from grading.course import Lesson, binds
from grading.report import safe

LARGEST, LARGEST_ZIP, MOST_FILES = 20 << 20, 50 << 20, 5000
LARGEST_DIRECTORY = 2 << 20  # bytes of a zip's list of its files
LARGEST_TEXT, MOST_CELLS = 2 << 20, 5000  # of all cells of a notebook, outputs apart
# of one student: notebooks, bytes read, text kept of all cells, files of other names looked into
MOST_NOTEBOOKS, MOST_BYTES, MOST_TEXT, MOST_LOOKS = 40, 100 << 20, 8 << 20, 100
MOST_NAMED = 5  # files named where there is no notebook
# in a notebook's text, so that reading it stays cheap
MOST_PARTS = {b"[": 300_000, b"{": 300_000, b",": 2_000_000}
DEEPEST_ZIP, DEEPEST_FOLDER = 2, 50
HEAD = 1 << 16  # bytes of a file that tell whether it is a notebook
# what programs leave beside submissions, and no student
LITTER = {".ds_store", ".git", ".gitignore", ".gitkeep", ".ipynb_checkpoints", "__macosx"}
LITTER |= {".trash", ".trashes", ".spotlight-v100", ".fseventsd", "desktop.ini", "thumbs.db"}
BEGINNINGS = [  # of files that are no notebook, whatever their name says
    (rb"\s*\Z", "it is empty"),
    (rb"PK", "it is a zip or an Office document"),
    (rb"\x1f\x8b|Rar!|7z\xbc\xaf|BZh|\xfd7zXZ", "it is an archive"),
    (rb"%PDF", "it is a PDF"),
    (rb"\x89PNG|GIF8|\xff\xd8", "it is a picture"),
    (rb"version https://git-lfs", "it only points to a file that Git LFS keeps elsewhere"),
    (rb"\s*<{7} ", "it holds the two sides of a merge conflict"),
    (rb"\s*<", "it is a web page"),
    (rb"\s*(#|@|%|\"\"\"|(import|from|def|class|print|if|for)\b|\w+ *=)", "it is a Python script"),
]
SPECIAL = [
    (stat.S_ISLNK, "a link, which is not followed"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
]


@dataclass(frozen=True)
class Cell:
    kind: str
    source: str
    tags: tuple[str, ...] = ()


class Unreadable(ValueError):
    """What is wrong with a file, in words."""


class Changed(Exception):
    """The file is another one than when it was read first."""


@dataclass
class Allowance:
    """What one student may still make the grader read: bytes, and characters in cells."""

    data: int = MOST_BYTES
    text: int = MOST_TEXT

    def take(self, data: int, text: int = 0) -> None:
        self.data, self.text = self.data - data, self.text - text
        if self.data < 0:
            raise Unreadable(f"this student's files hold more than {MOST_BYTES >> 20} MB together")
        if self.text < 0:
            raise Unreadable(
                f"this student's notebooks hold more than {MOST_TEXT >> 20} MB of text together"
            )


@dataclass
class Submission:
    """One notebook. `name` is its path without suffix, and no two have the same; `broken` says why
    it cannot be read; `digest` tells files apart. Both are known after the first `read`.
    """

    name: str
    broken: str = ""
    digest: str = ""
    load: Callable[[], bytes] | None = None
    allowance: Allowance = field(default_factory=Allowance)

    @property
    def student(self) -> str:
        return self.name.split("/")[0]

    @property
    def cells(self) -> list[Cell]:
        return self.read()

    def read(self) -> list[Cell]:
        """Its cells, from the file; none if that is broken. Raises Changed if it is another file
        than at the first time.
        """
        if self.broken or self.load is None:
            return []
        try:
            self.allowance.take(0)  # nothing is read of a student who has no more
            data = self.load()
            digest = hashlib.sha256(data).hexdigest()
            if self.digest:
                cells = cells_of(data) if digest == self.digest else None
            else:
                self.digest, cells = digest, cells_of(data)
                self.allowance.take(len(data), sum(len(cell.source) for cell in cells))
        except Unreadable as error:
            self.broken, cells = f"the file is not a readable notebook: {error}", []
        except Exception as error:  # damaged, encrypted, packed in a way that Python does not know
            self.broken, cells = f"the file cannot be read: {in_words(error)}", []
        if cells is None:
            raise Changed
        return cells


def in_words(error: Exception) -> str:
    """What went wrong, without a path of this computer."""
    if isinstance(error, zipfile.BadZipFile | zlib.error | lzma.LZMAError | EOFError):
        return "it is damaged"
    if isinstance(error, NotImplementedError):
        return "it is packed in a way that Python does not know"
    if "password required" in str(error):
        return "it is locked with a password"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error) or type(error).__name__)[:200]


# --- which files there are ------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """A file somewhere below SUBMISSIONS, or what is there instead of one.

    `open` gives it, or as much of it as is asked for; without it `broken` says why there is
    nothing to open, and `matters` whether that is said beside a notebook, too.
    """

    parts: tuple[str, ...]
    open: Callable[[int], BinaryIO] | None = None
    broken: str = ""
    matters: bool = False

    @property
    def suffix(self) -> str:
        return os.path.splitext(self.parts[-1])[1].lower()

    def load(self) -> bytes:
        return self._read(LARGEST)

    def is_notebook(self) -> bool:
        """Whether its name or, whatever its name, its beginning says so."""
        if self.open is None or self.suffix == ".ipynb":
            return self.open is not None
        try:
            with self.open(HEAD) as file:
                head = file.read(HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
        except Exception:
            return False
        return head[:1] == b"{" and (b'"cells"' in head or b'"cell_type"' in head)

    def _read(self, most: int) -> bytes:
        assert self.open
        with self.open(most + 1) as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise Unreadable(f"it is larger than {most >> 20} MB")
        return data


def submissions(place: Path, without: frozenset[str] = frozenset()) -> list[Submission]:
    """All notebooks in a folder or a zip, sorted by name, and for every student without one a
    submission that says so. Folders below a student's that are called `without` are left out.

    Raises OSError if the place itself cannot be read.
    """
    archive = sole_zip(place)
    students = _class(archive) if archive else _folder(place, without)
    names = distinct(students, slash="_")
    found = [
        one
        for first, files in students.items()
        for one in _of_student(names[first], files, without)
    ]
    return sorted(found, key=lambda s: s.name)


def sole_zip(place: Path) -> Path | None:
    """The zip that holds the class: the place itself, or the only file in it. Other zips belong to
    one student each.
    """
    inside = (
        [p for p in place.iterdir() if not p.name.startswith(".")] if place.is_dir() else [place]
    )
    alone = len(inside) == 1 and inside[0].suffix.lower() == ".zip" and not inside[0].is_symlink()
    return inside[0] if alone and inside[0].is_file() else None


def _folder(place: Path, without: frozenset[str]) -> dict[str, Iterable[File]]:
    """The files of each student, by the first part of their paths."""
    if not place.is_dir():
        raise NotADirectoryError(f"{place} is neither a folder nor a zip")
    return {
        path.name: _below(path, without)
        for path in sorted(place.iterdir())
        if not _litter(path.name, path.is_dir())
    }


def _litter(name: str, is_folder: bool) -> bool:
    """Whether a first part of a path is no student's."""
    is_file = not is_folder and name.startswith(".") and not name.lower().endswith(".ipynb")
    return name.lower() in LITTER or is_file or name.startswith("._")


def _hidden(name: str) -> bool:
    return name.startswith(".") and name not in (".", "..") or name == "__MACOSX"


def _below(top: Path, without: frozenset[str]) -> Iterator[File]:
    """The files of one student: a single one, or those in a folder."""
    if not stat.S_ISDIR(top.lstat().st_mode):
        yield _on_disk(top, (top.name,))
        return
    closed: list[OSError] = []
    for folder, folders, files in os.walk(top, onerror=closed.append):
        parts = (top.name, *Path(folder).relative_to(top).parts)
        for name in sorted(files) + [n for n in folders if os.path.islink(f"{folder}/{n}")]:
            path = Path(folder) / name
            yield File((*parts, name)) if _hidden(name) else _on_disk(path, (*parts, name))
        yield from (File((*parts, name)) for name in folders if _hidden(name))
        below = (name for name in folders if not _hidden(name) and name not in without)
        folders[:] = sorted(below)
        if folders and len(parts) == DEEPEST_FOLDER:
            folders.clear()
            yield _broken(parts, f"folders inside {DEEPEST_FOLDER} folders are not opened", True)
    for error in closed:
        parts = (top.name, *Path(error.filename).relative_to(top).parts)
        yield _broken(parts, f"the folder cannot be read: {in_words(error)}", True)


def _on_disk(path: Path, parts: tuple[str, ...]) -> File:
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return _broken(parts, in_words(error))
    kind = next((says for test, says in SPECIAL if test(mode)), "")
    return _broken(parts, f"it is {kind}") if kind else File(parts, lambda _: _opened(path))


def _broken(parts: tuple[str, ...], reason: str, matters: bool = False) -> File:
    """What cannot be opened; it matters where it might be a notebook."""
    file = File(parts, broken=reason)
    return replace(file, matters=matters or file.suffix in (".ipynb", ".zip"))


def _opened(path: Path) -> BinaryIO:
    """An ordinary file; links, pipes and devices are refused, whatever they were a moment ago."""
    handle = os.open(
        path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    )
    status, most = os.fstat(handle), LARGEST_ZIP if path.suffix.lower() == ".zip" else LARGEST
    if not stat.S_ISREG(status.st_mode) or status.st_size > most:
        os.close(handle)
        ordinary = stat.S_ISREG(status.st_mode)
        raise Unreadable(
            f"it is larger than {most >> 20} MB" if ordinary else "it is no ordinary file"
        )
    return os.fdopen(handle, "rb")


# --- zips -----------------------------------------------------------------------------------------


def _class(path: Path) -> dict[str, Iterable[File]]:
    """The files of each student in the zip of a class."""
    try:
        files = _entries((), lambda _: path.open("rb"))
    except Exception as error:
        return {path.name: [_no_zip((path.name,), in_words(error))]}
    students = defaultdict(list)
    for file in files:
        if not _litter(file.parts[0], len(file.parts) > 1):
            students[file.parts[0]].append(file)
    return dict(students)


def _unzipped(files: Iterable[File], allowance: Allowance, depth: int = 0) -> Iterator[File]:
    """The files of one student; instead of a zip, those inside."""
    for file in files:
        if file.suffix != ".zip" or file.open is None:
            yield file
        elif depth > DEEPEST_ZIP:
            yield _no_zip(file.parts, "zips inside zips inside zips are not opened")
        else:
            try:
                inside = _student_zip(file, allowance)
            except Exception as error:
                yield _no_zip(file.parts, in_words(error))
                continue
            yield from _unzipped(inside, allowance, depth + 1)


def _no_zip(parts: tuple[str, ...], reason: str) -> File:
    return _broken(parts, f"the zip cannot be read: {reason}", True)


def _student_zip(file: File, allowance: Allowance) -> list[File]:
    """What is in a zip that a student made."""
    assert file.open
    with file.open(LARGEST_ZIP) as content:
        size = content.seek(0, io.SEEK_END)
        allowance.take(size)
        content.seek(max(0, size - HEAD - 22))
        _, sign, end = content.read().rpartition(b"PK\5\6")  # where the list of files is
    if sign and int.from_bytes(end[8:12], "little") > LARGEST_DIRECTORY:
        raise Unreadable(f"it holds more than {MOST_FILES} files")
    files = _entries(file.parts, file.open)
    if len(files) > MOST_FILES:
        raise Unreadable(f"it holds more than {MOST_FILES} files")
    return files


def _entries(above: tuple[str, ...], outer: Callable[[int], BinaryIO]) -> list[File]:
    """What is in a zip. An empty folder and what programs hide are files without content."""
    with outer(LARGEST_ZIP) as content, zipfile.ZipFile(content) as archive:
        entries = archive.infolist()
    files = []
    for entry in entries:
        path = entry.filename.replace("\\", "/").split("/")
        inside = [part for part in path if part not in ("", ".", "..")]
        parts = (*above, *inside)
        if any(map(_hidden, inside if above else inside[1:])) or entry.is_dir() and inside:
            files.append(File((*parts, ".") if entry.is_dir() else parts))
        elif stat.S_ISLNK(entry.external_attr >> 16) and inside:
            files.append(_broken(parts, "it is a link, which is not followed"))
        elif inside:
            files.append(File(parts, _in_zip(outer, entry)))
    return files


def _in_zip(outer: Callable[[int], BinaryIO], entry: zipfile.ZipInfo) -> Callable[[int], BinaryIO]:
    def opened(most: int) -> BinaryIO:
        with outer(LARGEST_ZIP) as content, zipfile.ZipFile(content) as archive:
            with archive.open(entry) as file:
                return io.BytesIO(file.read(most))

    return opened


# --- students -------------------------------------------------------------------------------------


def _of_student(name: str, files: Iterable[File], without: frozenset[str]) -> Iterator[Submission]:
    """The notebooks of one student, or what is there instead of any."""
    notebooks: dict[tuple[str, ...], File] = {}
    others: list[File] = []
    allowance, looks = Allowance(), MOST_LOOKS
    for file in _unzipped(files, allowance):
        if without.intersection(file.parts[1:-1]):
            continue
        looks -= file.suffix != ".ipynb"
        if file.matters or looks >= 0 and file.is_notebook():
            notebooks[file.parts] = file  # of two entries of a zip with one name, the last counts
        elif file.parts[-1] != "." and len(others) < MOST_NAMED + 1:
            others.append(file)
    if not notebooks:
        yield Submission(name, broken=_nothing(others))
        return
    first = sorted(notebooks.values(), key=lambda file: (len(file.parts), file.parts))
    more, first = len(first) - MOST_NOTEBOOKS, first[:MOST_NOTEBOOKS]
    labels = distinct(["/".join(file.parts[1:]) for file in first])
    for file in first:
        label = labels["/".join(file.parts[1:])]
        yield Submission(
            f"{name}/{label}" if len(file.parts) > 1 else name,
            file.broken,
            load=file.load if file.open else None,
            allowance=allowance,
        )
    if more > 0:
        reason = f"{more} more notebooks: of one student {MOST_NOTEBOOKS} are graded at most"
        yield Submission(f"{name}/more than {MOST_NOTEBOOKS} notebooks", broken=reason)


def _nothing(others: list[File]) -> str:
    """What to say of a student who handed in no notebook."""
    if not others:
        return "there is no file: the folder or zip is empty"
    if len(others[0].parts) == 1:
        return others[0].broken or "it is no notebook"
    more = " and more" if len(others) > MOST_NAMED else ""
    return f"no notebook among: {', '.join(map(_shown, others[:MOST_NAMED]))}{more}"


def _shown(file: File) -> str:
    kind = file.broken.removeprefix("it is ")
    return clean(file.parts[-1], suffix=True) + (f" ({kind})" if kind else "")


def distinct(paths: Iterable[str], slash: str = "/") -> dict[str, str]:
    """A readable name for each path, no two the same, nor in a table. A path that is readable as it
    is keeps its name, so that nobody takes it away by choosing one that looks like it. `slash`
    stands between the parts.
    """
    names: dict[str, str] = {}
    taken = set()
    for path in sorted(paths, key=lambda path: (clean(path) != path, path)):
        plain = clean(path).replace("/", slash)
        name, n = plain, 1
        while safe(name) in taken:
            n += 1
            name = f"{plain} ({n})"
        taken.add(safe(name))
        names[path] = name
    return names


def clean(path: str, suffix: bool = False) -> str:
    """A path as a name: no way up, no control characters, no suffix unless that is asked for."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = unicodedata.normalize("NFC", text).replace("\\", "/")
    text = "".join(c if unicodedata.category(c)[0] != "C" else "?" for c in text)
    parts = text.split("/")
    if not suffix:
        parts = [
            re.sub(r"\.(ipynb(\.\w+)?|zip|json)\s*$", "", part, flags=re.IGNORECASE)
            for part in parts
        ]
    parts = [" ".join(part.split()) for part in parts]
    return "/".join(part[:120] for part in parts if part not in ("", ".", ".."))[:300] or "unnamed"


# --- what is in a notebook ------------------------------------------------------------------------


def read(name: str, data: bytes) -> Submission:
    """A submission of these bytes, with what is wrong with it."""
    submission = Submission(name, load=lambda: data)
    submission.read()
    return submission


def cells_of(data: bytes) -> list[Cell]:
    """The cells of a notebook. Raises Unreadable."""
    if any(data.count(sign) > most for sign, most in MOST_PARTS.items()):
        raise Unreadable("it has too many parts")
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreadable(_instead(data, error)) from None
    if not isinstance(notebook, dict):
        raise Unreadable("no notebook, but other JSON")
    sheets = notebook.get("worksheets")  # until 2015 the cells were in there
    if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict):
        notebook = sheets[0]
    if not isinstance(notebook.get("cells"), list):
        raise Unreadable("it has no cells")
    if len(notebook["cells"]) > MOST_CELLS:
        raise Unreadable(f"it has more than {MOST_CELLS} cells")
    cells = [_cell(cell) for cell in notebook["cells"] if isinstance(cell, dict)]
    if sum(len(cell.source) for cell in cells) > LARGEST_TEXT:
        raise Unreadable(f"its cells hold more than {LARGEST_TEXT >> 20} MB of text")
    return cells


def _instead(data: bytes, error: Exception) -> str:
    """What a file is that is no JSON."""
    head = data[:HEAD].removeprefix(b"\xef\xbb\xbf")
    for beginning, says in BEGINNINGS:
        if re.match(beginning, head):
            return says
    if isinstance(error, UnicodeDecodeError):
        return "it is no text"
    line = getattr(error, "lineno", None)
    return f"its JSON is damaged in line {line}" if line else "its JSON is damaged"


def _cell(cell: dict[str, Any]) -> Cell:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    tags = tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
    text = source if isinstance(source, str) else ""
    text = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    return Cell(str(cell.get("cell_type")), text, tags)


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
            number: sum(
                task.name in text and bool(binds(task.name).search(text)) for task in lesson.tasks
            )
            for number, lesson in lessons.items()
        }
    best = max(count, key=lambda number: count[number], default="")
    return best if best and count[best] else ""
