"""The course's first screen: its ten lessons as cards, with what the learner has done.

`course_utils/lessons.json` says what a card tells; `python -m tools` makes it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

PICTURES = "../docs/cards"  # seen from my/ and from notebooks/
TAG = "door"  # of the cell in the index that shows the cards

# An untrusted notebook keeps a style that stands in an element and drops every other.
STYLES = {
    "cards": "display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:14px",
    "card": "border:1px solid #9a9a9a;border-radius:8px;overflow:hidden;font-size:13px;"
    "line-height:1.4",
    "next": "border:3px solid #0072b2;border-radius:8px;overflow:hidden;font-size:13px;"
    "line-height:1.4",
    "picture": "display:block;width:100%;height:auto;background:#ffffff",
    "text": "padding:8px 12px 12px",
    "title": "font-size:15px;font-weight:bold;margin:0 0 4px",
    "line": "margin:0 0 6px",
    "bar": "height:6px;background:#cccccc;border-radius:3px;overflow:hidden",
    "done": "height:6px;background:#0072b2",
}


@cache
def lessons() -> list[dict[str, Any]]:
    """What is said of each lesson, in order."""
    path = Path(__file__).parents[1] / "lessons.json"
    return json.loads(path.read_text(encoding="utf-8"))


def cards(done: Mapping[str, str], abouts: list[dict[str, Any]]) -> str:
    """The cards of lessons as HTML. `done` is the latest verdict by exercise."""
    left = [about for about in abouts if _passed(about, done) < len(about["exercises"])]
    now = left[0] if left else None
    made = "".join(_card(about, _passed(about, done), about is now) for about in abouts)
    return f"<div {_style('cards')}>{made}</div>"


def _card(about: dict[str, Any], passed: int, now: bool) -> str:
    name = html.escape(short(about["title"]))
    link, all_ = f'href="{about["stem"]}.ipynb"', len(about["exercises"])
    here = f" · <b>{'Go on here' if passed else 'Start here'}</b>" if now else ""
    return (
        f"<div {_style('next' if now else 'card')}>"
        f'<a {link}><img {_style("picture")} src="{PICTURES}/{about["number"]}.webp"'
        f' alt="{html.escape(about["picture"])}" width="270" height="180"></a>'
        f"<div {_style('text')}>"
        f"<p {_style('title')}><a {link}>{about['number']} {name}</a></p>"
        f"<p {_style('line')}>{html.escape(about['question'])}</p>"
        f"<p {_style('line')}><b>You will have</b> {html.escape(about['built'])}.</p>"
        f"<p {_style('line')}>{about['core']} + {about['studio']} minutes · {passed} of {all_}"
        f" exercises{here}</p>"
        f'<div {_style("bar")}><div style="{STYLES["done"]};width:{100 * passed // all_}%">'
        "</div></div></div></div>"
    )


def short(title: str) -> str:
    """The part of a lesson's title that fits a card."""
    return title.split(":")[0].split(";")[0]


def _passed(about: dict[str, Any], done: Mapping[str, str]) -> int:
    return sum(done.get(exercise) == "pass" for exercise in about["exercises"])


def _style(kind: str) -> str:
    return f'style="{STYLES[kind]}"'


def output(
    done: Mapping[str, str], abouts: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """What the cell of the cards shows, as a notebook stores it."""
    abouts = lessons() if abouts is None else abouts
    text = "\n".join(
        f"{about['number']} {short(about['title'])}: {_passed(about, done)} of"
        f" {len(about['exercises'])} exercises"
        for about in abouts
    )
    data = {"text/html": cards(done, abouts), "text/plain": text}
    return [{"output_type": "display_data", "metadata": {}, "data": data}]
