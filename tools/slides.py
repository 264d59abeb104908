"""Slides of a lesson for a projector: `python -m tools slides NN [--out FOLDER]`, one page that
needs no network.

Runs the solved lesson and puts its core on slides: a heading with its formulas, each prediction,
each cell with what it shows, each exercise with its task and blank, each answer after its figure.
Other prose goes into the speaker's notes (key n). Arrow keys move; a cell too long for a slide gets
smaller letters. Formulas are set by the MathJax of the `site` extra where that is installed;
elsewhere they stay as they are written.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
from pathlib import Path

import nbformat
from nbconvert.filters import markdown2html

from tools import site
from tools.build import ROOT, solved_path
from tools.predictions import QUESTION, SHOWN
from tools.run_lesson import lessons

OUT = ROOT / "docs/_build/slides"
HIDDEN = ("setup", "check:", "help:", "solved", "studio")
FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.S)
FORMULA = re.compile(r"\$\$.*?\$\$", re.S)
TASK = re.compile(r"^### (Exercise \d[^\n]*)\n(.*?)(?=^#|\Z)", re.S | re.M)
MATHJAX = (
    '<script>MathJax = {{tex: {{inlineMath: [["$", "$"]]}}, svg: {{fontCache: "global"}}}}</script>'
    '<script src="{}"></script>'
)


def executed(source: Path) -> nbformat.NotebookNode:
    """The solved notebook of a lesson as it is now, with all that a run of its code shows; the
    website keeps that run.
    """
    if site.executed(ROOT, source.stem) is None:
        site.execute(ROOT, source.stem)
    book, ran = (
        nbformat.read(solved_path(ROOT, source), as_version=4),
        nbformat.read(ROOT / site.EXECUTED / f"{source.stem}.ipynb", as_version=4),
    )
    for now, then in zip(
        *([c for c in each.cells if c.cell_type == "code"] for each in (book, ran)), strict=True
    ):
        now.outputs = then.outputs
    return book


def deck(book: nbformat.NotebookNode, blank: nbformat.NotebookNode) -> list[str]:
    """The slides of a lesson's core, as HTML. `blank` has the exercises as a learner gets them."""
    stubs = {_exercise(cell): cell.source for cell in blank.cells if _exercise(cell)}
    made: list[str] = []
    task = ""
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        if any(tag.startswith(HIDDEN) for tag in tags):
            continue
        if cell.cell_type == "markdown":
            add(made, prose(TASK.sub("", cell.source)))
            task = "".join(
                f"<h2>{_inline(title)}</h2>{markdown2html(text)}"
                for title, text in TASK.findall(cell.source)
            )
        else:
            add(made, [task + code(stubs[_exercise(cell)])] if _exercise(cell) else shown(cell))
    return made


def add(made: list[str], pieces: list[str]) -> None:
    """Put slides at the end. What cannot stand alone shares a slide: a bare heading with what
    follows, notes with what was.
    """
    for piece in pieces:
        bare = bool(made) and made[-1].endswith("</h2>") and not piece.startswith("<h2>")
        if made and (bare or piece.startswith("<aside>")):
            made[-1] += piece
        else:
            made.append(piece)


def prose(text: str) -> list[str]:
    """A Markdown cell as slides: the heading with formulas and a prediction, other predictions,
    answers; the rest are notes.
    """
    if text.startswith("# "):
        title, *rest = re.split(r"\n\n(?!\[▶)", text, maxsplit=1)
        question = re.search(r"\*\*(.+?)\*\*", "".join(rest))
        asked = html.escape(question[1]) if question else ""
        return [f"<h1>{html.escape(title.splitlines()[0][2:])}</h1><p>{asked}</p>"]
    heading = re.match(r"#{2,3} (.+)", text)
    body = text[heading.end() :] if heading else text
    for told in (QUESTION, SHOWN, FOLD):
        body = told.sub("", body)
    body = body.strip()
    options = "".join(
        f"{fold}<summary>{said}</summary>{markdown2html(means)}</details>"
        for fold, said, means in SHOWN.findall(text)
    )
    predicted = [
        f'<div class="middle predict"><b>Predict.</b> {_inline(said)}{options}</div>'
        for said in QUESTION.findall(text)
    ]
    answers = [
        f"<h2>{_inline(title)}</h2>{markdown2html(answer.strip())}"
        for title, answer in FOLD.findall(text)
    ]
    formulas = [
        f'<div class="middle{" long" * (len(found) > 200)}">{html.escape(found)}</div>'
        for found in FORMULA.findall(body)
    ]
    if heading or formulas:
        title = f"<h2>{_inline(heading[1])}</h2>" if heading else ""
        first = (
            markdown2html(body.split("\n\n")[0]) if body and not formulas and not predicted else ""
        )
        room = 1 if len("".join(formulas)) < 200 else 0  # for a prediction below the formulas
        predicted = [f"{title}{''.join(formulas + predicted[:room])}{first}", *predicted[room:]]
    first, *more = predicted + answers or [""]
    notes = f"<aside>{markdown2html(body)}</aside>" if body else ""
    return [first + notes, *more] if first or notes else []


