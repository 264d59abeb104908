"""From results to files: CSV, JUnit, Gradescope. Names and reasons were written by strangers and
are escaped.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HEADER = ["submission", "lesson", "exercise", "points", "out_of", "status", "reason"]
NONE: list[list[Any]] = []
RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")  # as files of Windows
BEST = ["pass", "fail", "unanswered", "not_graded"]
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step: an interruption leaves either the old file or the new one, never
    half of one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(3).hex()}")
    try:
        temporary.write_text(text, encoding="utf-8", errors="replace", newline="")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_all(results: dict[str, Any], out: Path, marks: list[list[Any]] = NONE) -> None:
    """Every file but marks.csv, from which the `marks` for prose are, and the pages for people."""
    rows = grade_rows(results, marks)
    summary = summary_rows(rows, results)
    write_text(out / "results.json", json.dumps(results, indent=1, ensure_ascii=True) + "\n")
    write_text(out / "grades.csv", as_csv(HEADER, rows))
    write_text(out / "summary.csv", as_csv(SUMMARY, summary))
    write_text(out / "canvas.csv", canvas(rows, results))
    write_text(out / "moodle.csv", moodle(rows, results))
    write_text(out / "junit.xml", junit(results))
    folders = {file_name(r["submission"]): r for r in results["submissions"]}
    for name, result in folders.items():
        write_text(out / "gradescope" / name / "results.json", gradescope(result))
    for path in (out / "gradescope").glob("*/results.json"):
        if path.parent.name not in folders:  # of a submission that is gone
            path.unlink()


# --- CSV ------------------------------------------------------------------------------------------


def safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula, and that stays on one line."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return "'" + text if text[:1] in set("=+-@|%") and text != "-" else text


def as_csv(header: list[str], rows: Iterable[list[Any]], typed: bool = False) -> str:
    """A table for spreadsheets: the mark in front tells them that it is UTF-8, and quotes keep
    them from taking a part of a name for a field. What a human `typed` is not made safe.
    """
    return "\ufeff" + plain_csv([header, *rows], typed)


def plain_csv(rows: Iterable[list[Any]], typed: bool = False) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerows(row if typed else [safe(value) for value in row] for row in rows)
    return text.getvalue()


def grade_rows(results: dict[str, Any], marks: list[list[Any]]) -> list[list[Any]]:
    rows = [
        [
            r["submission"],
            r["lesson"],
            v["exercise"],
            v["points"],
            v["out_of"],
            v["status"],
            v["reason"],
        ]
        for r in results["submissions"]
        for v in r["verdicts"]
    ]
    for submission, lesson, points, out_of, comment in marks:
        status = "pass" if points >= out_of else "fail"
        reason = comment or "marked by hand"
        rows.append([submission, lesson, "prose", points, out_of, status, reason])
    return sorted(rows, key=lambda row: (row[0], row[1]))


SUMMARY = ["student", "points", "out_of", "pass", "fail", "unanswered", "not_graded", "notebooks"]


def students(results: dict[str, Any]) -> dict[str, str]:
    """Whose each submission is."""
    return {r["submission"]: r["student"] for r in results["submissions"]}


def best_rows(rows: list[list[Any]], results: dict[str, Any]) -> dict[str, dict[tuple, list]]:
    """The best row of every student for every exercise."""
    student = students(results)
    best: dict[str, dict[tuple, list]] = {name: {} for name in sorted(set(student.values()))}
    for row in rows:
        mine = best[student[row[0]]]
        key = (row[1], row[2]) if row[2] else tuple(row[:2])
        if key not in mine or _rank(row) < _rank(mine[key]):
            mine[key] = row
    return best


def _rank(row: list[Any]) -> tuple[int, float]:
    return BEST.index(row[5]), -(row[3] or 0)


def summary_rows(rows: list[list[Any]], results: dict[str, Any]) -> list[list[Any]]:
    """One row per student. An exercise that is in several notebooks of a student counts once, with
    its best result.
    """
    student = students(results)
    summary = []
    for name, mine in best_rows(rows, results).items():
        graded = [row for row in mine.values() if row[5] != "not_graded"]
        counts = [sum(row[5] == status for row in mine.values()) for status in BEST]
        points = sum(row[3] for row in graded) if graded else None
        summary.append(
            [
                name,
                points,
                sum(row[4] for row in graded) if graded else None,
                *counts,
                sum(who == name for who in student.values()),
            ]
        )
    return summary


# --- for other programs ---------------------------------------------------------------------------


def file_name(name: str) -> str:
    """A name that is safe as a file on every system. Different names stay different, also where
    capitals do not count: what is not plain ends in `~`, which no plain name holds, and a digest.
    """
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._-")[:80] or "unnamed"
    if plain == name == name.lower() and not RESERVED.fullmatch(name.split(".")[0]):
        return plain
    return f"{plain}~{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:16]}"


def totals(
    rows: list[list[Any]], results: dict[str, Any]
) -> tuple[list[str], dict[str, dict[str, float]]]:
    """The lessons, and every student's points in each; where nothing is graded, there are none."""
    points: dict[str, dict[str, float]] = {}
    for name, mine in best_rows(rows, results).items():
        points[name] = {}
        for row in mine.values():
            if row[1] and row[5] != "not_graded":
                points[name][row[1]] = points[name].get(row[1], 0) + row[3]
    return sorted({row[1] for row in rows} - {""}), points


