"""Show a verdict: HTML in a front end, one plain line elsewhere."""

from __future__ import annotations

import html
import re
from typing import Any

from course_utils.platform.frontend import publish

WORDS = {
    "pass": "public checks pass",
    "fail": "not yet",
    "unanswered": "not answered yet",
}
SIGNS = {"pass": "✅", "fail": "❌", "unanswered": "⏳"}  # of a plain line
# a page draws its signs: a computer without a font for emoji shows boxes in their place
STROKES = {
    "pass": "M3.5 8.5 7 12 13 4.5",
    "fail": "M4 4 12 12M12 4 4 12",
    "unanswered": "M3 8a5 5 0 1 0 10 0a5 5 0 1 0-10 0",
    "not_graded": "M8 2V10M8 12.5V14",
}
GOES_ON = "The notebook goes on with the course's own version."
FIRST_STEP = "Write your answer in the cell above, run it, then run this cell again."
NAMES = {"eps", "exp", "gamma", "log", "logvar", "max", "min", "mu", "tanh", "theta", "tol"}
BORDER = {"pass": "#0072b2", "fail": "#d55e00", "unanswered": "#8a8a8a", "not_graded": "#8a8a8a"}


def display(title: str, outcome: Any, goes_on: bool = False) -> None:
    """Show what an `Outcome` says about the exercise called `title`."""
    publish(as_line(title, outcome, goes_on), as_html(title, outcome, goes_on))


def sentences(outcome: Any, goes_on: bool) -> list[str]:
    """What to say under the verdict, most useful first."""
    messages = (
        [FIRST_STEP]
        if outcome.status == "unanswered"
        else [_sentence(outcome.hint), _sentence(outcome.case)]
    )
    if outcome.printed.strip():
        messages.append(f"It printed: {' '.join(outcome.printed.split())[:200]}")
    # a learner's text may hold lone surrogates
    messages = [message.encode("utf-8", "replace").decode() for message in messages if message]
    return messages + ([GOES_ON] if goes_on else [])


def as_line(title: str, outcome: Any, goes_on: bool) -> str:
    sign, word = SIGNS[outcome.status], WORDS[outcome.status]
    return " ".join([f"{sign} {title}: {word}.", *sentences(outcome, goes_on)]).replace("\n", " ")


def as_html(title: str, outcome: Any, goes_on: bool) -> str:
    """The verdict as a sign and a word, not only as a color. The front end's own text colors stay,
    so dark themes work.
    """
    word, color = WORDS[outcome.status], BORDER[outcome.status]
    lines = "".join(f"<div>{_marked(s)}</div>" for s in sentences(outcome, goes_on))
    return (
        f'<div role="status" style="border-left:5px solid {color};padding:.3em .8em;margin:.3em 0">'
        f"<strong>{sign(outcome.status)} {html.escape(title)}: {word}</strong>{lines}</div>"
    )


def sign(status: str, spoken: str = "") -> str:
    """The drawn sign of a verdict. `spoken` says it where no words beside it do."""
    named = f'role="img" aria-label="{spoken}"' if spoken else 'aria-hidden="true"'
    style = f"vertical-align:-3px;fill:none;stroke:{BORDER[status]};stroke-width:2.5"
    return (
        f'<svg viewBox="0 0 16 16" width="16" height="16" {named} style="{style}">'
        f'<path d="{STROKES[status]}"/></svg>'
    )


def _marked(text: str) -> str:
    """Escaped, with `code` and *emphasis* as a notebook shows them."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
    return re.sub(r"(?<!\w)\*(\w+)\*(?!\w)", r"<em>\1</em>", text)


def _sentence(text: str) -> str:
    """With a full stop, and with a capital letter unless it begins with a symbol or a name: σ and
    Σ, t and T are different things.
    """
    text = text.strip()
    word = re.match(r"[a-z]{2,}(?=[ ,:;'-])|a(?= )", text)
    if word and word[0] not in NAMES:
        text = text[0].upper() + text[1:]
    return text and text + ("" if text.endswith((".", "?", "!", "…")) else ".")
