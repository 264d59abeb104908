"""Follow every link to the outside: `python -m tools.links [FILE ...]`. The standard library only;
it asks the network.

Looks through the pages and notebooks of the course. Exit code 1 and a list if a page is gone. A
server that refuses programs (403, 405, 429 and the like) or is down for the moment is named, and
does not count.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"https?://[^\s<>\"'`\\|\]]+")
TEMPLATE = re.compile(r"\bHUB\b|localhost|127\.0\.0\.1|example\.(com|org)")
GONE = {404, 410}


def pages(root: Path) -> list[Path]:
    """Where people meet links: the documents and the blank notebooks."""
    return [
        *sorted(root.glob("*.md")),
        *sorted((root / "docs").glob("*.md")),
        *sorted((root / "docs/workshop").glob("*.md")),
        *sorted((root / "course_utils/data/cards").glob("*.md")),
        *sorted((root / "notebooks").glob("*.ipynb")),
    ]


def links(path: Path) -> set[str]:
    """The addresses in one file; of a notebook, those in its text."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join(
            "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
        )
    found = (balanced(link) for link in LINK.findall(text))
    return {link for link in found if not TEMPLATE.search(link)}


def balanced(link: str) -> str:
    """The link without the punctuation after it; a closing bracket stays where one was opened."""
    link = link.rstrip(".,;:*")
    while link.endswith(")") and link.count("(") < link.count(")"):
        link = link[:-1].rstrip(".,;:*")
    return link


def ask(link: str) -> tuple[str, str]:
    """("ok" | "gone" | "unclear", what the server said)."""
    request = urllib.request.Request(link, headers={"User-Agent": "link check of a course"})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return "ok", str(reply.status)
    except urllib.error.HTTPError as error:
        return ("gone" if error.code in GONE else "unclear"), f"{error.code} {error.reason}"
    except (OSError, ValueError) as error:
        return "unclear", str(error)


def main(arguments: Iterable[str] = ()) -> int:
    files = [Path(name) for name in arguments] or pages(ROOT)
    where: dict[str, list[str]] = {}
    for path in files:
        for link in links(path):
            where.setdefault(link, []).append(path.name)
    with ThreadPoolExecutor(8) as pool:
        told = dict(zip(where, pool.map(ask, where), strict=True))
    for link, (state, said) in sorted(told.items()):
        if state != "ok":
            print(f"{state}: {link} ({said}), in {', '.join(where[link])}")
    gone = sum(state == "gone" for state, _ in told.values())
    print(f"{len(told)} links, {gone} gone")
    return int(gone > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
