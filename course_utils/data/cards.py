"""Data cards: where each data set is from, its license, its size, and its traps."""

from __future__ import annotations

from pathlib import Path

from .photographs import PHOTOGRAPHS

CARDS = Path(__file__).resolve().parent / "cards"


def card(name: str) -> str:
    """The data card of a data set, of a photograph or of a weights file, as Markdown.

    Raises ValueError for an unknown name, which lists the known ones.
    """
    known = sorted(path.stem for path in CARDS.glob("*.md"))
    wanted = "photographs" if name in PHOTOGRAPHS else name
    if wanted not in known:
        raise ValueError(f"There is no data card {name!r}. There are: {', '.join(known)}.")
    return (CARDS / f"{wanted}.md").read_text(encoding="utf-8")
