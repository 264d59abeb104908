"""A prediction in a lesson's source, and the form in which a notebook shows it.

    **Predict.** A question?

    - A: an option
      - What it would have meant.
    - B: another one
      - **Yes.** Why.

Each option becomes a fold. To open one is to choose it, in every front end, also without a kernel
or a script; a page that runs scripts keeps the first choice (course_utils/live/choices.js).
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator

YES = "**Yes.**"
# what a reader is asked, in a Markdown cell
QUESTION = re.compile(r"\*\*Predict\.\*\*(.*?)(?=\n\n|\Z)", re.S)
OPTION = re.compile(
    r"^- (?P<letter>[A-E]): (?P<text>.*(?:\n  (?!- ).*)*)\n  - (?P<means>.*(?:\n    .*)*)\n?", re.M
)
# an option in a notebook: how its fold begins, what it says, and what it means
SHOWN = re.compile(
    r'(<details class="course-option[^>]*>)<summary>(.*?)</summary>\n(.*?)</details>\n?', re.S
)
# options without what each would have meant, below their question; one fold answers them all
PLAIN = re.compile(r"(?<=\n\n)(?:- [A-E]: .*\n?(?: +\S.*\n?)*)+")
FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.S)
FORMULA = re.compile(r"\$\$.*?\$\$", re.S)
CODE = re.compile(r"`([^`]+)`")
LETTERS = 420  # of what somebody has to know who only hears the question


def folded(text: str, number: str) -> str:
    """A Markdown cell of lesson `number` with its options as folds, each with a class of its own:
    JupyterLab takes ids out of Markdown.
    """
    asked = QUESTION.search(text)
    name = hashlib.sha256(asked[1].encode()).hexdigest()[:6] if asked else ""
    return OPTION.sub(lambda option: _fold(option, f"p{number}-{name}"), text)


def _fold(option: re.Match[str], name: str) -> str:
    said = CODE.sub(r"<code>\1</code>", html.escape(_line(option["text"]), quote=False))
    means = _line(option["means"])
    kind = "course-option course-right" if means.startswith(YES) else "course-option"
    if not means.startswith(YES):
        means = f"**No.** {means}"
    letter = option["letter"]
    return (
        f'<details class="{kind} {name}-{letter}"><summary><b>{letter}</b> {said}</summary>'
        f"\n\n{means}\n\n</details>\n"
    )


def told(before: str, known: str = "") -> str:
    """What a class has to know for a prediction: the last paragraph of prose before it, or `known`
    where there is none; the last sentences of a long one.
    """
    for other in (SHOWN, PLAIN, FOLD, FORMULA, QUESTION, OPTION):
        before = other.sub("", before)
    parts = [" ".join(part.split()) for part in before.split("\n\n")]
    prose = [part for part in parts if part and not re.match(r"[#|>!<]|[-*] |\d+\. |---", part)]
    said = prose[-1] if prose else known
    while len(said) > LETTERS and ". " in said:
        said = said.split(". ", 1)[1]
    return said[:1].upper() + said[1:]


def _line(text: str) -> str:
    return re.sub(r"\n +", " ", text).strip()


def mistakes(text: str) -> Iterator[tuple[str, str]]:
    """(where, what) is wrong with the options of a Markdown cell."""
    options = list(OPTION.finditer(text))
    if not options:
        return
    letters = "".join(option["letter"] for option in options)
    right = sum(option["means"].startswith(YES) for option in options)
    asked = len(QUESTION.findall(text))
    if asked != 1 or letters not in ("AB", "ABC", "ABCD", "ABCDE") or right != 1:
        yield (
            options[0][0],
            f"a prediction asks one question and offers two to five options from A on, of which one"
            f" begins with {YES}: here are {asked} questions, options {letters}, {right} of them"
            " right",
        )
