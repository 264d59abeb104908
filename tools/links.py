"""Follow every link to the outside: `python -m tools links`. It needs what the website needs, and
the network.

Sphinx's `linkcheck` builder reads the pages of the site, and the pages and cards that are not on
it. A page that is gone, or that lost the anchor of a link, fails. A server that refuses programs
(403, 429 and the like) or is down for the moment is named, and does not count.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from tools import site
from tools.build import ROOT
from tools.source import Mistakes

SOURCE, OUT = "docs/_build/links/source", "docs/_build/links/out"
BESIDE_THE_SITE = ("*.md", "course_utils/data/cards/*.md")
# addresses that stand for the reader's own
IGNORED = (r"https://HUB\b", r"https?://(localhost|127\.0\.0\.1)", r"https?://example\.(com|org)")
GONE = re.compile(r"\b(404|410)\b|^Anchor ")


def stage(root: Path, source: Path) -> None:
    """The site's pages, and the pages beside it."""
    site.stage(root, source)
    for kind in BESIDE_THE_SITE:
        for path in sorted(root.glob(kind)):
            site.write(source / "beside" / path.name, path.read_text(encoding="utf-8"))


def follow(source: Path, out: Path, ignored: tuple[str, ...] = IGNORED) -> list[dict]:
    """Ask for every link of a Sphinx project; what came of each."""
    from sphinx.cmd.build import build_main

    settings = {
        "linkcheck_ignore": ",".join(ignored),
        "linkcheck_timeout": "30",
        "linkcheck_rate_limit_timeout": "60",
    }
    options = [word for name, value in settings.items() for word in ("-D", f"{name}={value}")]
    build_main(["-b", "linkcheck", "-Q", *options, str(source), str(out)])
    lines = (out / "output.json").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def verdict(link: dict) -> str:
    """Whether a link is "ok", "gone" or "unclear"."""
    if link["status"] not in ("broken", "timeout"):
        return "ok"
    return "gone" if GONE.search(link["info"]) else "unclear"


def report(links: list[dict]) -> int:
    """Print the links that do not work. -> exit code"""
    for link in sorted(links, key=lambda link: (verdict(link), link["uri"])):
        if verdict(link) != "ok":
            print(f"{verdict(link)}: {link['uri']} ({link['info']}), in {link['filename']}")
    gone = sum(verdict(link) == "gone" for link in links)
    print(f"{len(links)} links, {gone} gone")
    return int(gone > 0)


def main(arguments: list[str]) -> int:
    argparse.ArgumentParser(
        prog="python -m tools links", description=(__doc__ or "").split(":")[0]
    ).parse_args(arguments)
    if site.lacking():
        print(site.lacking(), file=sys.stderr)
        return 2
    try:
        stage(ROOT, ROOT / SOURCE)
    except Mistakes as mistakes:
        print(mistakes, file=sys.stderr)
        return 1
    return report(follow(ROOT / SOURCE, ROOT / OUT))
