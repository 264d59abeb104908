"""The website's first page: a card for each lesson, some of them with a picture that moves."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import nbformat

from course_utils.platform import door

# the picture of a lesson that moves on its card, once the lesson has been run
LIVE = {"01": "01.fit", "04": "04.gap", "08": "08.attention"}


def cards(ran: dict[str, nbformat.NotebookNode | None], file: Callable[[str, str], str]) -> str:
    """The cards of the lessons in `ran`, as HTML. `file(page, stem)` puts the still pictures of a
    page into files.
    """
    made, column = "", 0
    abouts = [about for about in door.lessons() if about["stem"] in ran]
    moving = [explorable(about["number"], ran[about["stem"]]) for about in abouts]
    for i, (about, live) in enumerate(zip(abouts, moving, strict=True)):
        last = i + 1 == len(abouts) or bool(moving[i + 1])
        wide = bool(live) or (column == 0 and last)  # nothing would stand beside it
        made += _card(about, file(live, about["stem"]), "course-wide" if wide else "")
        column = 0 if wide else 1 - column
    return f'<div class="course-cards">{made}</div>'


def explorable(number: str, ran: nbformat.NotebookNode | None) -> str:
    """The HTML of a lesson's picture for its card, as its last run made it; "" without a run."""
    mark = f'data-explorable="{LIVE.get(number)}"'
    outputs = (o for cell in (ran.cells if ran else []) for o in cell.get("outputs", []))
    pages = (output.get("data", {}).get("text/html", "") for output in outputs)
    return next((re.sub(r"\n\s*\n", "\n", page) for page in pages if mark in page), "")


def _card(about: dict[str, Any], live: str, kind: str) -> str:
    number, link = about["number"], f"notebooks/{about['stem']}.html"
    title, alt = html.escape(door.short(about["title"])), html.escape(about["picture"])
    still = f'<img alt="{alt}" src="_static/cards/{number}.webp" width="540" height="360">'
    picture = f'<a href="{link}" class="course-picture" tabindex="-1">{still}</a>'
    return (
        f'<div class="course-card {kind}">{live or picture}<div class="course-words">'
        f'<p class="course-title"><a href="{link}">{number} {title}</a></p>'
        f"<p>{html.escape(about['question'])}</p>"
        f"<p><b>You will have</b> {html.escape(about['built'])}.</p>"
        f'<p class="course-minutes">{about["core"]} + {about["studio"]} minutes</p></div></div>'
    )
