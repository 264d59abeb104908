"""Make the notebooks from their sources: `python -m tools [--check] [--execute NN]`.

lessons/NN_topic.py  ->  notebooks/NN_topic.ipynb          blank, without outputs
                           solutions/NN_topic.ipynb          solved; cells tagged nbval-check-output
                               keep their output
                           course_utils/lessonNN/taught.py   solutions and cells tagged `export`,
                               for later lessons
lessons/index.py     ->  notebooks/index.ipynb
course_utils/numbers.json -> course_utils/numbers.json  the ranges, where an installed course finds
                                                        them
tools/measure/*.json      ->  docs/benchmarks.md               the same for readers

Nothing is executed, except by --execute, which refreshes the stored outputs of one lesson.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from pathlib import Path

from course_utils import __version__
from course_utils.platform.workspace import cell_id
from tools import measurements_page
from tools.render import Facts, filled, header, ladder, lesson_table, readme_table
from tools.run_lesson import environment
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
    """Every file the builder makes, with its text. Raises Mistakes."""
    facts, cells_of, made, mistakes = Facts(root), {}, {}, []
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
        except Mistakes as found:
            mistakes.append(str(found))
    if mistakes:
        raise Mistakes("\n".join(mistakes))
    return made | numbers(root, facts) | readme(root, facts, cells_of)


def numbers(root: Path, facts: Facts) -> dict[Path, str]:
    """The page that shows all measurements."""
    return (
        {root / "docs/benchmarks.md": measurements_page.page(root)}
        if (root / "docs").is_dir()
        else {}
    )


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
    extra = {"lessons": lesson_table(facts, cells_of)}
    return {
        root / "notebooks/index.ipynb": notebook(
            root / "lessons/index.py", cells, facts, extra, blank=True
        )
    }


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

    `stored` holds the outputs that kept cells must have; without it they have none yet.
    """
    made, seen = [], {}
    for cell in cells:
        if blank and "solved" in cell.tags:
            continue
        text = cell_text(source, cell, cells, facts, extra, blank)
        name = cell_id(cell.kind, text)
        seen[name] = seen.get(name, 0) + 1
        name += f"-{seen[name]}" if seen[name] > 1 else ""
        made.append(as_json(cell, text, name, source, stored))
    whole = {"cells": made, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


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
        text = filled(cell.source, facts, extra)
        helped = next((c for c in cells if c.tagged("exercise") == cell.tagged("help")), None)
        return ladder(text, helped) if cell.tagged("help") else text
    except KeyError as key:
        raise Mistakes(
            f"{source}:{cell.line}: no measured number is called {key}; see"
            " course_utils/numbers.json"
        ) from None
    except (ValueError, AttributeError):
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


def as_json(cell: Cell, text: str, name: str, source: Path, stored: dict[str, dict] | None) -> dict:
    made = {
        "cell_type": cell.kind,
        "id": name,
        "metadata": (FOLDED if "setup" in cell.tags else {})
        | ({"tags": cell.tags} if cell.tags else {}),
        "source": text.splitlines(keepends=True),
    }
    if cell.kind == "markdown":
        return made
    kept = {"execution_count": None, "outputs": []}
    if KEPT in cell.tags and stored is not None:
        if name not in stored:
            raise Mistakes(
                f"{source}:{cell.line}: this cell keeps its output, and none is stored; "
                f"run `python -m tools execute {source.stem[:2]}`"
            )
        kept = stored[name]
    return {
        "cell_type": "code",
        "execution_count": kept["execution_count"],
        "id": name,
        "metadata": made["metadata"],
        "outputs": kept["outputs"],
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
    kept = [
        c.solved for c in cells if c.kind == "code" and (c.tagged("exercise") or "export" in c.tags)
    ]
    used = {
        node.id for text in kept for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)
    }
    # names in annotations given as strings
    words = {word for text in kept for word in re.findall(r"\w+", text)}
    imports = sorted(
        {line for c in cells if c.kind == "code" for line in imports_of(c.solved, used, words)}
    )
    head = (
        f'"""What lesson {source.stem[:2]} built. Generated from lessons/{source.name}; do not'
        ' edit."""'
    )
    future = "from __future__ import annotations"
    return "\n\n\n".join(["\n".join([head, future, "", *imports]), *kept]) + "\n"


def imports_of(text: str, used: set[str], words: set[str]) -> list[str]:
    """The top-level import statements of a cell that bind a used name, one name each.

    The course's own modules have names that are ordinary words, so a mention in a text does not
    count for them.
    """
    found = []
    for node in ast.parse(without_magics(text)).body:
        names = node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        start = f"from {node.module} import" if isinstance(node, ast.ImportFrom) else "import"
        for alias in names:
            bound = alias.asname or alias.name.split(".")[0]
            if bound in (used if start.startswith("from course_utils") else words):
                found.append(
                    f"{start} {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
                )
    return found


def execute(root: Path, number: str) -> None:
    """Run one solved notebook and store the outputs of its kept cells."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    source = next((root / "lessons").glob(f"{number}_*.py"), None)
    if source is None:
        raise Mistakes(f"there is no lesson {number} in {root / 'lessons'}")
    cells, facts = read(source), Facts(root)
    text = notebook(
        source, cells, facts, {"header": header(source.stem, cells, facts)}, blank=False
    )
    write(
        {root / f"course_utils/lesson{number}/taught.py": taught(source, cells)}
        | numbers(root, facts)
    )
    client = NotebookClient(
        nbformat.reads(text, as_version=4),
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(root / "solutions")}},
    )
    try:
        with environment(COURSE_PROFILE="cpu"):
            run = client.execute()
    except CellExecutionError as error:
        raise Mistakes(f"{source}: a cell failed:\n{error}") from None
    ran = {c.id: c for c in run.cells if KEPT in c.metadata.get("tags", [])}
    whole = json.loads(text)
    for cell in whole["cells"]:
        if cell["id"] in ran:
            cell.update(
                execution_count=ran[cell["id"]].execution_count,
                outputs=_as_text(ran[cell["id"]].outputs),
            )
    write({solved_path(root, source): json.dumps(whole, indent=1, ensure_ascii=False) + "\n"})


def _as_text(outputs: list) -> list[dict]:
    """Printed text as nbformat stores it. Anything else does not belong into git."""
    if any(o.output_type != "stream" for o in outputs):
        raise Mistakes(f"a cell tagged {KEPT} must only print text")
    return [
        {"name": o.name, "output_type": "stream", "text": o.text.splitlines(keepends=True)}
        for o in outputs
    ]


def stale(root: Path, made: dict[Path, str]) -> list[Path]:
    """Files on disk that differ from what the builder makes, and notebooks that no source makes any
    more.
    """
    old = [p for p, text in made.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    return old + [
        p
        for folder in ("notebooks", "solutions")
        for p in (root / folder).glob("*.ipynb")
        if p not in made
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if something is out of date"
    )
    parser.add_argument(
        "--execute", metavar="NN", help="run lesson NN and store the outputs it keeps"
    )
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="the repository (default: this one)"
    )
    options = parser.parse_args(arguments)
    try:
        if options.execute:
            execute(options.root, options.execute)
        made = targets(options.root)
    except Mistakes as found:
        print(found, file=sys.stderr)
        return 1
    old = stale(options.root, made)
    if options.check:
        print(
            "\n".join(f"out of date: {p.relative_to(options.root)}" for p in old)
            or "everything is up to date"
        )
        return int(bool(old))
    write({path: made[path] for path in old if path in made})
    for path in old:
        said = "wrote {}" if path in made else "no source makes {}; delete it"
        print(said.format(path.relative_to(options.root)))
    return 0


def write(made: dict[Path, str]) -> None:
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