def shown(cell: nbformat.NotebookNode) -> list[str]:
    """A code cell and what it shows, on two slides if it is long; no slide for the imports."""
    output = "".join(_output(each) for each in cell.outputs)
    if re.match(r"(import|from) ", cell.source):
        return []
    if re.search("<img|<table", output) and cell.source.count("\n") > 5:
        return [code(cell.source), f'<div class="middle">{output}</div>']
    return [f"{code(cell.source)}<div>{output}</div>"]


def code(text: str) -> str:
    return f"<pre><code>{html.escape(text)}</code></pre>"


def page(title: str, slides: list[str], mathjax: str = "") -> str:
    """The whole page, with its style and its keys inside."""
    style, keys = (
        Path(__file__).with_name(f"slides.{kind}").read_text(encoding="utf-8")
        for kind in ("css", "js")
    )
    body = "\n".join(f"<section>{slide}</section>" for slide in slides)
    math = MATHJAX.format(mathjax) if mathjax else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta'
        f' charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>\n{style}</style>{math}</head>\n<body>\n{body}\n<nav></nav>\n<script>\n{keys}</script></body></html>\n"
    )


def copy_mathjax(to: Path) -> str:
    """MathJax beside the page, if the package that brings it is installed; its address there, or
    "".
    """
    files = site.mathjax()
    if files is None:
        return ""
    (to / "mathjax").mkdir(parents=True, exist_ok=True)
    shutil.copy(files / "tex-svg.js", to / "mathjax")
    return "mathjax/tex-svg.js"


def _exercise(cell: nbformat.NotebookNode) -> str:
    return next(
        (tag.split(":")[1] for tag in cell.metadata.get("tags", []) if tag.startswith("exercise:")),
        "",
    )


def _output(each: nbformat.NotebookNode) -> str:
    """What one output shows; a slider needs a kernel, so only the picture beside it is kept."""
    if each.output_type == "stream":
        return f"<pre>{html.escape(each.text)}</pre>" if each.name == "stdout" else ""
    data = each.get("data", {})
    if "application/vnd.jupyter.widget-view+json" in data or not data:
        return ""
    if "text/html" in data:
        return data["text/html"]
    if "image/png" in data:
        return f'<img alt="" src="data:image/png;base64,{data["image/png"]}">'
    return f"<pre>{html.escape(data.get('text/plain', ''))}</pre>"


def _inline(text: str) -> str:
    """One paragraph of Markdown without its paragraph."""
    return re.sub(r"^\s*<p>|</p>\s*$", "", markdown2html(" " + " ".join(text.split())))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools slides", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("lesson", help="two digits")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to write to")
    options = parser.parse_args(arguments)
    [source] = lessons(ROOT, options.lesson)
    blank = nbformat.read(ROOT / f"notebooks/{source.stem}.ipynb", as_version=4)
    options.out.mkdir(parents=True, exist_ok=True)
    slides, mathjax = deck(executed(source), blank), copy_mathjax(options.out)
    path = options.out / f"{source.stem}.html"
    path.write_text(page(source.stem, slides, mathjax), encoding="utf-8", newline="\n")
    print(
        f"{path}: {len(slides)} slides"
        + ("" if mathjax else "; formulas stay as TeX, `pip install -e '.[site]'` sets them")
    )
    return 0