def canvas(rows: list[list[Any]], results: dict[str, Any]) -> str:
    """What Canvas imports into its gradebook. It finds a student by an id, a login or a name: the
    first part of the path is offered as each of them. An empty field leaves the score open.
    """
    lessons, points = totals(rows, results)
    most = [out_of(rows, lesson) for lesson in lessons]
    table: list[list[Any]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *map(title, lessons)],
        ["Points Possible", "", "", "", "", *most],
        *([name, "", name, name, "", *map(mine.get, lessons)] for name, mine in points.items()),
    ]
    return plain_csv(table)


def moodle(rows: list[list[Any]], results: dict[str, Any]) -> str:
    """What Moodle imports into its gradebook, where the first column is mapped to a user name, an
    email address or an id number. A dash stands for no grade; an empty field would become a 0.
    """
    lessons, points = totals(rows, results)
    table: list[list[Any]] = [
        ["Student", *map(title, lessons)],
        *([name, *(mine.get(n, "-") for n in lessons)] for name, mine in points.items()),
    ]
    return plain_csv(table)


def title(lesson: str) -> str:
    return f"Lesson {lesson}"


def out_of(rows: list[list[Any]], lesson: str) -> float:
    """The points that there are in a lesson."""
    most: dict[str, float] = {}
    for row in rows:
        if row[1] == lesson:
            most[row[2]] = max(most.get(row[2], 0), row[4])
    return sum(most.values())


def junit(results: dict[str, Any]) -> str:
    root = ET.Element("testsuites")
    for result in results["submissions"]:
        bad = [v["status"] for v in result["verdicts"]]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=xml_text(result["submission"]),
            tests=str(len(bad)),
            failures=str(bad.count("fail")),
            errors=str(bad.count("not_graded")),
            skipped=str(bad.count("unanswered")),
        )
        for v in result["verdicts"]:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=f"lesson{result['lesson']}",
                name=f"{v['exercise']} {v['name']}".strip() or "notebook",
            )
            if v["status"] != "pass":
                tag = {"fail": "failure", "unanswered": "skipped", "not_graded": "error"}[
                    v["status"]
                ]
                ET.SubElement(case, tag, message=xml_text(v["reason"]))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def xml_text(text: str) -> str:
    return NOT_XML.sub("?", text)


def gradescope(result: dict[str, Any]) -> str:
    """What Gradescope reads as /autograder/results/results.json, for one submission."""
    tests = [
        {
            "name": f"{v['exercise']} {v['name']}".strip() or "notebook",
            "score": v["points"] or 0,
            "max_score": v["out_of"],
            "status": "passed" if v["status"] == "pass" else "failed",
            "output": v["reason"],
            "output_format": "text",
            "visibility": "visible",
        }
        for v in result["verdicts"]
        if v["status"] != "not_graded"
    ]
    left = [v for v in result["verdicts"] if v["status"] == "not_graded"]
    output = f"Not graded: {left[0]['reason']}" if left else "Graded."
    return json.dumps({"output": output, "output_format": "text", "tests": tests}, indent=1) + "\n"
