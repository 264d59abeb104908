"""The plumbing of lesson 05's project: the error of a call in one line, the model card and what is
saved with it, and a way to keep a profiler's own messages out of a notebook.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from course_utils.platform.frontend import publish


def error_of(run: Callable, *arguments: Any) -> str:
    """The error that a call ends with, in one line."""
    try:
        run(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def model_card(title: str, words: dict[str, str], measured: dict[str, str]) -> str:
    """A model card in Markdown; a line without words says so."""
    lines = [f"- **{name}:** {text or '*not written yet*'}" for name, text in words.items()]
    table = [f"| {name} | {value} |" for name, value in measured.items()]
    head = ["| measured | |", "|---|---|"]
    return "\n".join([f"# {title}", "", *lines, "", *head, *table, ""])


def save(folder: str, card: str, state: dict[str, Any], log: list[dict[str, Any]]) -> Path:
    """Write model_card.md, model.pt and runs.jsonl, say where, and show a link that downloads the
    card: on Colab, files are gone when the runtime ends.
    """
    import torch

    place = Path(folder).resolve()
    place.mkdir(parents=True, exist_ok=True)
    (place / "model_card.md").write_text(card, encoding="utf-8")
    torch.save(state, place / "model.pt")
    runs = "".join(json.dumps(line) + "\n" for line in log)
    (place / "runs.jsonl").write_text(runs, encoding="utf-8")
    content = base64.b64encode(card.encode()).decode()
    link = f'<a download="model_card.md" href="data:text/markdown;base64,{content}">Download it</a>'
    said = f"model_card.md, model.pt and runs.jsonl are in {place}."
    publish(said, f"<p>{html.escape(said)} {link}</p>")
    return place


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what compiled code writes to standard error: PyTorch's profiler notes there that it
    starts and stops, and no setting turns that off. Python's own messages still come.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
