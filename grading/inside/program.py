"""Turn the cells of a notebook into one function: its own cell, and from the others what that cell
needs.

Only statements that bind a name which the answer uses are run, wherever they are. So a helper in
another cell, a deleted import or a new order costs nothing, and neither do cells that have nothing
to do with the answer.
"""

from __future__ import annotations

import ast
import builtins
import dis
import re
import signal
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

MAGIC = re.compile(
    r"^([ \t]*)(?:[%!?].*|[\w.]+[ \t]*=[ \t]*[%!].*|[\w.]+\?\??[ \t]*)$", re.MULTILINE
)
# for one statement of the answer's cell: a trial run below the function must not use up the time
SECONDS = 5


class Interrupted(BaseException):
    """Thrown into a statement that takes too long."""


@dataclass(eq=False)
class Statement:
    """One top-level statement, compiled, with the names that it binds and the names that it looks
    up.
    """

    code: types.CodeType
    binds: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    is_import: bool = False
    everything: bool = False  # from ... import *


def statements(source: str) -> list[Statement]:
    """The statements of a cell. Magics become `pass`. Raises SyntaxError."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        tree = ast.parse(without_magics(source))
    future: list[ast.stmt] = [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    return [_statement(part, future) for node in tree.body for part in _one_name_each(node)]


def without_magics(source: str) -> str:
    """The source with every line that is a magic, a command or a request for help replaced by
    `pass`.
    """
    return MAGIC.sub(r"\1pass", source)


def _one_name_each(node: ast.stmt) -> Iterator[ast.stmt]:
    """An import of several names as several imports: needing one does not load the others."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        yield node
        return
    for alias in node.names:
        single = (
            ast.Import([alias])
            if isinstance(node, ast.Import)
            else ast.ImportFrom(node.module, [alias], node.level)
        )
        yield ast.copy_location(single, node)


def _statement(node: ast.stmt, future: list[ast.stmt]) -> Statement:
    code = compile(
        ast.Module([*(f for f in future if f is not node), node], []),
        "<notebook>",
        "exec",
        dont_inherit=True,
    )
    statement = Statement(code)
    if isinstance(node, ast.Import | ast.ImportFrom):
        statement.is_import, statement.everything = True, node.names[0].name == "*"
    _names(code, statement, top=True)
    return statement


def _names(code: types.CodeType, statement: Statement, top: bool) -> None:
    """Collect what a code object binds at the top level, and what it and the code inside it look up
    there.
    """
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            statement.uses.add(step.argval)
        elif step.opname == "STORE_GLOBAL" or (top and step.opname == "STORE_NAME"):
            statement.binds.add(step.argval)
    for inner in filter(lambda part: isinstance(part, types.CodeType), code.co_consts):
        _names(inner, statement, top=False)


def parsed(cells: list[str]) -> list[Statement]:
    """The statements of all cells that can be parsed."""
    parsable = []
    for cell in cells:
        try:
            parsable += statements(cell)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return parsable


def build(
    name: str, answer: str, around: list[list[str]], given: dict[str, str], course: list[Statement]
) -> Callable:
    """The function `name` that the cell `answer` defines; `around` are the cells above it and those
    below.

    `given` holds the cells of other exercises by their names, `course` the statements of the
    course's own cells.

    Raises what the answer's own cell raises before the name is bound, and NameError if it never is.
    """
    own = statements(answer)
    others = {other: parsed([source]) for other, source in given.items() if other != name}
    pools = [[s for s in parsed(cells) if not s.binds & {name, *others}] for cells in around] + [
        course
    ]
    space: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    needed = closure(own, others, pools)
    _run([s for s in needed if s not in own], space)
    theirs = {other: space[other] for other in others if other in space}
    error = _run(own, space, SECONDS)
    # a cell may hold several answers: those of other exercises count as they were judged
    space.update(theirs)
    if name not in space:
        raise error or NameError(f"name {name!r} is not defined")
    return space[name]


def closure(
    own: list[Statement], others: dict[str, list[Statement]], pools: list[list[Statement]]
) -> list[Statement]:
    """The answer's statements and all that they need, in an order in which they can be run.

    A name is looked for in the pools one after another: above the answer, below it, in the course's
    own cells.
    """
    bound = {bind for s in own for bind in s.binds if bind not in others}
    needed, open_names = [], [use for s in own for use in s.uses]
    while open_names:
        use = open_names.pop()
        if use in bound or hasattr(builtins, use):
            continue
        bound.add(use)
        sources = [others[use]] if use in others else pools
        by_source = ([s for s in source if use in s.binds] for source in sources)
        bindings = next(filter(None, by_source), None) or [
            s for pool in pools[:-1] for s in pool if s.everything
        ]
        open_names += [more for s in bindings for more in s.uses]
        needed += [s for s in bindings if s not in needed]
    order = [s for pool in (pools[-1], *others.values(), *pools[:-1]) for s in pool if s in needed]
    return order + own


def _run(todo: list[Statement], space: dict[str, Any], seconds: float = 0) -> BaseException | None:
    """Run statements, then those that failed once more; returns the first error that remains."""
    for _ in range(2):
        failed, first = [], None
        for statement in todo:
            error = _execute(statement, space, seconds)
            if error is not None:
                failed.append(statement)
                first = first or error
        if not failed or len(failed) == len(todo):
            break
        todo = failed
    return first if todo else None


def _execute(statement: Statement, space: dict[str, Any], seconds: float) -> BaseException | None:
    def interrupt(*_: Any) -> None:
        raise Interrupted(f"a statement ran for more than {seconds:g} seconds")

    signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0 if statement.is_import else seconds)
        exec(statement.code, space)
    except BaseException as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None
