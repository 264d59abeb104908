"""Pages for people: the instructor's report, all prose on one page, a letter for every student."""

from __future__ import annotations

import html
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from grading.report import file_name, write_text

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;
color:#222;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}
td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left;vertical-align:top}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f5f5;padding:.6rem}
.bar{display:inline-block;height:1em;vertical-align:middle;margin-right:.3em}
.pass{background:#0072b2}.fail{background:#d55e00}.unanswered{background:#bbb}
.not_graded{background:#fff;border:1px dashed #222}"""
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
    "expected": "What was expected",
    "came": "What came",
}


def write_all(results: dict[str, Any], out: Path) -> None:
    """report.html, prose.html and the letters in feedback/; letters of students who are gone are
    removed.
    """
    write_text(out / "report.html", report(results))
    write_text(out / "prose.html", prose(results))
    students = defaultdict(list)
    for result in results["submissions"]:
        students[result["student"]].append(result)
    for student, theirs in students.items():
        write_text(out / "feedback" / f"{file_name(student)}.md", letter_markdown(student, theirs))
        write_text(out / "feedback" / f"{file_name(student)}.html", letter_html(student, theirs))
    current = {file_name(student) for student in students}
    for path in (out / "feedback").glob("*.*"):
        if path.suffix in (".md", ".html") and path.stem not in current:
            path.unlink()


def esc(text: Any) -> str:
    return html.escape("".join(c if c.isprintable() or c == "\n" else "?" for c in str(text)))


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


# --- the instructor's report ----------------------------------------------------------------------


def report(results: dict[str, Any]) -> str:
    subs = results["submissions"]
    bare = " <strong>Graded without a sandbox.</strong>" if results["trusted"] else ""
    parts = [
        HEAD.replace("TITLE", "Grading report"),
        (
            f"<p>{len(subs)} notebooks of {len({r['student'] for r in subs})} students, "
            f"seed {results['seed']}, course {esc(results['course'])}.{bare}</p>"
        ),
    ]
    parts += [f"<p><strong>Fault:</strong> {esc(fault)}</p>" for fault in results["faults"]]
    left = [r for r in subs if any(v["status"] == "not_graded" for v in r["verdicts"])]
    if left:
        parts.append(
            f"<h2>Not graded: {len(left)}</h2>"
            + table(
                ["notebook", "why"],
                [[esc(r["submission"]), esc(r["verdicts"][0]["reason"])] for r in left],
            )
        )
    for number in sorted({r["lesson"] for r in subs} - {""}):
        mine = [r for r in subs if r["lesson"] == number]
        parts += [
            f"<h2>Lesson {esc(number)}</h2>",
            "<h3>How each exercise went</h3>",
            histogram(mine),
            "<h3>Common wrong answers</h3>",
            mistakes(mine),
            "<h3>Who needs help with what</h3>",
            helped(mine),
        ]
    return "\n".join(parts) + "\n"


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
    mutant of the exercise.
    """
    rows = []
    for title, pairs in by_exercise(subs).items():
        who = defaultdict(list)
        for result, v in pairs:
            if v["status"] == "fail":
                who[v["reason"], v["known"]].append(result["submission"])
        for (reason, known), names in sorted(who.items(), key=lambda item: -len(item[1])):
            shown = ", ".join(map(esc, names[:12])) + (
                f" and {len(names) - 12} more" if len(names) > 12 else ""
            )
            rows.append([esc(title), str(len(names)), esc(reason), "yes" if known else "no", shown])
    return (
        table(["exercise", "how many", "what was wrong", "known mistake", "who"], rows)
        if rows
        else "<p>None.</p>"
    )


def helped(subs: list[dict]) -> str:
    """Notebooks with something missing, those with most first."""
    rows = []
    for result in subs:
        lacks = [v for v in result["verdicts"] if v["status"] in ("fail", "unanswered")]
        what = "<br>".join(
            f"{SIGNS[v['status']]} {esc(v['exercise'])} {esc(v['name'])}: "
            f"{esc(v['reason'] or WORDS[v['status']])}"
            for v in lacks
        )
        if lacks:
            rows.append(
                [esc(result["submission"]), f"{len(lacks)} of {len(result['verdicts'])}", what]
            )
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
            parts.append(f"<h2>{esc(result['submission'])}, lesson {esc(result['lesson'])}</h2>")
            parts += [f"<pre>{esc(text)}</pre>" for text in result["prose"]]
    return "\n".join(parts) + "\n"


# --- a letter for every student -------------------------------------------------------------------


def letter_html(student: str, subs: list[dict]) -> str:
    parts = [HEAD.replace("TITLE", f"Feedback for {esc(student)}")]
    for result in subs:
        points, out_of = score(result)
        parts.append(
            f"<h2>{esc(result['submission'])}, lesson {esc(result['lesson'] or '?')}: "
            f"{points} of {out_of} points</h2>"
        )
        for v in result["verdicts"]:
            parts.append(
                f"<h3>{SIGNS[v['status']]} {esc(v['exercise'])} {esc(v['name'])}:"
                f" {WORDS[v['status']]}, {given(v)} of {v['out_of']}</h3>"
            )
            parts += [f"<p>{esc(v['reason'])}</p>"] if v["reason"] else []
            if v["evidence"]:
                parts.append(
                    table(
                        ["", ""],
                        [[EVIDENCE[key], esc(text)] for key, text in v["evidence"].items()],
                    )
                )
    return "\n".join(parts) + "\n"


def letter_markdown(student: str, subs: list[dict]) -> str:
    lines = [f"# Feedback for {mark(student)}", ""]
    for result in subs:
        points, out_of = score(result)
        lines += [
            (
                f"## {mark(result['submission'])}, lesson {result['lesson'] or '?'}: {points} of"
                f" {out_of} points"
            ),
            "",
        ]
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


def mark(text: str) -> str:
    """Text on one line in which Markdown sees nothing but text."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    plain = html.escape(plain, quote=False)
    return "".join(f"\\{c}" if c in "\\`*_[]()#!|~" else c for c in plain)


def given(v: dict[str, Any]) -> str:
    return "no points yet" if v["points"] is None else str(v["points"])


def score(result: dict[str, Any]) -> tuple[int, int]:
    graded = [v for v in result["verdicts"] if v["points"] is not None]
    return sum(v["points"] for v in graded), sum(v["out_of"] for v in graded)
