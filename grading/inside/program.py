"""Turn the cells of a notebook into one function.

First from the answer's cell and what it needs: statements that bind a name which the answer uses,
wherever they are, and those of the learner's that change what such a name stands for. So a helper
in another cell, a deleted import or a new order costs nothing, and neither do cells that have
nothing to do with the answer. Where that is not enough, from all that the learner wrote, run in
order.
"""

from __future__ import annotations

import asyncio
import builtins
import inspect
import signal
import sys
import time
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from grading.inside.cells import SHOWN, Statement, parsed, statements

SECONDS = 5  # for one statement: a trial run below the function must not use up the time
CHANGES, WHOLE = 3, 12  # for all statements that change something; for a whole notebook
RUNNER = asyncio.Runner()  # for `await` outside functions
LEAST = 0.1  # is left for every statement, however long others took
ABOVE, BELOW, COURSE = range(3)  # where a name is looked for, one after another


class Interrupted(BaseException):
    """Thrown into a statement that takes too long."""


class Notebook:
    """The cells of a notebook, seen from the answer to one exercise.

    `exercise["cells"]` holds texts of the learner's and numbers of the course's cells, the answer
    at `exercise["at"]`; `exercise["given"]` the cells of other exercises by their names; `course`
    the statements of the course's cells. With `exercise["split"]`, the answer's cell is taken for
    two: what defines the answer, and the rest above it.

    `more` says whether it may help to run everything: "later" if a later cell defines the name
    anew, "own" if something of the learner's was left out, else "".
    """

    def __init__(self, exercise: dict[str, Any], course: list[list[Statement]]):
        self.name, self.at, texts = exercise["name"], exercise["at"], exercise["cells"]
        self.texts = [text if isinstance(text, str) else "" for text in texts]
        self.cells = [
            statements if isinstance(text, str) else course[text]
            for text, statements in zip(texts, parsed(self.texts), strict=True)
        ]
        for text, cell in zip(texts, self.cells, strict=True):
            for statement in cell:
                statement.own = isinstance(text, str)
        if exercise["split"]:
            self._split()
        given = exercise["given"]
        self.others = {
            name: parsed([source])[0] for name, source in given.items() if name != self.name
        }
        self.course = [statement for cell in course for statement in cell]
        self.own = self.cells[self.at]
        self.changes: set[Statement] = set()
        self.needed = self._needed()
        self.more = self._more()

    def _split(self) -> None:
        answer = [s for s in self.cells[self.at] if self.name in s.binds]
        rest = [s for s in self.cells[self.at] if s not in answer]
        if answer:
            self.cells[self.at : self.at + 1] = [rest, answer]
            self.texts.insert(self.at, "")
            self.at += 1

    def _more(self) -> str:
        if not self.own and any(self.name in s.binds for cell in self.cells for s in cell):
            return "own"  # a cell that cannot be read, in a notebook too, leaves what was there
        if any(s.own and self.name in s.binds for cell in self.cells[self.at + 1 :] for s in cell):
            return "later"
        done = {*self.needed, *self.own}
        left = (s for cell in self.cells for s in cell if s.own and s not in done)
        return "own" if any(s.calls or s.stores or s.everything for s in left) else ""

    # --- what the answer needs --------------------------------------------------------------------

    def _needed(self) -> list[Statement]:
        """All statements that the answer needs, in an order in which they can be run."""
        defined = {self.name, *self.others}
        above, below = (
            [s for cell in part for s in cell if not s.binds & defined]
            for part in (self.cells[: self.at], self.cells[self.at + 1 :])
        )
        self.pools = [above, below, self.course]
        self.found: dict[str, int] = {}  # names that are needed, with the place of their bindings
        needed: dict[Statement, None] = {}
        todo = self.own
        while todo:
            needed |= dict.fromkeys(self._bindings(self._unbound(todo)))
            todo = [s for s in self._changing() if s not in needed]
            self.changes.update(todo)
            needed |= dict.fromkeys(todo)
        order = [self.course, *self.others.values(), above, below]
        return list(dict.fromkeys(s for part in order for s in part if s in needed))

    def _bindings(self, used: set[str]) -> list[Statement]:
        """The statements that bind these names, those that bind what they use, and so on."""
        bindings, names = list[Statement](), sorted(used)
        while names:
            name = names.pop()
            if name not in self.found:
                more = self._binding(name)
                bindings += more
                names += [use for s in more for use in s.uses]
        return bindings

    def _unbound(self, todo: Iterable[Statement]) -> set[str]:
        """The names that statements use, run one after another, before they bind them."""
        unbound, bound = set[str](), set[str]()
        for statement in todo:
            unbound |= statement.uses - bound
            bound |= statement.binds - self.others.keys()
        return unbound

    def _binding(self, name: str) -> list[Statement]:
        """The statements that bind a name. A builtin is only replaced by what stands above."""
        self.found[name] = ABOVE
        if name in self.others:
            return self.others[name]
        builtin = hasattr(builtins, name)
        for place in [ABOVE] if builtin else [ABOVE, BELOW, COURSE]:
            binding = [s for s in self.pools[place] if name in s.binds]
            if binding:
                self.found[name] = place
                return binding
        return [s for pool in self.pools[:COURSE] for s in pool if s.everything and not builtin]

    def _changing(self) -> list[Statement]:
        """The learner's statements that may change an object which the answer needs: a store, a
        call of a method, or any call that can come at it.
        """
        changing = []
        everything = [s for pool in self.pools for s in pool if not s.is_import and not s.is_plain]
        objects = {name for s in everything for name in s.binds}
        mine = [s for pool in self.pools[:COURSE] for s in pool if s.own]
        for place in (ABOVE, BELOW):
            here = {name for name, found in self.found.items() if found >= place}
            reaching = _reaching(objects & here, mine)
            changing += [
                s
                for s in self.pools[place]
                if s.own
                and (s.stores & here or s.asks & objects & here or s.calls and s.uses & reaching)
            ]
        return changing

    # --- running it -------------------------------------------------------------------------------

    def answer(self, whole: bool) -> Any:
        """The function. Raises what the answer's own cell raises before the name is bound, and
        NameError if it never is.
        """
        if not self.own and not whole:
            statements(self.texts[self.at])  # raises what is wrong with it
        space = kernel()
        error = self._run_whole(space) if whole else self._run_needed(space)
        if self.name not in space:
            raise error or NameError(f"name {self.name!r} is not defined")
        return space[self.name]

    def _run_needed(self, space: dict[str, Any]) -> BaseException | None:
        end = time.monotonic() + CHANGES
        failed = []
        for statement in self.needed:
            limit = _left(end) if statement in self.changes else 0
            if run(statement, space, limit) and statement not in self.changes:
                failed.append(statement)
        for statement in failed:
            run(statement, space)
        theirs = {other: space[other] for other in self.others if other in space}
        error = _twice(self.own, space)
        # a cell may hold several answers: those of other exercises count as they were judged
        space.update(theirs)
        return error

    def _run_whole(self, space: dict[str, Any]) -> BaseException | None:
        """Run all that the learner wrote, cell after cell as in a notebook, and what it needs."""
        end, error = time.monotonic() + WHOLE, None
        mine = [s for cell in self.cells for s in cell if s.own]
        self.found, self.pools[ABOVE], self.pools[BELOW] = {}, [], []
        course = set(self._bindings({use for s in mine for use in s.uses}))
        present = {s for cell in self.cells for s in cell}
        for statement in [s for s in self.course if s in course and s not in present]:
            run(statement, space, _left(end))
        _twice([s for other in self.others.values() for s in other], space)
        theirs = {other: space[other] for other in self.others if other in space}
        for number, (text, cell) in enumerate(zip(self.texts, self.cells, strict=True), 1):
            space["In"].append(text)
            space[SHOWN].number = number
            for statement in [s for s in cell if s.own or s in course]:
                failed = run(statement, space, _left(end))
                if failed and statement.own:
                    error = failed if cell is self.own else error
                    break
        space.update(theirs)
        return error


