"""The maintainer's one command.

python -m tools                 make everything that is cheap to make, say what must be measured
python -m tools --check         write nothing; fail if anything is out of date
"""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "execute": ("tools.execute", "run lesson NN and store the outputs it keeps"),
    "measure": ("tools.measure.command", "measure what a lesson reaches and costs, and more"),
    "gpu": ("tools.measure.gpu", "run every lesson on a GPU and record its ranges"),
    "data": ("tools.data.build_data", "build the data sets; --weights trains the small models"),
    "site": ("tools.site", "build the website"),
    "slides": ("tools.slides", "make slides of lesson NN"),
    "picture": ("tools.picture", "draw the README's picture"),
    "cards": ("tools.cards", "draw the small picture of each lesson"),
    "address": ("tools.address", "give the course another public address"),
    "links": ("tools.links", "follow every link to the outside"),
    "new-exercise": ("tools.new_exercise", "write the stub of an exercise"),
    "release": ("tools.release", "prepare a release"),
}
MAKE = "tools.make"


def usage() -> str:
    """What `python -m tools --help` prints."""
    lines = (f"python -m tools {name:<15} {what}" for name, (_, what) in COMMANDS.items())
    return "\n".join([(__doc__ or "").rstrip(), *lines])


def main(arguments: list[str]) -> int:
    """Run the command that the first argument names, or make everything."""
    name, *rest = arguments or [""]
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if name in COMMANDS:
        return import_module(COMMANDS[name][0]).main(rest)
    if name and not name.startswith("-"):
        print(f"There is no command {name}; `python -m tools --help` lists them.", file=sys.stderr)
        return 2
    return import_module(MAKE).main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
