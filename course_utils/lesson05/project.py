"""What a project leaves behind: its model card, the parameters, and the log of experiments."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from typing import Any

from course_utils.platform.frontend import publish


def model_card(title: str, words: dict[str, str], measured: dict[str, str]) -> str:
    """A model card in Markdown; a line without words says so."""
    lines = [f"- **{name}:** {text or '*not written yet*'}" for name, text in words.items()]
    table = [f"| {name} | {value} |" for name, value in measured.items()]
    head = ["| measured on the 1,000 test digits | |", "|---|---|"]
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
