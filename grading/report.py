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
MARKS = ["submission", "lesson", "points", "out_of", "comment", "text"]
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


def write_all(results: dict[str, Any], out: Path) -> None:
    """Every file but results.json's pages. The marks for prose come from marks.csv, which a human
    fills in.
    """
    marks = refreshed_marks(results, out / "marks.csv")
    rows = grade_rows(results, marks)
    write_text(out / "results.json", json.dumps(results, indent=1, ensure_ascii=True) + "\n")
    write_text(out / "grades.csv", as_csv(HEADER, rows))
    write_text(out / "summary.csv", as_csv(SUMMARY, summary_rows(rows, results)))
    write_text(out / "junit.xml", junit(results))
    for result in results["submissions"]:
        write_text(
            out / "gradescope" / file_name(result["submission"]) / "results.json",
            gradescope(result),
        )


# --- CSV ------------------------------------------------------------------------------------------


def safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula, and that stays on one line."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return "'" + text if text[:1] in ("=", "+", "-", "@", "|", "%") else text


def as_csv(header: list[str], rows: Iterable[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([safe(value) for value in row] for row in rows)
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
    for submission, lesson, points, out_of, comment, _ in marks:
        number, most = _number(points), _number(out_of)
        if number is not None and most is not None:
            status = "pass" if number >= most else "fail"
            rows.append(
                [submission, lesson, "prose", number, most, status, comment or "marked by hand"]
            )
    return sorted(rows, key=lambda row: (row[0], row[1]))


def _number(text: Any) -> float | int | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return int(number) if number == int(number) else number


SUMMARY = ["student", "points", "out_of", "pass", "fail", "unanswered", "not_graded", "notebooks"]


def summary_rows(rows: list[list[Any]], results: dict[str, Any]) -> list[list[Any]]:
    """One row per student. An exercise that is in several notebooks of a student counts once, with
    its best result.
    """
    student = {r["submission"]: r["student"] for r in results["submissions"]}
    best: dict[str, dict[tuple, list]] = {name: {} for name in sorted(set(student.values()))}
    for row in rows:
        mine = best[student[row[0]]]
        key = (row[1], row[2]) if row[2] else tuple(row[:2])
        if key not in mine or BEST.index(row[5]) < BEST.index(mine[key][5]):
            mine[key] = row
    summary = []
    for name, mine in best.items():
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


def refreshed_marks(results: dict[str, Any], path: Path) -> list[list[Any]]:
    """marks.csv with a row for every notebook that has prose; what a human entered stays while the
    prose is the same.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            old = {
                (row.get("submission"), row.get("lesson"), row.get("text")): row
                for row in csv.DictReader(file)
            }
    except (OSError, csv.Error, UnicodeDecodeError):
        old = {}
    rows = []
    for result in results["submissions"]:
        if result["prose"]:
            key = safe(result["submission"]), result["lesson"], digest(result["prose"])
            was = old.get(key, {})
            rows.append(
                [
                    result["submission"],
                    result["lesson"],
                    was.get("points") or "",
                    was.get("out_of") or "",
                    was.get("comment") or "",
                    key[2],
                ]
            )
    if rows or old:
        write_text(path, as_csv(MARKS, rows))
    return rows


def digest(prose: list[str]) -> str:
    """Tells whether a text is still the one that was marked."""
    return "t" + hashlib.sha256("\0".join(prose).encode("utf-8", "replace")).hexdigest()[:12]


# --- for other programs ---------------------------------------------------------------------------


def file_name(name: str) -> str:
    """A name that is safe as a file on every system; different names stay different."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._-")[:80] or "unnamed"
    return (
        plain
        if plain == name
        else f"{plain}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
    )


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
