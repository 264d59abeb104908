"""What a notebook's own check accepts, the grader accepts: the learner's cells decide, as IPython
runs them.
"""

import json
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from course_utils.checks import evaluate
from grading import batch, collect, course, judge
from grading.collect import Cell
from grading.judge import Grader
from tests import grading as t

LESSON = t.LESSONS["01"]
# Each way is the code cells of one answer. {REF}: the source of a right function `ref`; {DEF}: the
# same as the answer; NAME, REF and N stand for names; the cell with TAG in front is the tagged one.
CALL = "def NAME(*args):\n    return "
WAYS = {
    "as it is": ["TAG{DEF}"],
    "a failed attempt above it": ["TAGdef NAME(*args):\n    return None", "{DEF}"],
    "a stub above it": ["TAGdef NAME(*args):\n    raise NotImplementedError  # later", "{DEF}"],
    "two failed attempts": [
        "TAGdef NAME(*args):\n    return args[0][0][0]",
        "def NAME(*args):\n    return {}['x']",
        "{DEF}",
    ],
    "a table in one loop": [
        "{REF}",
        "table_N = {}\nfor key in 'ab':\n    table_N[key] = REF",
        "TAG" + CALL + "table_N['b'](*args)",
    ],
    "a list that is appended to in another cell": [
        "{REF}\nlist_N = []",
        "for _ in range(3):\n    list_N.append(REF)",
        "TAG" + CALL + "list_N[2](*args)",
    ],
    "zeros that are filled": [
        "{REF}\nzeros_N = [None] * 4",
        "for i, _ in enumerate(zeros_N):\n    zeros_N[i] = REF",
        "TAG" + CALL + "zeros_N[3](*args)",
    ],
    "a table that is filled below": [
        "{REF}",
        "TAGlate_N = [0.0] * 4\n\n" + CALL + "late_N[3](*args) if late_N[3] else 0.0",
        "for i in range(4):\n    late_N[i] = REF",
    ],
    "settings in steps": [
        "{REF}\nsettings_N = {}",
        "settings_N['inner'] = {}",
        "settings_N['inner']['f'] = REF",
        "TAG" + CALL + "settings_N['inner']['f'](*args)",
    ],
    "a function that fills": [
        "{REF}\nfull_N = {}\n\ndef fill_N():\n    full_N.update(f=REF)",
        "fill_N()",
        "TAG" + CALL + "full_N['f'](*args)",
    ],
    "a library that fills": [
        "{REF}\nimport heapq\nheap_N = []",
        "heapq.heappush(heap_N, (1, REF))",
        "TAG" + CALL + "heap_N[0][1](*args)",
    ],
    "a function that sets a global": [
        "{REF}\ndef start_N():\n    global made_N\n    made_N = REF",
        "start_N()",
        "TAG" + CALL + "made_N(*args)",
    ],
    "a second name for a list": [
        "{REF}\none_N = []\nother_N = one_N",
        "other_N.append(REF)",
        "TAG" + CALL + "one_N[0](*args)",
    ],
    "a registration": [
        "registry_N = {}\ndef register_N(f):\n    registry_N['f'] = f\n    return f",
        "@register_N\n{REF}",
        "TAG" + CALL + "registry_N['f'](*args)",
    ],
    "a single dispatch": [
        "import functools\n@functools.singledispatch\ndef dispatch_N(x, *args):\n    return None",
        "{REF}\n@dispatch_N.register(object)\ndef _(x, *args):\n    return REF(x, *args)",
        "TAG" + CALL + "dispatch_N(*args)",
    ],
    "attributes of a class": [
        "{REF}\nclass Config_N:\n    pass",
        "Config_N.f = staticmethod(REF)",
        "TAG" + CALL + "Config_N.f(*args)",
    ],
    "an attribute of the answer": [
        "{REF}",
        "TAG" + CALL + "NAME.f(*args)",
        "NAME.f = REF",
    ],
    "a builtin's name for a function": [
        "{REF}\ndef filter(*args):\n    return REF(*args)",
        "TAG" + CALL + "filter(*args)",
    ],
    "a builtin's name imported": [
        "{REF}\nfrom numpy import any",
        "TAG" + CALL + "any([[True]], axis=0)[0] and REF(*args)",
    ],
    "a builtin's name by a star": [
        "{REF}",
        "from numpy import *",
        "TAG" + CALL + "all([[True]], axis=0)[0] and REF(*args)",
    ],
    "a name used up": [
        "{REF}\nsum = 0\nfor i in range(3):\n    sum += i\ndel sum",
        "TAG" + CALL + "sum([0]) or REF(*args)",
    ],
    "a star": ["{REF}\nfrom math import *", "TAG" + CALL + "tau > 6 and REF(*args)"],
    "under if": ["TAGif True:\n    {DEF4}"],
    "under if and try, without its tag": [
        "try:\n    if True:\n        {DEF8}\nfinally:\n    pass",
    ],
    "a name in a pair, without its tag": ["{REF}\nx_N, NAME = 1, REF"],
    "source text": [
        "import inspect\ndef sourced(f):\n    assert 'def ' in inspect.getsource(f)\n    return f",
        "TAG@sourced\n{DEF}",
    ],
    "await": [
        "{REF}\nimport asyncio\nasync def make_N():\n    await asyncio.sleep(0)\n    return [REF]",
        "made_N = await make_N()",
        "TAG" + CALL + "made_N[0](*args)",
    ],
    "await in the answer's cell": [
        "{REF}",
        "TAGimport asyncio\nawait asyncio.sleep(0)\n" + CALL + "REF(*args)",
    ],
    "display": ["{REF}\ndisplay(1)", "TAG" + CALL + "display(args) or REF(*args)\n\ndisplay(2)"],
    "magics": [
        "%precision 4\n!true\nnames_N = !true\n{REF}\nREF?",
        "TAG%%time\n" + CALL + "len(names_N) or REF(*args)",
    ],
    "lines that look like magics": [
        'text_N = """\n%time\n!x\nx?\n"""\n!true\n{REF}',
        "TAG" + CALL + "len(text_N) == 13 and REF(*args)",
    ],
    "timed values": [
        "{REF}\nvalue_N = %time [REF]\nfor i in range(2):\n    %time inner_N = REF",
        "TAG" + CALL + "value_N[0] and inner_N(*args)",
    ],
    "a scripted helper": [
        "{REF}\nimport torch\n@torch.jit.script\ndef twice_N(x: float) -> float:\n    return 2 * x",
        "TAG" + CALL + "twice_N(1.0) and REF(*args)",
    ],
    "a timed statement": ["{REF}\n%time timed_N = REF", "TAG" + CALL + "timed_N(*args)"],
    "magics without a sign": [
        "{REF}",
        "pwd",
        "time plain_N = REF",
        "TAG" + CALL + "plain_N(*args)",
    ],
    "pasted with its indentation": [
        "    {REF4}",
        "TAG  " + CALL.replace("\n", "\n  ") + "REF(*args)",
    ],
    "pasted with prompts": [
        "{REF}",
        "TAG>>> def NAME(*args):\n...     return REF(*args)\n",
    ],
    "values that a kernel keeps": ["{REF}\nREF", "kept_N = _", "TAG" + CALL + "kept_N(*args)"],
    "a name through globals": [
        "{REF}\nglobals()['g_N'] = REF",
        "TAG" + CALL + "g_N(*args)",
    ],
    "exec": ["{REF}\nexec('e_N = REF')", "TAG" + CALL + "e_N(*args)"],
    "a deep recursion": [
        "{REF}\nimport sys\nsys.setrecursionlimit(9000)",
        "TAGdef deep_N(n):\n    return n and deep_N(n - 1)\n\n"
        + CALL
        + "deep_N(5000) or REF(*args)",
    ],
    "settings of libraries": [
        "{REF}\nimport numpy as np, warnings\nnp.seterr(all='raise')",
        "warnings.simplefilter('error')\nnp.seterr(all='raise')",
        "TAG" + CALL + "REF(*args)",
    ],
    "annotations of the future": [
        "from __future__ import annotations",
        "TAG{REF}\ndef NAME(*args: Unknown) -> Nothing:\n    return REF(*args)",
    ],
    "wrapped in another cell": [
        "TAG{DEF}",
        "import functools\nNAME = functools.partial(NAME)",
    ],
    "a class that is completed later": [
        "{REF}\nclass Later_N:\n    pass",
        "TAGNAME = Later_N()",
        "Later_N.__call__ = lambda self, *args: REF(*args)",
    ],
    "a pickle": [
        "{REF}\nimport pickle\nclass Held_N:\n    f = 1",
        "TAG" + CALL + "pickle.loads(pickle.dumps(Held_N())).f and REF(*args)",
    ],
    "its own name for a table": [
        "{REF}\nrenewed_N = [1]",
        "TAGrenewed_N = renewed_N + [REF]\n\n" + CALL + "renewed_N[1](*args)",
    ],
}
JUNK = ["1 / 0", "x = 1", "print('x')", "undefined_name", "%ls", "import os", "def broken(", "pwd"]


