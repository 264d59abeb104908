"""Give the course another public address: `python -m tools address https://github.com/ME/COURSE`.

The address is one setting, `[project.urls] Repository` in pyproject.toml. This writes it there, and
then into every badge and link, as `python -m tools` does.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from tools import make
from tools.build import ROOT
from tools.pages import GITHUB, PAIR


def set_address(root: Path, address: str) -> None:
    path = root / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    text = re.sub(r'^(Repository = )".*"', rf'\1"{address}"', text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8", newline="\n")


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools address", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("address", nargs="?", help="https://github.com/OWNER/NAME")
    options = parser.parse_args(arguments)
    if options.address and not re.fullmatch(GITHUB + PAIR, options.address):
        print(
            f"{options.address} is no address of the form https://github.com/OWNER/NAME",
            file=sys.stderr,
        )
        return 2
    if options.address:
        set_address(root, options.address)
    return make.main([], root)
