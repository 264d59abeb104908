"""What a reader predicted: kept by the page in this browser, and told there."""

from __future__ import annotations

from pathlib import Path

from course_utils.platform.frontend import publish, shell

SCRIPT = Path(__file__).with_name("choices.js")
KEPT = "Your first choice for each prediction is kept in this browser and nowhere else."


def keep() -> None:
    """Let a notebook's page keep choices; nothing happens outside of a notebook."""
    if hasattr(shell(), "kernel"):
        publish("", f"<script>{_script()}</script>")


def show() -> None:
    """How many predictions were right; elsewhere than in a page, where that can be seen."""
    publish(
        "How many of your predictions were right can be seen in a notebook.",
        f'<p class="course-tally"></p><p>{KEPT}</p><script>{_script()}</script>',
    )


def _script() -> str:
    return SCRIPT.read_text(encoding="utf-8")