def cells_of(task, way, number):
    """The cells of one answer, as (source, is it tagged)."""
    solution = task.solution
    for cell in WAYS[way]:
        ref = re.sub(rf"\b{task.name}\b", f"REF_{number}", solution)
        for key, text in (("REF", ref), ("DEF", solution)):
            for spaces in ("", "4", "8"):
                indented = text.rstrip().replace("\n", "\n" + " " * int(spaces or 0))
                cell = cell.replace("{" + key + spaces + "}", indented)
        text = re.sub(r"\bREF\b", f"REF_{number}", cell.removeprefix("TAG"))
        text = re.sub(r"\bNAME\b", task.name, text).replace("_N", f"_{number}")
        yield text, cell.startswith("TAG")


def in_a_notebook(parts):
    """Which answers the check of the course accepts, when all cells run in a fresh shell."""
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_cell("\n".join(LESSON.cells[:1]), silent=True)
    passed = {}
    with np.errstate(), warnings.catch_warnings():  # what cells set does not outlive the notebook
        for task, cells in parts:
            for source, _ in cells:
                shell.run_cell(source, store_history=True)
            passed[task.id] = evaluate(task.id, shell.user_ns.get(task.name)).status
    return passed


@pytest.fixture(scope="module")
def grader():
    with batch.staged(LESSON.number) as folder:
        yield Grader(LESSON, t.SEED, folder)


