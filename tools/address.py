"""Spell the course's public address everywhere as pyproject.toml does: `python -m tools address
[--check] [ADDRESS]`.

`[project.urls] Repository` is the one setting. With an ADDRESS, such as
https://github.com/ME/my-course, this writes it there first. Then every badge, link and workflow of
the course that spells another one is rewritten, and the notebooks are built again.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import build
from tools.render import Facts

ROOT = Path(__file__).resolve().parent.parent
TEXT = (".md", ".py", ".toml", ".yml", ".yaml", ".cff", ".html", ".ipynb")
SKIPPED = {".git", ".venv", "my", "_site", "build", "dist", ".history", "tests"}
PAIR = r"(?P<owner>[\w.-]+)(?P<slash>/|%2F)(?P<name>[\w.-]+?)"
OURS = (
    rf"colab\.research\.google\.com/github/{PAIR}/",
    rf"mybinder\.org/(?:v2/gh|badge_logo)/{PAIR}/",
    rf"git-pull\?repo=https(?:://|%3A%2F%2F)github\.com(?:/|%2F){PAIR}(?=[&)\s\"'])",
)
NAMED = (r"(?:github\.com[/:]|repository: ){owner}/{name}\b", r"\b{owner}\.github\.io/{name}\b")


def files(root: Path) -> Iterator[Path]:
    """Every text file of the course, the builder's notebooks included."""
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root).parts
        if (
            path.suffix in TEXT
            and path.is_file()
            and not SKIPPED & set(inside)
            and not inside[0].endswith(".egg-info")
        ):
            yield path


def spelled(text: str, name: str) -> set[str]:
    """Each `owner/name` that a text takes for the course's: in launch links any, in other links
    those with its name.
    """
    found = {f"{m['owner']}/{m['name']}" for pattern in OURS for m in re.finditer(pattern, text)}
    for pattern in NAMED:
        pattern = pattern.format(owner=r"(?P<owner>[\w-]+)", name=re.escape(name))
        found |= {f"{m['owner']}/{name}" for m in re.finditer(pattern, text)}
    return found


def others(root: Path) -> dict[Path, set[str]]:
    """The files that spell another address than the setting, with what they spell."""
    mine = Facts(root).repository.removeprefix("https://github.com/")
    found = {
        path: spelled(path.read_text(encoding="utf-8"), mine.split("/")[1]) - {mine}
        for path in files(root)
    }
    return {path: wrong for path, wrong in found.items() if wrong}


def respell(text: str, old: str, new: str) -> str:
    """A text with one address in place of another, in each of the ways that links write it."""
    owner, name = new.split("/")
    was_owner, was_name = old.split("/")
    for before, after in (
        (old, new),
        (f"{was_owner}%2F{was_name}", f"{owner}%2F{name}"),
        (f"{was_owner}.github.io/{was_name}", f"{owner}.github.io/{name}"),
    ):
        text = re.sub(rf"(?:(?<![\w.-])|(?<=%2F)){re.escape(before)}(?![\w-])", after, text)
    return text


def set_address(root: Path, address: str) -> None:
    path = root / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        re.sub(r'^(Repository = )".*"', rf'\1"{address}"', text, flags=re.MULTILINE),
        encoding="utf-8",
        newline="\n",
    )


def rewrite(root: Path) -> list[Path]:
    """Mend every file but the notebooks, which the builder makes; returns what was changed."""
    found, mine = others(root), Facts(root).repository.removeprefix("https://github.com/")
    old = {pair for wrong in found.values() for pair in wrong}
    changed = []
    for path in files(root):
        text = path.read_text(encoding="utf-8")
        new = text
        for pair in sorted(old):
            new = respell(new, pair, mine)
        if path.suffix != ".ipynb" and new != text:
            path.write_text(new, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools address", description=__doc__.split("\n")[0]
    )
    parser.add_argument("address", nargs="?", help="the new setting, https://github.com/OWNER/NAME")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail if another address is spelled somewhere",
    )
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="the repository (default: this one)"
    )
    options = parser.parse_args(arguments)
    if options.address and not re.fullmatch(r"https://github\.com/[\w-]+/[\w.-]+", options.address):
        print(
            f"{options.address} is no address of the form https://github.com/OWNER/NAME",
            file=sys.stderr,
        )
        return 2
    if options.check:
        found = others(options.root)
        print(
            "\n".join(
                f"{path.relative_to(options.root)}: {', '.join(sorted(wrong))}"
                for path, wrong in found.items()
            )
            or "one address everywhere"
        )
        return int(bool(found))
    if options.address:
        set_address(options.root, options.address)
    for path in rewrite(options.root):
        print(f"wrote {path.relative_to(options.root)}")
    return build.main(["--root", str(options.root)])


if __name__ == "__main__":
    sys.exit(main())
