"""What is made from the lessons.

lessons/NN_topic.py  ->  notebooks/NN_topic.ipynb          blank, without outputs
                         solutions/NN_topic.ipynb          solved; cells tagged nbval-check-output
                                                           keep their output
                         course_utils/lessonNN/taught.py   solutions and cells tagged `export`, for
                                                           later lessons
lessons/index.py     ->  notebooks/index.ipynb
all lessons          ->  the README's table of lessons, course_utils/lessons.json
tools/measure/*.json ->  docs/benchmarks.md

`python -m tools` writes them all. Nothing is executed here; tools/execute.py does that.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from course_utils import __version__
from course_utils.platform import door
from course_utils.platform.workspace import cell_id
from tools import measurements_page, predictions
from tools.render import Facts, filled, header, ladder, minutes, readme_table
from tools.source import Cell, Mistakes, exercise_name, read, without_magics

ROOT = Path(__file__).resolve().parent.parent
KEPT = "nbval-check-output"
METADATA = {
    "course": {"version": __version__},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# folded on Colab and in JupyterLab
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}


def targets(root: Path) -> dict[Path, str]:
    """Every file that is made from the lessons, with its text. Raises Mistakes."""
    facts, mistakes = Facts(root), []
    cells_of: dict[str, list[Cell]] = {}
    made: dict[Path, str] = {}
    sources = sorted((root / "lessons").glob("[0-9][0-9]_*.py")) + sorted(
        (root / "lessons").glob("index.py")
    )
    for source in sources:
        try:
            cells = read(source)
            made |= (
                index(root, cells, facts, cells_of)
                if source.stem == "index"
                else lesson(root, source, cells, facts)
            )
            cells_of[source.stem] = cells
        except Mistakes as error:
            mistakes.append(str(error))
    if mistakes:
        raise Mistakes("\n".join(mistakes))
    cards = [card(facts, stem, cells) for stem, cells in cells_of.items() if stem != "index"]
    made |= {root / "course_utils/lessons.json": json.dumps(cards, indent=1) + "\n"}
    return made | measurements(root) | readme(root, facts, cells_of)


def card(facts: Facts, stem: str, cells: list[Cell]) -> dict[str, Any]:
    """What the first screen says of a lesson: course_utils/platform/door.py shows it."""
    about = facts.lessons.get(stem[:2], {})
    told = {key: about.get(key, "") for key in ("title", "question", "built", "picture")}
    exercises = [cell.tagged("exercise") for cell in cells if cell.tagged("exercise")]
    return {"number": stem[:2], "stem": stem, **told, **minutes(cells), "exercises": exercises}


def measurements(root: Path) -> dict[Path, str]:
    """The page that shows everything that was measured."""
    if not (root / "docs").is_dir():
        return {}
    return {root / "docs/benchmarks.md": measurements_page.page(root)}


def readme(root: Path, facts: Facts, cells_of: dict[str, list[Cell]]) -> dict[Path, str]:
    """The README with its table of lessons."""
    place = root / "README.md"
    if not place.exists():
        return {}
    text = place.read_text(encoding="utf-8")
    return {
        place: re.sub(
            r"^\| \| lesson \|.*?\n\n",
            lambda _: readme_table(facts, cells_of) + "\n\n",
            text,
            flags=re.M | re.S,
        )
    }


def lesson(root: Path, source: Path, cells: list[Cell], facts: Facts) -> dict[Path, str]:
    """Blank notebook, solved notebook and taught module of one lesson."""
    solved = solved_path(root, source)
    extra = {"header": header(source.stem, cells, facts)}
    return {
        root / f"notebooks/{source.stem}.ipynb": notebook(source, cells, facts, extra, blank=True),
        solved: notebook(source, cells, facts, extra, blank=False, stored=stored_outputs(solved)),
        root / f"course_utils/lesson{source.stem[:2]}/taught.py": taught(source, cells),
    }


def solved_path(root: Path, source: Path) -> Path:
    return root / "solutions" / f"{source.stem}.ipynb"


def index(
    root: Path, cells: list[Cell], facts: Facts, cells_of: dict[str, list[Cell]]
) -> dict[Path, str]:
    """The index, with the cards of the lessons as they are before the first exercise."""
    cards = [card(facts, stem, cells_of[stem]) for stem in sorted(cells_of)]
    shown = door.output({}, cards)
    page = root / "docs/one_hour.md"
    hour = page.read_text(encoding="utf-8") if page.exists() else ""
    extra = {"one_hour": "#" + hour.replace("](../notebooks/", "](")}
    made = json.loads(notebook(root / "lessons/index.py", cells, facts, extra, blank=True))
    for cell in made["cells"]:
        if door.TAG in cell["metadata"].get("tags", []):
            cell |= {"outputs": shown, "execution_count": 1}
    return {root / "notebooks/index.ipynb": notebook_text(made)}


def notebook(
    source: Path,
    cells: list[Cell],
    facts: Facts,
    extra: dict[str, str],
    blank: bool,
    stored: dict[str, dict] | None = None,
) -> str:
    """The JSON text of one notebook. Ids come from the cells' contents, so an insertion changes no
    other cell.

    `stored` holds the outputs that kept cells have, by id; a cell that is not in it has none yet.
    """
    made: list[dict] = []
    seen: dict[str, int] = {}
    for cell in cells:
        if blank and "solved" in cell.tags:
            continue
        text = cell_text(source, cell, cells, facts, extra, blank)
        name = cell_id(cell.kind, text)
        seen[name] = seen.get(name, 0) + 1
        name += f"-{seen[name]}" if seen[name] > 1 else ""
        made.append(as_json(cell, text, name, stored or {}))
    # what workspace.py looks at where a front end has dropped the ids
    metadata = METADATA | ({"shipped": [cell["id"] for cell in made]} if blank else {})
    return notebook_text({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def notebook_text(book: dict) -> str:
    """A notebook as it is written to disk."""
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def cell_text(
    source: Path, cell: Cell, cells: list[Cell], facts: Facts, extra: dict[str, str], blank: bool
) -> str:
    """A cell's text as the notebook shows it."""
    exercise = cell.tagged("exercise")
    if cell.kind == "code":
        text = (
            cell.blank(f"{exercise} {exercise_name(cell)}") if blank and exercise else cell.solved
        )
        return setup_cell(facts, source.stem[:2]) if "setup" in cell.tags else text
    try:
        text = predictions.folded(filled(cell.source, facts, extra), source.stem[:2])
        if not cell.tagged("help"):
            return text
        return ladder(text, next(c for c in cells if c.tagged("exercise") == cell.tagged("help")))
    except KeyError as key:
        raise Mistakes(
            f"{source}:{cell.line}: no measured number is called {key}; see"
            " course_utils/numbers.json"
        ) from None
    except (ValueError, StopIteration):
        raise Mistakes(
            f"{source}:{cell.line}: a help cell belongs to an exercise and has three parts"
            " separated by lines of three dashes: a question, a toy case, a reason"
        ) from None