def in_the_grader(parts, grader):
    cells = [Cell("code", LESSON.cells[0])]
    for task, sources in parts:
        cells += [Cell("code", s, (f"exercise:{task.id}",) * tagged) for s, tagged in sources]
        cells.append(Cell("code", f'{task.name} = check("{task.id}", {task.name})'))
    verdicts, _ = grader.grade(cells)
    return {v.exercise: v for v in verdicts}


def is_agreed(ways, grader, rng=None):
    """What a notebook's check accepts, the grader must accept, for each exercise of a lesson that
    is answered in one of these ways, among cells that have nothing to do with it.
    """
    parts = []
    for number, (task, way) in enumerate(zip(LESSON.tasks, ways, strict=False)):
        cells = [*cells_of(task, way, number)]
        for junk in rng.sample(JUNK, rng.randrange(3)) if rng else ():
            cells.insert(rng.randrange(len(cells) + 1), (junk, False))
        parts.append((task, cells))
    there, here = in_a_notebook(parts), in_the_grader(parts, grader)
    assert {key: here[key] for key in there if there[key] == "pass" != here[key].status} == {}
    return list(there.values())


@t.needs_sandbox
@settings(max_examples=3, deadline=None, derandomize=True)
@given(st.permutations(sorted(WAYS)), st.randoms(use_true_random=False))
def test_what_a_notebook_accepts_the_grader_accepts(grader, ways, rng):
    assert "pass" in is_agreed(ways, grader, rng)


@pytest.mark.slow
@t.needs_sandbox
@settings(max_examples=100, deadline=None)
@given(st.permutations(sorted(WAYS)), st.randoms(use_true_random=False))
def test_what_a_notebook_accepts_the_grader_accepts_a_hundred_times(grader, ways, rng):
    is_agreed(ways, grader, rng)


@pytest.mark.slow
@t.needs_sandbox
@pytest.mark.parametrize("way", WAYS)
def test_each_way_passes_in_both(grader, way):
    assert is_agreed([way], grader) == ["pass"]


def wrong(task):
    return f"def {task.name}(*args):\n    return 0.5"


@t.needs_sandbox
def test_what_the_notebook_has_last_decides_and_a_wrong_answer_stays_wrong(grader):
    task = LESSON.tasks[0]
    mistake = task.solution.replace("0.5", "0.25")
    parts = [(task, [(wrong(task), True), ("table = {}", False), (mistake, False)])]
    verdict = in_the_grader(parts, grader)[task.id]
    alone = in_the_grader([(task, [(mistake, True)])], grader)[task.id]
    assert (verdict.status, verdict.reason) == ("fail", alone.reason)


BINDING = """x, kl = 1, 2|(a, kl), b = f()|if x:\n    def kl(x):|from m import a as kl|[kl] = f()
from m import kl|print(kl := 3)|>>> def kl(x):|    kl = 3|*kl, a = x|In [3]: kl = 1|kl: float = 1"""
OTHER = "f(kl, a=3)|kl == 3|m.kl = 3|kl = check('1', kl)|plot(kl(x), color=3)|x = kl(3)|f(kl=3)"


def test_what_may_define_a_name():
    pattern = course.may_bind("kl")
    assert [text for text in re.split(r"\||\n(?! )", BINDING) if not pattern.search(text)] == []
    assert [text for text in OTHER.split("|") if pattern.search(text)] == []


def test_a_blank_notebook_holds_nothing_but_what_was_shipped():
    for number, lesson in t.LESSONS.items():
        cells = collect.cells_of(json.dumps(t.blank(number)).encode())
        code = [course.SPACE.sub("", cell.source) for cell in cells if cell.kind == "code"]
        assert set(code) <= lesson.shipped.keys()
        assert not any(judge.find(task, cells, lesson.shipped) for task in lesson.tasks)
