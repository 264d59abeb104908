"""Pages for people: the instructor's report, all prose on one page, a letter for every student."""

from __future__ import annotations

import html
import math
import re
import statistics
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from course_utils.checks.render import sign
from grading.report import NONE, file_name, grade_rows, out_of, totals, write_text

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;
color:#222;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;display:block;overflow-x:auto}
td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left;vertical-align:top}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f5f5;padding:.6rem}
.bar{display:inline-block;height:1em;vertical-align:middle;margin-right:.3em}
.pass{background:#0072b2}.fail{background:#d55e00}.unanswered{background:#bbb}
.not_graded{background:#fff;border:1px dashed #222}
.columns{display:flex;align-items:flex-end;gap:2px;height:9rem;margin:1rem 0 .3rem}
.columns div{flex:1;max-width:4rem;text-align:center;font-size:.8rem}
.columns .pass{display:block}
summary{cursor:pointer}"""
HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta'
    ' http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src'
    ' \'unsafe-inline\'"><meta name="viewport"'
    ' content="width=device-width"><title>TITLE</title><style>' + STYLE + "</style><h1>TITLE</h1>"
)
WORDS = {
    "pass": "passed",
    "fail": "not yet",
    "unanswered": "not answered",
    "not_graded": "not graded",
}
SIGNS = {"pass": "✅", "fail": "❌", "unanswered": "⏳", "not_graded": "⚠️"}
EVIDENCE = {
    "case": "The case",
    "input": "The input",
    "differs": "What differs",
    "expected": "What was expected",
    "came": "What came",
}


def write_all(results: dict[str, Any], out: Path, marks: list[list[Any]] = NONE) -> None:
    """report.html, prose.html and the letters in feedback/; letters of students who are gone are
    removed.
    """
    write_text(out / "report.html", report(results, marks))
    write_text(out / "prose.html", prose(results))
    students = defaultdict(list)
    for result in results["submissions"]:
        students[result["student"]].append(result)
    for student, theirs in students.items():
        write_text(out / "feedback" / f"{file_name(student)}.md", letter_markdown(student, theirs))
        write_text(out / "feedback" / f"{file_name(student)}.html", letter_html(student, theirs))
    current = {file_name(student) for student in students}
    for path in (out / "feedback").glob("*.*"):
        if path.suffix in (".md", ".html") and path.stem not in current and _is_letter(path):
            path.unlink()


def _is_letter(path: Path) -> bool:
    """Whether a file is one of ours, and not something that a human keeps beside the letters."""
    with path.open(encoding="utf-8", errors="replace") as file:
        beginning = file.read(5000)
    return beginning.startswith("# Feedback for ") or "<title>Feedback for " in beginning


def esc(text: Any) -> str:
    return html.escape("".join(c if c.isprintable() or c == "\n" else "?" for c in str(text)))


def words(text: str) -> str:
    """A reason: what stands between backticks as code."""
    return re.sub(r"`([^`\n]{1,200})`", r"<code>\1</code>", esc(text))


def link(result: dict[str, Any], only: bool = False) -> str:
    """The name of a notebook, or of its student if it is the only one, as a link to the letter."""
    letter = quote(f"feedback/{file_name(result['student'])}.html")
    return f'<a href="{letter}">{esc(result["student" if only else "submission"])}</a>'


def links(subs: list[dict]) -> dict[str, str]:
    """The link to each notebook's letter, in as few words as tell them apart."""
    count = Counter(r["student"] for r in subs)
    return {r["submission"]: link(r, count[r["student"]] == 1) for r in subs}


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are HTML already; without a header the first cell names its row."""
    if not header:
        rows = [[f'<th scope="row">{row[0]}</th>', *row[1:]] for row in rows]
        body = "".join(f"<tr>{row[0]}<td>{'</td><td>'.join(row[1:])}</td></tr>" for row in rows)
        return f"<table>{body}</table>"
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


# --- the instructor's report ----------------------------------------------------------------------


def report(results: dict[str, Any], marks: list[list[Any]] = NONE) -> str:
    subs, rows = results["submissions"], grade_rows(results, marks)
    bare = " <strong>Graded without a sandbox.</strong>" if results["trusted"] else ""
    parts = [
        HEAD.replace("TITLE", "Grading report"),
        (
            f"<p>{len(subs)} notebooks of {len({r['student'] for r in subs})} students, "
            f"seed {results['seed']}, course {esc(results['course'])}.{bare}</p>"
        ),
    ]
    texts = sum(bool(r["prose"]) for r in subs)
    if texts:
        parts.append(
            f'<p><a href="prose.html">Answers in words of {texts} notebooks</a>, to mark.</p>'
        )
    parts += [f"<p><strong>Fault:</strong> {esc(fault)}</p>" for fault in results["faults"]]
    lessons, points = totals(rows, results)
    if len(lessons) > 1:
        jumps = " · ".join(f'<a href="#lesson{esc(n)}">Lesson {esc(n)}</a>' for n in lessons)
        parts.append(f"<p>{jumps}</p>")
    parts += not_graded(subs)
    for number in lessons:
        mine = [r for r in subs if r["lesson"] == number]
        theirs = [total[number] for total in points.values() if number in total]
        parts += [
            f'<h2 id="lesson{esc(number)}">Lesson {esc(number)}</h2>',
            "<h3>How many points</h3>",
            distribution(theirs, out_of(rows, number)),
            "<h3>How each exercise went</h3>",
            histogram(mine),
            "<h3>Common wrong answers</h3>",
            mistakes(mine),
            "<h3>Who needs help with what</h3>",
            helped(mine),
        ]
    return "\n".join(parts) + "\n"


def not_graded(subs: list[dict]) -> list[str]:
    """Notebooks without a verdict: those to ask the student for, and those to grade once more."""
    left = [r for r in subs if any(v["status"] == "not_graded" for v in r["verdicts"])]
    parts = [f"<h2>Not graded: {len(left)}</h2>"] if left else []
    for again, title in (
        (False, "The file is at fault: ask the student for another one"),
        (True, "No fault of the file: run the same command again"),
    ):
        rows = [
            [link(r), esc(r["verdicts"][0]["reason"])]
            for r in left
            if bool(r.get("again")) == again
        ]
        if rows:
            parts += [f"<h3>{title} ({len(rows)})</h3>", table(["notebook", "why"], rows)]
    return parts


def distribution(points: list[float], most: float) -> str:
    """How many students have how many points, in at most eleven columns."""
    if not points:
        return "<p>Nobody has points yet.</p>"
    most, step = max([most, *points]), 1
    step = max(1, math.ceil((most + 1) / 11))
    counts = Counter(int(max(0, p) // step) for p in points)
    columns = []
    for i in range(int(most // step) + 1):
        low, high = i * step, min((i + 1) * step - 1, math.ceil(most))
        label = f"{low}" if low == high else f"{low}–{high}"
        bar = f'<span class="pass" style="height:{6 * counts[i] / max(counts.values()):.2f}rem">'
        columns.append(f"<div>{counts[i] or ''}{bar}</span>{label}</div>")
    return (
        f'<div class="columns" role="img" aria-label="Students by points">{"".join(columns)}</div>'
        f"<p>Points of {len(points)} students, out of {most:g}: mean {statistics.mean(points):.1f},"
        f" median {statistics.median(points):g}, from {min(points):g} to {max(points):g}.</p>"
    )


def by_exercise(subs: list[dict]) -> dict[str, list[tuple[dict, dict]]]:
    """Pairs of notebook and verdict for each exercise, in the lesson's order."""
    pairs = defaultdict(list)
    for result in subs:
        for v in result["verdicts"]:
            pairs[f"{v['exercise']} {v['name']}"].append((result, v))
    return pairs


def histogram(subs: list[dict]) -> str:
    rows = []
    for title, pairs in by_exercise(subs).items():
        count = Counter(v["status"] for _, v in pairs)
        bars = "".join(
            f'<span class="bar {s}" style="width:{18 * count[s] / len(pairs):.2f}em"></span>'
            for s in WORDS
            if count[s]
        )
        rows.append(
            [esc(title), bars, ", ".join(f"{count[s]} {WORDS[s]}" for s in WORDS if count[s])]
        )
    return table(["exercise", "share", "in numbers"], rows)


def mistakes(subs: list[dict]) -> str:
    """What went wrong, most common first. In a known mistake every number agrees with those of a
    mutant of the exercise. Errors are grouped by their class; what only one person did is folded.
    """
    rows: list[list[str]] = []
    single: list[list[str]] = []
    shown = links(subs)
    for title, pairs in by_exercise(subs).items():
        who = defaultdict(list)
        for result, v in pairs:
            if v["status"] == "fail":
                who[kind_of(v), v["known"]].append((result, v))
        for (kind, known), those in sorted(who.items(), key=lambda item: -len(item[1])):
            names = ", ".join(shown[result["submission"]] for result, _ in those[:12])
            more = f" and {len(those) - 12} more" if len(those) > 12 else ""
            row = [esc(title), str(len(those)), reasons(kind, those), "yes" if known else "no"]
            (rows if len(those) > 1 else single).append([*row, names + more])
    header = ["exercise", "how many", "what was wrong", "known mistake", "who"]
    parts = [table(header, rows)] if rows else []
    if single:
        title = f"{len(single)} that only one notebook has"
        parts.append(f"<details><summary>{title}</summary>{table(header, single)}</details>")
    return "\n".join(parts) or "<p>None.</p>"


def kind_of(v: dict[str, Any]) -> str:
    """What verdicts are grouped by: the reason, or of an error the name of its class."""
    raised = re.search(r"\bit raised (\w{1,60})|^(\w{1,60}(?:Error|Exception))\b", v["reason"])
    return f"it raised {raised[1] or raised[2]}" if raised and not v["known"] else v["reason"]


def reasons(kind: str, those: list[tuple[dict, dict]]) -> str:
    """A kind of mistake, with the single texts folded where they say more."""
    texts = Counter(v["reason"] for _, v in those)
    if list(texts) == [kind]:
        return words(kind)
    if len(texts) == 1:
        return words(next(iter(texts)))
    shown = "".join(f"<br>{n}: {words(text)}" for text, n in texts.most_common(12))
    return f"<details><summary>{words(kind)}</summary>{shown}</details>"


def helped(subs: list[dict]) -> str:
    """Notebooks with something missing, those with most first; the reasons are folded."""
    rows, shown = [], links(subs)
    for result in subs:
        lacks = [v for v in result["verdicts"] if v["status"] in ("fail", "unanswered")]
        which = " ".join(
            f"{sign(v['status'], WORDS[v['status']])}&nbsp;{esc(v['exercise'])}" for v in lacks
        )
        what = "".join(
            f"<br>{esc(v['exercise'])} {esc(v['name'])}: {words(v['reason'] or WORDS[v['status']])}"
            for v in lacks
        )
        if lacks:
            count = f"{len(lacks)} of {len(result['verdicts'])}"
            folded = f"<details><summary>{which}</summary>{what[4:]}</details>"
            rows.append([shown[result["submission"]], count, folded])
    rows.sort(key=lambda row: -int(row[1].split()[0]))
    return table(["notebook", "missing", "with what"], rows) if rows else "<p>Nobody.</p>"


def prose(results: dict[str, Any]) -> str:
    """Predictions, model cards and whatever else was written in words, for a human to mark in
    marks.csv.
    """
    how = (
        "<p>Enter points and out_of into <code>marks.csv</code> and run the same command again:"
        " they go into <code>grades.csv</code>. Shown are text cells that the course did not"
        " ship.</p>"
    )
    parts = [HEAD.replace("TITLE", "Answers in words"), how]
    for result in results["submissions"]:
        if result["prose"]:
            parts.append(f"<h2>{link(result)}, lesson {esc(result['lesson'])}</h2>")
            parts += [f"<pre>{esc(text)}</pre>" for text in result["prose"]]
    return "\n".join(parts) + "\n"


# --- a letter for every student -------------------------------------------------------------------


def letter_html(student: str, subs: list[dict]) -> str:
    parts = [HEAD.replace("TITLE", f"Feedback for {esc(student)}")]
    for result in subs:
        points, most = score(result)
        parts.append(
            f"<h2>{esc(result['submission'])}, lesson {esc(result['lesson'] or '?')}: "
            f"{points} of {most} points</h2>"
        )
        parts += [f"<p>{text}</p>" for text in [what_next(result)] if text]
        for v in result["verdicts"]:
            parts.append(
                f"<h3>{sign(v['status'])} {esc(v['exercise'])} {esc(v['name'])}:"
                f" {WORDS[v['status']]}, {given(v)} of {v['out_of']}</h3>"
            )
            parts += [f"<p>{words(v['reason'])}</p>"] if v["reason"] else []
            if v["evidence"]:
                parts.append(
                    table(
                        [],
                        [[EVIDENCE[key], words(text)] for key, text in v["evidence"].items()],
                    )
                )
    return "\n".join(parts) + "\n"


def letter_markdown(student: str, subs: list[dict]) -> str:
    lines = [f"# Feedback for {mark(student)}", ""]
    for result in subs:
        points, most = score(result)
        lines += [
            (
                f"## {mark(result['submission'])}, lesson {result['lesson'] or '?'}: {points} of"
                f" {most} points"
            ),
            "",
        ]
        lines += [text for text in [what_next(result), ""] if what_next(result)]
        for v in result["verdicts"]:
            lines.append(
                f"### {SIGNS[v['status']]} {v['exercise']} {mark(v['name'])}: {WORDS[v['status']]},"
                f" {given(v)} of {v['out_of']}"
            )
            lines += ["", mark(v["reason"])] if v["reason"] else []
            lines += (
                ["", *(f"- {EVIDENCE[key]}: {mark(text)}" for key, text in v["evidence"].items())]
                if v["evidence"]
                else []
            )
            lines.append("")
    return "\n".join(lines) + "\n"


def what_next(result: dict[str, Any]) -> str:
    """What a student whose notebook has no verdict should do; "" for all others."""
    if not any(v["status"] == "not_graded" for v in result["verdicts"]):
        return ""
    if result.get("again"):
        return "Your file is not at fault: it will be graded again."
    return "This file could not be graded: please check it and hand it in again."


def mark(text: str) -> str:
    """Text on one line in which Markdown sees nothing but text: no markup, no link, no formula, no
    mention.
    """
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    plain = html.escape(plain, quote=False)
    plain = "".join(f"\\{c}" if c in "\\`*_[]()#!|~$" else c for c in plain)
    plain = re.sub(r"^([-+=]|\d+(?=\.))", lambda found: escaped(found[0]), plain)
    plain = re.sub(r"://|(?<=www)\.", lambda found: f"\\{found[0]}", plain, flags=re.IGNORECASE)
    return re.sub(r"(?<=[@#])(?=\w)", "\u2060", plain)  # no mention, address or number of an issue


def escaped(beginning: str) -> str:
    """The beginning of a line that would be a list, a rule or a heading."""
    return f"{beginning}\\" if beginning[0].isdigit() else f"\\{beginning}"


def given(v: dict[str, Any]) -> str:
    return "no points yet" if v["points"] is None else str(v["points"])


def score(result: dict[str, Any]) -> tuple[int, int]:
    graded = [v for v in result["verdicts"] if v["points"] is not None]
    return sum(v["points"] for v in graded), sum(v["out_of"] for v in graded)