def setup_cell(facts: Facts, number: str = "") -> str:
    """The first code cell, the same in every lesson but for the packages that a lesson can use
    beyond the course's.
    """
    text = (Path(__file__).parent / "setup_cell.py").read_text(encoding="utf-8").rstrip()
    arguments = [__version__, *facts.lessons.get(number, {}).get("packages", [])]
    for blank, filling in (
        ("REPOSITORY", facts.repository),
        ("REVISION", revision(__version__)),
        ('"VERSION", PACKAGES', ", ".join(f'"{argument}"' for argument in arguments)),
    ):
        text = text.replace(blank, filling)
    return text


def revision(version: str) -> str:
    """What a notebook of this version installs, as git names it below `refs/`.

    A release has a tag. Between releases there is none yet, and the last one may lack what these
    notebooks import, so they install the main branch until `python -m tools release`.
    """
    return "heads/main" if ".dev" in version else f"tags/v{version}"


def as_json(cell: Cell, text: str, name: str, stored: dict[str, dict]) -> dict:
    made = {
        "cell_type": cell.kind,
        "id": name,
        "metadata": (FOLDED if {"setup", "folded", door.TAG} & set(cell.tags) else {})
        | ({"tags": cell.tags} if cell.tags else {}),
        "source": text.splitlines(keepends=True),
    }
    if cell.kind == "markdown":
        return made
    shown: dict = {"execution_count": None, "outputs": []}
    if KEPT in cell.tags:
        shown = stored.get(name, shown)
    return {
        "cell_type": "code",
        "execution_count": shown["execution_count"],
        "id": name,
        "metadata": made["metadata"],
        "outputs": shown["outputs"],
        "source": made["source"],
    }


def stored_outputs(path: Path) -> dict[str, dict]:
    """Outputs of a notebook on disk by cell id."""
    if not path.exists():
        return {}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {
        c["id"]: {"execution_count": c["execution_count"], "outputs": c["outputs"]}
        for c in cells
        if c.get("outputs")
    }


def taught(source: Path, cells: list[Cell]) -> str:
    """The module of what a lesson built: its solutions, its exported cells, and the imports those
    need.
    """
    exported = [
        c.solved for c in cells if c.kind == "code" and (c.tagged("exercise") or "export" in c.tags)
    ]
    nodes = (node for text in exported for node in ast.walk(ast.parse(text)))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    # names in annotations given as strings
    words = {word for text in exported for word in re.findall(r"\w+", text)}
    imports = sorted(
        {line for c in cells if c.kind == "code" for line in imports_of(c.solved, used, words)}
    )
    head = (
        f'"""What lesson {source.stem[:2]} built. Generated from lessons/{source.name}; do not'
        ' edit."""'
    )
    future = "from __future__ import annotations"
    return "\n\n\n".join(["\n".join([head, future, "", *imports]), *exported]) + "\n"


def imports_of(text: str, used: set[str], words: set[str]) -> list[str]:
    """The top-level import statements of a cell that bind a used name, one name each.

    The course's own modules have names that are ordinary words, so a mention in a text does not
    count for them.
    """
    lines = []
    for node in ast.parse(without_magics(text)).body:
        names = node.names if isinstance(node, ast.Import | ast.ImportFrom) else []
        start = f"from {node.module} import" if isinstance(node, ast.ImportFrom) else "import"
        for alias in names:
            bound = alias.asname or alias.name.split(".")[0]
            if bound in (used if start.startswith("from course_utils") else words):
                lines.append(
                    f"{start} {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
                )
    return lines


def without_output(text: str) -> bool:
    """Whether a solved notebook lacks an output that it should keep."""
    cells = json.loads(text)["cells"]
    return any(KEPT in c["metadata"].get("tags", []) and not c["outputs"] for c in cells)
