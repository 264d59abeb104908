"""marks.csv, which a human fills in with whatever spreadsheet is at hand. Nothing that was typed
into it is lost: what cannot be counted stays in it or goes into a file beside it, and is said.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grading.report import as_csv, safe, write_text

HEADER = ["submission", "lesson", "points", "out_of", "comment", "text"]
WORKBOOKS = {".xlsx", ".xls", ".ods", ".numbers"}  # what a spreadsheet saves by itself
LEFT_OVER = "marks_without_a_text.csv"
NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)")
Row = dict[str, str]
BLANK: Row = dict.fromkeys(HEADER, "")


@dataclass
class Marks:
    """`rows` are those that count: submission, lesson, points, out_of, comment. `complaints` say
    what does not count, and where it is.
    """

    rows: list[list[Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def refreshed(results: dict[str, Any], out: Path, also: Iterable[Path] = ()) -> Marks:
    """Write marks.csv anew, with a row for every notebook that has prose and what was entered for
    it, here or in one of the files `also`. Raises OSError if a file cannot be read or written.
    """
    marks, path, beside = Marks(), out / "marks.csv", out / LEFT_OVER
    marks.complaints += [
        f"{other.name} is not read: save it as marks.csv"
        for other in sorted(out.glob("marks*"))
        if other.suffix in WORKBOOKS and _newer(other, path)
    ]
    entered, kept = _entered(path, marks), _entered(beside, marks)
    by_text: dict[str, list[Row]] = {}
    for row in [*entered, *(row for place in also for row in _entered(place, marks)), *kept]:
        those = by_text.setdefault(row["text"], [])
        those += [row] if typed(row) not in map(typed, those) else []
    with_prose = [result for result in results["submissions"] if result["prose"]]
    rows = [_row(result, by_text) for result in with_prose]
    left = [row for those in by_text.values() for row in those]
    _keep(left, kept, beside, marks)
    if rows or path.exists():
        write_text(path, table(rows))
    for row, result in zip(rows, with_prose, strict=True):
        _count(row, result["submission"], marks)
    return marks


def _newer(path: Path, other: Path) -> bool:
    return other.exists() and path.stat().st_mtime > other.stat().st_mtime


def _keep(left: list[Row], kept: list[Row], path: Path, marks: Marks) -> None:
    """Write rows that belong to no text into a file of their own; say which are new there."""
    new = [row for row in left if row not in kept]
    if new:
        marks.complaints.append(
            f"marks.csv: what was entered in {len(new)} rows belongs to no text that is here now,"
            f" such as that of {safe(new[0]['submission']) or 'nobody'}; it is kept in {path.name}"
        )
    if left:
        write_text(path, table(left))
    else:
        path.unlink(missing_ok=True)


def table(rows: list[Row]) -> str:
    """What was typed is written as it was typed, in columns that somebody added as well."""
    header = list(dict.fromkeys([*HEADER, *(name for row in rows for name in row)]))
    return as_csv(header, [[row.get(name, "") for name in header] for row in rows], typed=True)


def _row(result: dict[str, Any], by_text: dict[str, list[Row]]) -> Row:
    """The row of a notebook, with what was entered for this text and is taken out of `by_text`."""
    key = digest(result)
    entries = by_text.get(key, [])
    row = entries.pop(0) if entries else {}
    own = {"submission": safe(result["submission"]), "lesson": result["lesson"], "text": key}
    return BLANK | row | own


def typed(row: Row) -> Row:
    """What a human wrote into a row."""
    ours = {"submission", "lesson", "text"}
    return {key: value for key, value in row.items() if key not in ours and value.strip()}


def digest(result: dict[str, Any]) -> str:
    """Tells whose text it is, and whether it is still the one that was marked. No spreadsheet takes
    it for a number or a date, as it may a name or a lesson.
    """
    parts = [result["submission"], result["lesson"], *result["prose"]]
    return "t" + hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


# --- what spreadsheets write ----------------------------------------------------------------------


def _entered(path: Path, marks: Marks) -> list[Row]:
    """The rows of a file in which something was entered. A file that is no table of marks is kept
    under another name.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    text, certain = decoded(data)
    rows = parsed(text) if data else []
    if rows is None or not certain:  # letters may be other ones than those that were typed
        kind = "unread" if rows is None else "as_saved"
        name = f"marks_{kind}_{hashlib.sha256(data).hexdigest()[:8]}.csv"
        (path.parent / name).write_bytes(data)
    if rows is None:
        marks.complaints.append(
            f"{path.name} is not a table with the columns {', '.join(HEADER)}: it is kept as {name}"
        )
    return [row for row in rows or [] if typed(row)]


def parsed(text: str) -> list[Row] | None:
    """The rows of a table that a spreadsheet saved, with whatever separator; None if it is none."""
    for separator in ",;\t|":
        try:
            lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        except csv.Error:
            continue
        for i, line in enumerate(lines[:5]):
            header = [name.strip().lower() for name in line]
            if {"points", "out_of", "text"} <= set(header):
                above = [" ".join(cells) for cells in lines[:i] if cells[:1] != ["sep="]]
                return [*(BLANK | {"comment": note} for note in above), *_rows(lines[i:])]
    return None


def _rows(lines: list[list[str]]) -> Iterator[Row]:
    """A dictionary for each line below the header; what has no name there gets one."""
    names: list[str] = []
    for i in range(max(map(len, lines))):
        name = lines[0][i].strip() if i < len(lines[0]) else ""
        name = name.lower() if name.lower() in HEADER else name
        names.append(name if name and name not in names else f"column {i + 1}")
    for line in lines[1:]:
        row = BLANK | dict(zip(names, line, strict=False))
        yield row | {"text": row["text"].strip()}


def decoded(data: bytes) -> tuple[str, bool]:
    """Text in whatever encoding a spreadsheet chose, and whether that is certain."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace"), True
    if b"\0" in data[:100]:
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", "replace"), True
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), False


def _count(row: Row, submission: str, marks: Marks) -> None:
    """Put a mark among those that count, or complain."""
    points, out_of = number(row["points"]), number(row["out_of"])
    whose = f"marks.csv: {row['submission']}, lesson {row['lesson']}:"
    wrong = [
        f"{name} is {row[name].strip()!r}, which is no number"
        for name, value in (("points", points), ("out_of", out_of))
        if value is None and row[name].strip()
    ]
    missing = [name for name in ("points", "out_of") if not row[name].strip()]
    if wrong:
        marks.complaints.append(f"{whose} {' and '.join(wrong)}; it does not count")
    elif len(missing) == 1:
        marks.complaints.append(f"{whose} {missing[0]} is missing; it does not count")
    elif not missing:
        marks.rows.append([submission, row["lesson"], points, out_of, row["comment"]])


def number(text: str) -> float | int | None:
    """A number as humans and spreadsheets write it, with a point or a comma; None if it is none."""
    plain = text.replace("\u066b", ".").strip().removeprefix("'")
    if len(plain) > 25 or not NUMBER.fullmatch(plain):
        return None
    value = float(plain.replace(",", "."))
    return int(value) if value == int(value) else value
