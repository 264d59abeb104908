"""What pages written by hand repeat: the course's address and the Pythons it runs on.

Each has one source, `[project.urls] Repository` in pyproject.toml and `MINIMUM` and `NEWEST` in
run.py. `python -m tools` writes them into every page that names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import run
from tools.render import Facts

GITHUB = "https://github.com/"
PAIR = r"[\w-]+/[\w-]+(?:\.(?!git\b)[\w-]+)*"  # owner/name, without .git
# what follows one of these is the course, whoever wrote it: a fork that takes over a page of the
# original keeps its own address
OURS = (
    r"(colab\.research\.google\.com/github/|mybinder\.org/v2/gh/|git clone https://github\.com/"
    r"|repository: |^repository-code: \"https://github\.com/)"
)
# the newest Python, as a person types it or asks for it
NEWEST = r"(--python |\bpython|\bpy -|get Python )3\.\d+\b"


def written_by_hand(root: Path) -> Iterator[Path]:
    """The pages and examples that may name the address or a Python."""
    for kind in ("*.md", "CITATION.cff", "docs/*.md", "docs/workshop/*.md", "grading/examples/*"):
        yield from sorted(root.glob(kind))


def targets(root: Path, made: dict[Path, str]) -> dict[Path, str]:
    """Every page, those of `made` included, with the address and the Pythons of today."""
    facts = Facts(root)
    return {
        path: with_address(
            with_pythons(made.get(path) or path.read_text(encoding="utf-8")),
            cited(root),
            facts.repository.removeprefix(GITHUB),
        )
        for path in written_by_hand(root)
    }


def cited(root: Path) -> str:
    """The address that the pages were last written with, as owner/name; "" if nothing tells."""
    path = root / "CITATION.cff"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    match = re.search(rf"^repository-code: \"{GITHUB}({PAIR})", text, flags=re.M)
    return match[1] if match else ""


def with_address(text: str, old: str, new: str) -> str:
    """A text with the address `new` wherever it names the course; `old` is what it was before."""
    for before, after in zip(spellings(old), spellings(new), strict=True) if old else ():
        text = re.sub(rf"(?<![\w.-]){re.escape(before)}(?![\w-])", after, text)
    return re.sub(OURS + PAIR, rf"\g<1>{new}", text, flags=re.M)


def spellings(pair: str) -> tuple[str, str]:
    """How links write owner/name: on GitHub, and on GitHub Pages."""
    owner, name = pair.split("/")
    return pair, f"{owner}.github.io/{name}"


def with_pythons(text: str) -> str:
    """A text with the oldest and the newest Python that run.py accepts."""
    oldest, newest = ("{}.{}".format(*version) for version in (run.MINIMUM, run.NEWEST))
    text = re.sub(r"\bPython 3\.\d+ to 3\.\d+\b", f"Python {oldest} to {newest}", text)
    return re.sub(NEWEST, rf"\g<1>{newest}", text)