def _reaching(names: set[str], statements: list[Statement]) -> set[str]:
    """These names, and those whose bindings use one of them, and so on."""
    users: dict[str, set[str]] = {}
    for statement in statements:
        for use in statement.uses:
            users.setdefault(use, set()).update(statement.binds)
    reaching, todo = set(names), [*names]
    while todo:
        more = users.get(todo.pop(), set()) - reaching
        reaching |= more
        todo += more
    return reaching


def _left(end: float) -> float:
    return max(LEAST, min(SECONDS, end - time.monotonic()))


def _twice(todo: list[Statement], space: dict[str, Any]) -> BaseException | None:
    """Run statements, then those that failed once more; returns the first error that remains."""
    errors = [(s, error) for s in todo if (error := run(s, space, SECONDS))]
    again = [error for s, _ in errors if (error := run(s, space, SECONDS))]
    return again[0] if again else None


# --- what a kernel has ----------------------------------------------------------------------------


class Shell:
    """What `get_ipython()` returns: its magics and commands do nothing, except that a file is
    written, which the learner may import.
    """

    def __init__(self, space: dict[str, Any]):
        self.user_ns = space

    def getoutput(self, *_: Any, **__: Any) -> list[str]:
        return []

    def run_cell_magic(self, magic: str, line: str, text: str) -> None:
        options = line.split()
        if magic in ("writefile", "file") and options:
            place = Path.home() / options[-1].strip("'\"")
            with place.open("a" if {"-a", "--append"} & {*options} else "w") as file:
                file.write(text)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_, **__: None


class Outputs(dict):
    """`Out`: the values of cells by their numbers; the last three also have names."""

    number = 0

    def __init__(self, space: dict[str, Any]):
        super().__init__()
        self.space = space

    def __call__(self, value: Any) -> None:
        if value is not None:
            last, before = self.space.get("_"), self.space.get("__")
            self.space |= {"_": value, "__": last, "___": before, f"_{self.number}": value}
            self[self.number] = value


def kernel() -> dict[str, Any]:
    """The names of a fresh `__main__`, as a notebook's kernel has them."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    if str(Path.home()) not in sys.path:
        sys.path.append(str(Path.home()))  # last: files of the learner's replace no library
    space = main.__dict__
    out, shell = Outputs(space), Shell(space)
    space |= {
        "__builtins__": builtins,
        "In": [""],
        "Out": out,
        SHOWN: out,
        "display": lambda *_, **__: None,
        "get_ipython": lambda: shell,
    }
    return space


def run(statement: Statement, space: dict[str, Any], seconds: float = 0) -> BaseException | None:
    """Run a statement for at most so many seconds, 0: without a limit; returns what it raises."""

    def interrupt(*_: Any) -> None:
        raise Interrupted(f"a statement ran for more than {seconds:g} seconds")

    signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0 if statement.is_import else seconds)
        if statement.code.co_flags & inspect.CO_COROUTINE:
            RUNNER.run(eval(statement.code, space))
        else:
            exec(statement.code, space)
    except BaseException as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None
