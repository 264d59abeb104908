"""Slides of a lesson for a projector: `python -m tools slides NN [--out FOLDER]`, one page that
needs no network.

Runs the solved lesson and puts its core on slides, each by its kind: a heading, formulas, a
prediction below what one needs to know for it, code with what it prints, a picture, a picture that
moves, an exercise with its task and blank, an answer after its figure, a place to stop. Code that
only draws and folded code are left out, and long code or prose takes several slides: letters are
never smaller than a room can read. The section stands above each slide. Other prose goes into the
speaker's notes (key n; key s opens a window for them). Arrow keys move. Formulas are set by the
MathJax of the `site` extra where that is installed; elsewhere they stay as they are written.
"""

from __future__ import annotations

import argparse
import ast
import html
import math
import re
import shutil
from pathlib import Path

import nbformat
from nbconvert.filters import markdown2html
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from tools import grammar, site
from tools.build import ROOT, solved_path
from tools.predictions import FOLD, FORMULA, PLAIN, QUESTION, SHOWN, told
from tools.run_lesson import lessons
from tools.source import without_magics

OUT = ROOT / "docs/_build/slides"
HIDDEN = ("setup", "check:", "help:", "solved", "studio")
LINK = re.compile(r"<a [^>]*>(.*?)</a>", re.S)
STOP = re.compile(rf"^{grammar.PARTS['stop']} (.*(?:\n> .*)*)", re.M)
TASK = re.compile(r"^### (Exercise \d[^\n]*)\n(.*?)(?=^#|\Z)", re.S | re.M)
LINES = 14  # of code on one slide
WIDE = 84  # letters of code in a line; a longer one takes two
ROOM = 18  # lines of code and of what it prints, together
ROWS = 16  # of a table
LETTERS = 700  # of prose on one slide
# what a statement or a function is called that draws, and teaches nothing else
DRAWS = re.compile(
    r"\b(plots|drawing|ax|axes|fig|widgets|explorables|audio|runtime\.reached)\b[.(]|\balt="
    r"|^(alt|settings)\b"
    r"|^(?:@[^\n]*\n)*def (show|describe|draw)_",
    re.M,
)
MATHJAX = (
    '<script>MathJax = {{tex: {{inlineMath: [["$", "$"]]}}, svg: {{fontCache: "local"}}}}</script>'
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
    task = known = ""
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        if any(tag.startswith(HIDDEN) for tag in tags):
            continue
        if cell.cell_type == "markdown":
            add(made, prose(TASK.sub("", cell.source), known))
            known = told(cell.source, known)
            task = "".join(
                f"<h2>{_inline(title)}</h2>{markdown2html(text)}"
                for title, text in TASK.findall(cell.source)
            )
        else:
            add(made, exercise(task, stubs[_exercise(cell)]) if _exercise(cell) else shown(cell))
    return headed(made)


def headed(made: list[str]) -> list[str]:
    """Each slide without a heading gets that of its section, small; links become plain words."""
    made, section = [LINK.sub(r"\1", slide) for slide in made], ""
    for i, slide in enumerate(made):
        found = re.search("<h2>(?!Exercise)(.*?)</h2>", slide, flags=re.S)
        section = found[1] if found else section
        if section and "<h2" not in slide:
            made[i] = f"<header>{section}</header>{made[i]}"
    return made


def exercise(task: str, stub: str) -> list[str]:
    """The task with its blank below, on two slides if they are long."""
    blank = f'<div class="exercise">{code(stub)}</div>'
    if len(re.sub("<[^>]*>", "", task)) + 60 * stub.count("\n") > LETTERS:
        return [task, blank]
    return [task + blank]


def add(made: list[str], pieces: list[str]) -> None:
    """Put slides at the end. What cannot stand alone shares a slide: a bare heading with what
    follows, a heading and a paragraph with short code, notes with what was.
    """
    for piece in pieces:
        last = re.sub("<aside>.*?</aside>", "", made[-1], flags=re.S) if made else ""
        bare = last.endswith("</h2>") and not piece.startswith("<h2")
        prose = last.startswith("<h2") and not re.search("<pre|<div|<details", last)
        room = len(re.sub("<[^>]*>", "", last)) + 60 * piece.count("\n") < LETTERS
        joins = bare or (prose and room and piece.startswith("<pre"))
        if made and (joins or piece.startswith("<aside>")):
            made[-1] += piece
        else:
            made.append(piece)


def prose(text: str, known: str = "") -> list[str]:
    """A Markdown cell as slides: the heading with formulas and a prediction, other predictions,
    answers, a place to stop; the rest are notes. `known` is the paragraph before the cell.
    """
    if text.startswith("# "):
        return [opening(text)]
    heading = re.match(r"#{2,3} (.+)", text)
    body = text[heading.end() :] if heading else text
    for shown_elsewhere in (QUESTION, SHOWN, PLAIN, FOLD, STOP):
        body = shown_elsewhere.sub("", body)
    body = body.strip()
    predicted = predictions(text, known)
    formulas = [
        f'<div class="formula">{html.escape(found)}</div>' for found in FORMULA.findall(body)
    ]
    pieces = [""] if heading or formulas else []
    if heading:
        pieces[0] = f"<h2>{_inline(heading[1])}</h2>"
        if body and not formulas and not predicted:
            pieces[0] += markdown2html(parted(body.split("\n\n")[0])[0])
    for k, formula in enumerate(formulas):  # two share a slide
        pieces[k // 2 :] = ["".join([*pieces[k // 2 : k // 2 + 1], formula])]
    if formulas or not pieces:
        pieces += predicted
    else:  # a bare heading stands above its first prediction
        pieces = [pieces[0] + "".join(predicted[:1]), *predicted[1:]]
    first, *more = pieces + answers(text) or [""]
    notes = f"<aside>{markdown2html(body)}</aside>" if body else ""
    return [first + notes, *more] if first or notes else []


def answers(text: str) -> list[str]:
    """What stands after a figure or an exercise: each fold below its title, and a place to stop."""
    made = [
        f'<h2 class="part">{_inline(title)}</h2>{markdown2html(part)}'
        for title, answer in FOLD.findall(text)
        for part in parted(answer)
    ]
    for said in STOP.findall(text):
        lines = said.replace("\n> ", " ")
        made.append(f'<h2 class="part">A good place to stop</h2>{markdown2html(lines)}')
    return made


def opening(text: str) -> str:
    """The first slide: a lesson's title and its question."""
    title, *rest = re.split(r"\n\n(?!\[▶)", text, maxsplit=1)
    question = re.search(r"\*\*(.+?)\*\*", "".join(rest))
    asked = html.escape(question[1]) if question else ""
    return f"<h1>{html.escape(title.splitlines()[0][2:])}</h1><p>{asked}</p>"


def predictions(text: str, known: str = "") -> list[str]:
    """The predictions of a Markdown cell, each below the paragraph before it and with its options
    to vote on.
    """
    options = "".join(
        f"{fold}<summary>{said}</summary>{markdown2html(means)}</details>"
        for fold, said, means in SHOWN.findall(text)
    )
    options += "".join(markdown2html(plain) for plain in PLAIN.findall(text))
    made = []
    for asked in QUESTION.finditer(text):
        said = told(text[: asked.start()], known)
        before = f'<p class="told">{_inline(said)}</p>' if said else ""
        question = f"<b>Predict.</b> {_inline(asked[1])}"
        made.append(f'<div class="middle predict">{before}{question}{options}</div>')
    return made


def parted(text: str) -> list[str]:
    """Prose in parts that fit a slide each, cut between paragraphs."""
    parts = [""]
    for paragraph in text.strip().split("\n\n"):
        if parts[-1] and len(parts[-1]) + len(paragraph) > LETTERS:
            parts.append("")
        parts[-1] += f"\n\n{paragraph}"
    return parts


def shown(cell: nbformat.NotebookNode) -> list[str]:
    """A code cell and what it shows: printed text below its code where both fit, and everything
    else on slides of its own. No slide for imports, for folded code, and for code that only draws.
    """
    if re.match(r"(import|from) ", cell.source):
        return []
    folded = "folded" in cell.metadata.get("tags", [])
    parts = [] if folded else chunks(taught(cell.source))
    pieces = [code(part) for part in parts]
    outputs = list(dict.fromkeys((_kind(each), _output(each)) for each in cell.outputs))
    if any(kind == "moving" for kind, _ in outputs):
        outputs = [(kind, each) for kind, each in outputs if kind != "picture"]
    printed = "".join(each for kind, each in outputs if kind == "printed" and each)
    below = tall(re.sub("<[^>]*>", "", printed)) + printed.count("<pre")
    if printed and pieces and tall(parts[-1]) + below <= ROOM:
        pieces[-1] += f"<div>{printed}</div>"
    elif printed:
        pieces.append(f"<div>{printed}</div>")
    kinds = ("picture", "moving", "table")
    return pieces + [
        f'<div class="middle {kind}">{part}</div>{_described(part)}'
        for kind, each in outputs
        if kind in kinds
        for part in (tables(each) if kind == "table" else [each])
    ]


def _described(picture: str) -> str:
    """What a picture shows, in the notes."""
    alt = re.search(r'<img[^>]*\balt="([^"]+)"', picture)
    return f"<aside><p>{alt[1]}</p></aside>" if alt else ""


def tables(page: str) -> list[str]:
    """A table in parts that fit a slide each, the head above every part."""
    head, *rows = re.findall(r"<tr\b.*?</tr>", page, flags=re.S)
    parts = [rows[i : i + ROWS] for i in range(0, len(rows), ROWS)]
    return [f"<table>{head}{''.join(part)}</table>" for part in parts] or [page]


def taught(source: str) -> str:
    """A cell's code without what only draws."""
    lines, kept, start = source.splitlines(), [], 0
    for node in ast.parse(without_magics(source)).body:
        end = node.end_lineno or node.lineno
        text = "\n".join(lines[node.lineno - 1 : end])
        if not DRAWS.search(text):
            kept += lines[start:end]
        start = end
    return "\n".join(kept).strip("\n")


def chunks(text: str) -> list[str]:
    """Code in parts of at most so many lines, cut between statements, outermost ones if possible,
    and not so that a line or two are left over.
    """
    lines, starts, parts, first = text.splitlines(), statements(text), [], 0
    while (height := tall("\n".join(lines[first:]))) > LINES:
        ends = range(first + 1, len(lines))
        most = max(i for i in ends if tall("\n".join(lines[first:i])) <= LINES)
        parts_left = math.ceil(height / LINES)
        even = min(most, first + math.ceil((len(lines) - first) / parts_left))
        places = [i for i in starts if first + (most - first) // 3 < i <= most] or [most]
        cut = min(
            places,
            key=lambda i: (len(lines) - i < 3, lines[i][:1].isspace(), abs(i - even)),
        )
        parts.append("\n".join(lines[first:cut]).strip("\n"))
        first = cut
    return [part for part in (*parts, "\n".join(lines[first:]).strip("\n")) if part]


def statements(text: str) -> list[int]:
    """The lines at which a statement begins, or the comment above it; not those of docstrings."""
    lines, starts = text.splitlines(), set()
    for parent in ast.walk(ast.parse(text)):
        inner = [node for node in ast.iter_child_nodes(parent) if isinstance(node, ast.stmt)]
        for node in inner[isinstance(parent, ast.FunctionDef | ast.ClassDef) :]:
            decorators = [each.lineno for each in getattr(node, "decorator_list", [])]
            start = min([node.lineno, *decorators]) - 1
            while start and lines[start - 1].lstrip().startswith("#"):
                start -= 1
            starts.add(start)
    return sorted(starts)


def tall(text: str) -> int:
    """The lines that a text in a typewriter's letters takes on a slide."""
    return sum(max(1, -(-len(line) // WIDE)) for line in text.splitlines())


def _kind(each: nbformat.NotebookNode) -> str:
    """What an output is, for its place on slides."""
    page = each.get("data", {}).get("text/html", "") if each.output_type != "stream" else ""
    for mark, kind in (("data-explorable", "moving"), ("<table", "table"), ("<img", "picture")):
        if mark in page:
            return kind
    return "picture" if "image/png" in each.get("data", {}) else "printed"


def code(text: str) -> str:
    """Python as HTML, in colors that are dark enough for a projector."""
    style = HtmlFormatter(nowrap=True, noclasses=True, style="default")
    return f"<pre><code>{highlight(text, PythonLexer(), style).rstrip()}</code></pre>"


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
        f' charset="utf-8"><link rel="icon" href="data:,"><title>{html.escape(title)}</title>'
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
    text = data.get("text/plain", "")
    return "" if re.match(r"<(Axes|Figure)", text) else f"<pre>{html.escape(text)}</pre>"


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
    slides = write(source, options.out)
    print(
        f"{options.out / source.stem}.html: {slides} slides"
        + ("" if site.mathjax() else "; formulas stay as TeX, `pip install -e '.[site]'` sets them")
    )
    return 0


def write(source: Path, out: Path) -> int:
    """The page of a lesson in a folder, beside MathJax. -> the number of its slides"""
    out.mkdir(parents=True, exist_ok=True)
    blank = nbformat.read(ROOT / f"notebooks/{source.stem}.ipynb", as_version=4)
    slides = deck(executed(source), blank)
    text = page(source.stem, slides, copy_mathjax(out))
    (out / f"{source.stem}.html").write_text(text, encoding="utf-8", newline="\n")
    return len(slides)


def write_all(out: Path) -> None:
    """The pages of all lessons that were run as they are now."""
    for source in lessons(ROOT):
        if site.executed(ROOT, source.stem):
            write(source, out)
