"""How the website marks what a lesson's cells are for: a prediction, an exercise with its check and
its help, a claim to debug, a place to stop, the end of the core. docs/site.css draws them.
"""

from __future__ import annotations

import re

import nbformat

from tools.predictions import PLAIN, SHOWN

# what begins each part in a Markdown cell; it ends with its paragraph
PARTS = {
    "claim": r"\*\*Debug a claim\.\*\*",
    "stop": r"> \*\*A good place to stop\.\*\*",
    "end": r"That was the core\.",
}
PREDICTION = re.compile(
    rf"^\*\*Predict\.\*\*.*?(?=\n\n|\Z)(?:\n\n(?:{SHOWN.pattern}\s*)+)?(?:\n\n(?-s:{PLAIN.pattern}))?",
    re.S | re.M,
)
HEADING = re.compile(r"^#{2,4} Exercise \d[^\n]*\n", re.M)
# Markdown leaves a summary as it is, with the formulas in it
SUMMARY = re.compile(r"<summary>.*?</summary>", re.S)
FORMULA = re.compile(r"\$([^$]+)\$")
ANSWER = "Show the course's answer and what its check says"


def marked(text: str) -> str:
    """A Markdown cell with each of its parts in a box of its kind."""
    text = SUMMARY.sub(lambda said: FORMULA.sub(_formula, said[0]), text)
    text = PREDICTION.sub(lambda part: _box("predict", part[0]), text)
    for kind, start in PARTS.items():
        text = re.sub(
            rf"^{start}.*?(?=\n\n|\Z)",
            lambda part, kind=kind: _box(kind, re.sub("^> ?", "", part[0], flags=re.M)),  # type: ignore[misc]
            text,
            flags=re.S | re.M,
        )
    return text


def _formula(found: re.Match[str]) -> str:
    """An inline formula as Sphinx writes it."""
    return rf'<span class="math notranslate nohighlight">\({found[1]}\)</span>'


def _box(kind: str, text: str) -> str:
    return f"\n::::{{container}} course-{kind}\n{text.strip()}\n::::\n"


def framed(cells: list[nbformat.NotebookNode], answers: dict[str, str]) -> None:
    """Put each exercise into one frame, from below its heading to the end of its help, with the
    course's answer folded below its check. `answers` has them by exercise.
    """
    for exercise, answer in answers.items():
        at = {kind: _place(cells, f"{kind}:{exercise}") for kind in ("exercise", "check", "help")}
        stub, check = at["exercise"], at["check"]
        if stub is None or check is None:
            continue
        verdict = "".join(o.data.get("text/html", "") for o in cells[check].outputs if "data" in o)
        cells[check].outputs = []
        end = check if at["help"] is None else at["help"]
        task = cells[stub - 1]
        heading = HEADING.search(task.source) if task.cell_type == "markdown" else None
        fold = nbformat.v4.new_markdown_cell(_answer(answer, verdict))
        if heading is None or end - stub > 2:
            cells.insert(check + 1, fold)
            continue
        cells.insert(end + 1, nbformat.v4.new_markdown_cell("</div>"))
        cells.insert(check + 1, fold)
        cut = heading.end()
        rest = task.source[cut:].strip()
        task.source = f'{task.source[:cut]}\n<div class="course-exercise">\n\n{rest}'


def _answer(code: str, verdict: str) -> str:
    return (
        f'<details class="course-answer"><summary>{ANSWER}</summary>\n\n'
        f"````python\n{code}\n````\n\n{verdict}\n\n</details>"
    )


def _place(cells: list[nbformat.NotebookNode], tag: str) -> int | None:
    found = (i for i, cell in enumerate(cells) if tag in cell.metadata.get("tags", []))
    return next(found, None)
