"""Read the cells of a notebook as IPython reads them: statements, with the names that each binds,
uses and changes.
"""

from __future__ import annotations

import ast
import contextlib
import dis
import itertools
import linecache
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

RUNS_CODE = ("time", "capture", "prun")  # magics whose text is run as part of the notebook
SHOWN = "__shown__"  # gets the value of a cell's last line, as a kernel's Out does
FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
RUNS_TEXT = {"exec", "eval", "compile", "globals", "vars"}  # what looks up names that are in texts
INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
PLAIN = (ast.FunctionDef, ast.AsyncFunctionDef)
WORD = re.compile(r"\b[^\W\d]\w{0,99}\b")
_number = itertools.count(1)


@dataclass(eq=False)
class Statement:
    """One top-level statement, compiled, with the names that it binds and looks up.

    `stores`: names of objects into which it stores an item or an attribute; `asks`: names of what
    it calls, or a method of which it calls; `calls`: whether it calls anything at all; `own`:
    whether the learner wrote it.
    """

    code: types.CodeType
    binds: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)
    asks: set[str] = field(default_factory=set)
    calls: bool = False
    own: bool = False
    is_import: bool = False
    is_plain: bool = False  # a function without decorators
    everything: bool = False  # from ... import *


def statements(source: str, future: list[ast.stmt] | None = None) -> list[Statement]:
    """The statements of a cell. `future` holds the `from __future__` imports so far, and gets those
    of this cell. Raises SyntaxError.
    """
    future = [] if future is None else future
    nodes, place = _nodes(source)
    future += [n for n in nodes if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
    if nodes and isinstance(last := nodes[-1], ast.Expr):
        call = ast.Call(ast.Name(SHOWN, ast.Load()), [last.value], [])
        last.value = ast.fix_missing_locations(ast.copy_location(call, last))
    return [_statement(part, future, place) for node in nodes for part in _one_name_each(node)]


def parsed(cells: list[str]) -> list[list[Statement]]:
    """The statements of each cell; none for a cell that cannot be parsed."""
    found, future = [], list[ast.stmt]()
    for cell in cells:
        found.append(list[Statement]())
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            found[-1] = statements(cell, future)
    return found


def as_python(source: str) -> str:
    """A cell in plain Python: magics, commands, requests for help, prompts and an indentation of
    the whole are translated by IPython itself.
    """
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        text = TransformerManager().transform_cell(source)
    if "\n" not in source.strip():
        try:
            ast.parse(text)
        except SyntaxError:  # one line alone may be a magic without its sign
            return TransformerManager().transform_cell("%" + source.strip())
    return text


def _nodes(source: str) -> tuple[list[ast.stmt], str]:
    """The statements of a cell, and the name under which `inspect` finds its text."""
    text = as_python(source)
    tree, place = RunsCode().visit(ast.parse(text)), f"<cell {next(_number)}>"
    linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
    return tree.body, place


class RunsCode(ast.NodeTransformer):
    """Puts the text that `%time`, `%%capture` and the like run in the place of the magic."""

    def visit_Expr(self, node: ast.Expr) -> Any:
        text = _text_of_magic(node.value)
        try:
            return (
                self.generic_visit(node)
                if text is None
                else self.visit(ast.parse(as_python(text))).body
            )
        except SyntaxError:
            return node

    def visit_Call(self, node: ast.Call) -> Any:
        text = _text_of_magic(node)
        try:
            return self.generic_visit(node) if text is None else ast.parse(text, mode="eval").body
        except SyntaxError:
            return node


def _text_of_magic(node: ast.expr) -> str | None:
    match node:
        case ast.Call(
            ast.Attribute(attr="run_line_magic" | "run_cell_magic"),
            [ast.Constant(name), *_, ast.Constant(str(text))],
        ) if name in RUNS_CODE:
            return text
    return None


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


def _statement(node: ast.stmt, future: list[ast.stmt], place: str) -> Statement:
    body = [*(f for f in future if f is not node), node]
    code = compile(ast.Module(body, []), place, "exec", FLAGS, dont_inherit=True)
    statement = Statement(code, is_plain=isinstance(node, PLAIN) and not node.decorator_list)
    if isinstance(node, ast.Import | ast.ImportFrom):
        statement.is_import, statement.everything = True, node.names[0].name == "*"
    _names(code, statement, top=True)
    if statement.uses & RUNS_TEXT:
        statement.uses |= _in_texts(node)
    _effects(node, statement)
    return statement


def _names(code: types.CodeType, statement: Statement, top: bool) -> None:
    """Collect what a code object binds at the top level, and what it and the code inside it look up
    there.
    """
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"):
            statement.uses.add(step.argval)
        elif step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL") or (
            top and step.opname in ("STORE_NAME", "DELETE_NAME")
        ):
            statement.binds.add(step.argval)
    for inner in filter(lambda part: isinstance(part, types.CodeType), code.co_consts):
        _names(inner, statement, top=False)


def _in_texts(node: ast.stmt) -> set[str]:
    texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
    return {name for text in texts if isinstance(text, str) for name in WORD.findall(text)}


def _effects(node: ast.stmt, statement: Statement) -> None:
    for part in _run_now(node):
        decorators = getattr(part, "decorator_list", [])
        statement.calls |= isinstance(part, ast.Call) or bool(decorators)
        if isinstance(part, ast.Call):
            statement.asks.add(_root(part.func))
        elif isinstance(part, ast.Subscript | ast.Attribute) and not isinstance(part.ctx, ast.Load):
            statement.stores.add(_root(part))
        statement.asks.update(map(_root, decorators))


def _run_now(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement that run with it: not the bodies of functions."""
    yield node
    parts = ast.iter_child_nodes(node)
    if isinstance(node, INNER):
        parts = iter([*getattr(node, "decorator_list", []), node.args])
    for part in parts:
        yield from _run_now(part)


def _root(node: ast.expr) -> str:
    """The name at which an expression such as `name.part[0].method` starts; "" if there is none."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
