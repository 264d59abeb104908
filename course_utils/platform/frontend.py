"""Where output goes: a front end that shows HTML, or a plain terminal."""

from __future__ import annotations

import html
import sys
from collections.abc import Sequence
from typing import Any


def shell() -> Any:
    """The running IPython shell, or None outside of IPython."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


def publish(text: str, page: str) -> None:
    """Show HTML in a front end, the plain text elsewhere."""
    if shell() is not None:
        from IPython.display import display

        display({"text/plain": text, "text/html": page}, raw=True)
    else:
        say(text)


def say(text: str) -> None:
    """Print; a terminal that lacks a character gets a question mark."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


def show_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A small table: HTML in a front end, aligned text elsewhere."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    text = "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    )
    body = "".join(f"<tr>{_html_cells('td', row)}</tr>" for row in rows)
    publish(text, f"<table><tr>{_html_cells('th', head)}</tr>{body}</table>")


def _html_cells(tag: str, row: tuple[str, ...]) -> str:
    """Short cells, such as numbers with a unit, stay on one line."""
    return "".join(
        f'<{tag} style="text-align:left{";white-space:nowrap" if len(cell) < 16 else ""}">'
        f"{html.escape(cell)}</{tag}>"
        for cell in row
    )
