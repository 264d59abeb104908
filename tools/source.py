"""Read a lesson's source (jupytext percent format) into cells that know their line, and say what is
wrong with it.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext

from tools import predictions

LONGEST_CELL = 30
MARKER = re.compile(r"^[ \t]*# (BEGIN|END) SOLUTION[ \t]*$", re.M)
REGION = re.compile(
    r"^(?P<indent>[ \t]*)# BEGIN SOLUTION[ \t]*\n.*?^(?P=indent)# END SOLUTION[ \t]*$", re.M | re.S
)
CODE_LIKE = re.compile(
    r"^(\s*)(def \w+\(.*:|class \w+.*:|import \w+(\.\w+)*$|from [\w.]+ import |(for|while|if|with)"
    r" .*:$"
    r"|return\b.*[\w)\]]$|@\w+|[\w.]+ = \S)"
)
PROSE_LIKE = re.compile(r"^# (#{1,6} |\*\*|- |> )", re.M)
STRAY = re.compile(r"^\s*(#%%|# %(?!%)|#  +%%|# %%\S)|^[ \t]+# %%")


class Mistakes(Exception):
    """All that is wrong with a source, one line each, as `file:line: what`."""


@dataclass
class Cell:
    kind: str  # "code" | "markdown"
    source: str
    tags: list[str]
    line: int  # of its `# %%` in the file, counted from 1

    def tagged(self, prefix: str) -> str:
        """What follows `prefix:` in the first such tag, or ""."""
        return next((t.split(":", 1)[1] for t in self.tags if t.startswith(prefix + ":")), "")

    @property
    def solved(self) -> str:
        """The source without its solution markers."""
        return re.sub(
            r"\n{3,}$", "\n", MARKER.sub("\0", self.source).replace("\0\n", "").replace("\0", "")
        ).rstrip()

    def blank(self, name: str) -> str:
        """The source with each marked region replaced by a line that says what is missing."""
        stub = f'raise NotImplementedError("{name}")  # your code here, instead of this line'
        return REGION.sub(lambda m: m["indent"] + stub, self.source).rstrip()


def read(path: Path) -> list[Cell]:
    """The cells of a source. Raises Mistakes."""
    text = path.read_text(encoding="utf-8")
    lines = [n for n, line in enumerate(text.split("\n"), 1) if line.startswith("# %%")]
    parsed = jupytext.reads(text, fmt="py:percent").cells
    mistakes = list(_mistyped_headers(text))
    if len(parsed) != len(lines) and not mistakes:
        what = (
            "the file must consist of cells that start with '# %%', with nothing before the first"
        )
        mistakes = [(1, what)]
    cells = [
        Cell(c.cell_type, c.source, list(c.metadata.get("tags", [])), n)
        for c, n in zip(parsed, lines, strict=not mistakes)
    ]
    mistakes = mistakes or sorted(
        [*_under_prose(text, cells), *_in_cells(cells), *_among_cells(cells)]
    )
    if mistakes:
        raise Mistakes("\n".join(f"{path}:{line}: {what}" for line, what in mistakes))
    return cells


def exercise_name(cell: Cell) -> str:
    """The name of the one function an exercise cell defines, or "" if it does not define exactly
    one.
    """
    try:
        body = ast.parse(cell.source).body
    except SyntaxError:
        return ""
    return body[0].name if len(body) == 1 and isinstance(body[0], ast.FunctionDef) else ""


def _mistyped_headers(text: str) -> Iterator[tuple[int, str]]:
    yield from (
        (n, f"this is not a cell header: {line.strip()!r}; write '# %%' at the start of the line")
        for n, line in enumerate(text.split("\n"), 1)
        if STRAY.match(line)
    )


def _under_prose(text: str, cells: list[Cell]) -> Iterator[tuple[int, str]]:
    """Code under a Markdown header, which jupytext would swallow without a word."""
    lines, starts = text.split("\n"), [cell.line for cell in cells] + [text.count("\n") + 2]
    for cell, end in zip(cells, starts[1:], strict=True):
        if cell.kind == "markdown":
            yield from (
                (n, "code inside a Markdown cell: is a '# %%' missing above it?")
                for n, line in enumerate(lines[cell.line : end - 1], cell.line + 1)
                if line.strip() and not line.startswith("#")
            )


def _in_cells(cells: list[Cell]) -> Iterator[tuple[int, str]]:
    for cell in cells:
        check = _markdown_mistakes if cell.kind == "markdown" else _code_mistakes
        yield from ((cell.line + offset, what) for offset, what in check(cell))


def _line_of(text: str, cell: Cell) -> int:
    """How many lines below its header a cell first has this text."""
    return cell.source[: cell.source.index(text)].count("\n") + 1


def _markdown_mistakes(cell: Cell) -> Iterator[tuple[int, str]]:
    prose = re.sub(r"^```.*?^```", "", cell.source, flags=re.M | re.S)
    code = next((line for line in prose.split("\n") if CODE_LIKE.match(line)), None)
    if code is not None:
        yield (
            _line_of(code, cell),
            (
                f"code-looking text in a Markdown cell: {code.strip()!r}; is a '# %%' missing, or a"
                " ``` fence?"
            ),
        )
    if "attachment:" in cell.source:
        yield (
            _line_of("attachment:", cell),
            "an attachment: it would be lost; use a figure made by a cell",
        )
    image = re.search(r"!\[\s*\]\(", cell.source) or re.search(
        r"<img(?![^>]*\balt=\"[^\"]+\")[^>]*>", cell.source
    )
    if image:
        yield _line_of(image[0], cell), "an image without alt text"
    marker = MARKER.search(cell.source)
    if marker:
        yield _line_of(marker[0], cell), "a solution marker in a Markdown cell"
    yield from ((_line_of(place, cell), what) for place, what in predictions.mistakes(cell.source))


def _code_mistakes(cell: Cell) -> Iterator[tuple[int, str]]:
    markers = [*MARKER.finditer(cell.source)]
    balanced = [m[1] for m in markers] == ["BEGIN", "END"] * (len(markers) // 2)
    if markers and (MARKER.search(REGION.sub("", cell.source)) or not balanced):
        yield (
            _line_of(markers[0][0], cell),
            (
                "unbalanced solution markers: "
                "each '# BEGIN SOLUTION' needs an '# END SOLUTION' at the same indentation"
            ),
        )
    elif markers and not cell.tagged("exercise"):
        yield _line_of(markers[0][0], cell), "solution markers outside an exercise cell"
    length = sum(bool(line.strip()) for line in cell.solved.split("\n"))
    if length > LONGEST_CELL:
        yield 0, f"a cell of {length} lines; {LONGEST_CELL} is the limit, 15 the aim"
    prose = PROSE_LIKE.search(cell.source)
    if prose:
        yield (
            _line_of(prose[0], cell),
            "Markdown-looking comments in a code cell: is a '# %% [markdown]' missing?",
        )
    if _draws(cell) and "alt=" not in cell.source and "ax=" not in cell.source:
        yield (
            0,
            "a figure without alt text: give the plot an alt='...' that says what is to be seen",
        )


def code_hash(texts: Iterable[str]) -> str:
    """Changes with what code does: not with comments, docstrings, formatting or imports."""
    parts = []
    for text in texts:
        tree = ast.parse(without_magics(text))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and _docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
        imports = ast.Import | ast.ImportFrom
        parts += [ast.dump(node) for node in tree.body if not isinstance(node, imports)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> bool:
    return bool(node.body) and ast.get_docstring(node, clean=False) is not None


def without_magics(source: str) -> str:
    """The source with every %magic and !command replaced by `pass`, so that Python can parse it."""
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M)


def _draws(cell: Cell) -> bool:
    try:
        tree = ast.parse(without_magics(cell.source))
    except SyntaxError:
        return False
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(
        isinstance(f, ast.Attribute)
        and isinstance(f.value, ast.Name)
        and f.value.id in ("plots", "plt")
        for f in calls
    )


def _among_cells(cells: list[Cell]) -> Iterator[tuple[int, str]]:
    exercises: dict[str, int] = {}
    checks: dict[str, int] = {}
    for cell in cells:
        exercise, check = cell.tagged("exercise"), cell.tagged("check")
        for key, seen, what in ((exercise, exercises, "exercise"), (check, checks, "check")):
            if key and key in seen:
                yield cell.line, f"duplicate id: {what} {key} is also in line {seen[key]}"
            seen.update({key: cell.line} if key else {})
        if exercise and not exercise_name(cell):
            yield (
                cell.line,
                (
                    f"exercise {exercise} must be one top-level function and nothing else; is a '#"
                    " %%' missing?"
                ),
            )
        if exercise and not MARKER.search(cell.source):
            yield cell.line, f"exercise {exercise} marks no solution"
        if check and check not in exercises:
            yield cell.line, f"check {check} has no exercise above it"
    yield from (
        (line, f"exercise {key} has no check")
        for key, line in exercises.items()
        if key not in checks
    )
