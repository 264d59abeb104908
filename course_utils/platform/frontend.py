"""Where output goes: a front end that shows HTML, or a plain terminal."""

from __future__ import annotations

import sys
from typing import Any


def shell() -> Any:
    """The running IPython shell, or None outside of IPython."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


def publish(text: str, html: str) -> None:
    """Show HTML in a front end, the plain text elsewhere; a terminal that lacks a character gets a
    question mark.
    """
    if shell() is not None:
        from IPython.display import display

        display({"text/plain": text, "text/html": html}, raw=True)
    else:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(text.encode(encoding, "replace").decode(encoding))
