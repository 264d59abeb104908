"""Prepare a release, `python -m tools release 2026.2`, or open the next version, 2026.3.dev0.

A release gets its version and date into the package, the changelog, the citation and the notebooks,
whose set-up cells then install its tag. Between releases a version ends in `.dev0` and notebooks
install the main branch. This edits files and prints the commands that remain; it commits nothing.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path

from packaging.version import InvalidVersion, Version

from tools.build import ROOT

VERSION = r'(?<=^__version__ = ").*(?=")'
UNRELEASED = r"^## Unreleased$"
UNDO = "`git checkout .` takes back what was edited so far."
SECTION = re.compile(UNRELEASED + r"(?P<entries>.*?)(?=^## |\Z)", re.M | re.S)


class Refused(Exception):
    """Why there can be no release now, and what to do about it."""


def parsed(text: str) -> Version:
    """A version such as 2026.2, 2026.2.1 or 2026.3.dev0. Raises Refused for anything else."""
    try:
        version = Version(text)
    except InvalidVersion:
        version = Version("0")
    if not re.fullmatch(r"\d+\.\d+(\.\d+)?(\.dev0)?", text) or str(version) != text:
        raise Refused(f"{text} is not a version: write 2026.2, or 2026.2.1, or 2026.3.dev0")
    return version


def current(root: Path) -> Version:
    """The version that the package says it has."""
    text = (root / "course_utils/__init__.py").read_text(encoding="utf-8")
    return Version(re.findall(VERSION, text, flags=re.M)[0])


def entries(root: Path) -> str:
    """What the changelog says below its headings of what is unreleased."""
    section = SECTION.search((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    text = section["entries"] if section else ""
    return re.sub(r"^#[^\n]*|<!--.*?-->", "", text, flags=re.M | re.S).strip()


def obstacle(root: Path, version: Version) -> str:
    """The first reason against this release, "" if there is none."""
    tag = f"v{version}"
    if _git(root, "status", "--porcelain"):
        return "some files have changed since the last commit: commit or stash them first"
    if _git(root, "tag", "--list", tag):
        return f"the tag {tag} exists already: choose a newer version"
    if version <= current(root):
        return f"{version} is not newer than {current(root)}: choose a newer version"
    if not version.is_devrelease and not entries(root):
        return "CHANGELOG.md has nothing under Unreleased: say there what this release changes"
    return ""


def prepare(root: Path, version: Version, today: str) -> None:
    """Write the version into everything that carries it. Raises Refused."""
    _edit(root / "course_utils/__init__.py", VERSION, str(version))
    if not version.is_devrelease:
        _edit(root / "CHANGELOG.md", UNRELEASED, f"## Unreleased\n\n## {version} - {today}")
        _edit(root / "CITATION.cff", r"(?<=^version: ).*$", f'"{version}"')
        _edit(root / "CITATION.cff", r"(?<=^date-released: ).*$", f'"{today}"')
    # in a process of its own, for this one has imported the old version
    if subprocess.run([sys.executable, "-m", "tools"], cwd=root).returncode:
        raise Refused(f"`python -m tools` failed, for the reason above. {UNDO}")


def remaining(version: Version) -> str:
    """What to do now, in words and commands."""
    if version.is_devrelease:
        return f'Version {version} is open. What remains:\n  git commit -am "Open {version}"'
    return (
        f"Version {version} is prepared. Look at `git diff`, run `python run.py test`, then:\n"
        f'  git commit -am "Release {version}"\n'
        f'  git tag -a v{version} -m "Version {version}"\n'
        "After `git push --follow-tags`, open the next version, or notebooks on main go on to\n"
        f"install v{version}: `python -m tools release {version.major}.{version.minor + 1}.dev0`"
    )


def _edit(path: Path, pattern: str, text: str) -> None:
    """Put the text where the pattern is in a file. Raises Refused where it is nowhere."""
    old = path.read_text(encoding="utf-8")
    new, count = re.subn(pattern, lambda _: text, old, count=1, flags=re.M)
    if not count:
        raise Refused(f"{path} has lost the line that holds {text!r}: put it back. {UNDO}")
    path.write_text(new, encoding="utf-8", newline="\n")


def _git(root: Path, *arguments: str) -> str:
    """What git answers. Raises Refused where this is no repository of git's."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"git says: {done.stderr.strip()}")
    return done.stdout


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools release", description="Prepare a release, or open the next version."
    )
    parser.add_argument("version", help="2026.2 for a release, 2026.3.dev0 for what comes after it")
    options = parser.parse_args(arguments)
    try:
        version = parsed(options.version)
        if reason := obstacle(root, version):
            raise Refused(reason)
        prepare(root, version, datetime.date.today().isoformat())
    except Refused as reason:
        print(reason, file=sys.stderr)
        return 1
    print(remaining(version))
    return 0
