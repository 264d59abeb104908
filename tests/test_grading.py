"""The grader on honest notebooks: verdicts, reports, resuming, shards, twins, and what it says when
it cannot grade.
"""

import contextlib
import csv
import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import torch

from course_utils.asking import serialization
from course_utils.asking.ask import Ask, Raised, Seed, TensorArg
from course_utils.checks.exercise import observe
from grading import __main__ as command
from grading import (
    batch,
    collect,
    course,
    judge,
    merging,
    pages,
    report,
    room,
    sandbox,
    selftest,
    twins,
)
from grading.cache import Cache
from tests import grading as t
from tests.hostile import attacks, broken, right

NUMBERS = list(t.LESSONS)
SOME_NUMBERS = [  # the others among the slow tests
    pytest.param(n, marks=[pytest.mark.slow] * (n not in ("01", "04", "07", "10"))) for n in NUMBERS
]
pytestmark = pytest.mark.filterwarnings("ignore")
TASKS = [task for lesson in t.LESSONS.values() for task in lesson.tasks]
QUICK = [task for task in TASKS if not task.exercise.is_build]
BUILD = [task for task in TASKS if task.exercise.is_build]
WAYS = {
    "evaluate": (
        "from course_utils.checks import course_version, find\nNAME = course_version(find('ID'))"
    ),
    "oracle": (
        "def NAME(*a):\n    from course_utils.checks import find\n    return find('ID').oracle(*a)"
    ),
    "accepted": (
        "def NAME(*a):\n    from course_utils.checks import find\n    return"
        " [*find('ID').accepted.values()][0](*a)"
    ),
    "taught": "from course_utils.lessonNN.taught import NAME",
    "module": "import course_utils.lessonNN.taught as m\nNAME = m.NAME",
    "check": "from course_utils import check\nNAME = check('ID', None)",
    "engine": "import engine\nNAME = engine.Exercise.wanted",
    "itself": "def NAME(*a):\n    return NAME(*a)",
}


# --- what crosses the wall ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        -2.5,
        float("inf"),
        "é\ud800",
        [1, (2, "x")],
        {"a": [1.0], (1, 2): None},
        np.arange(6).reshape(2, 3),
        np.float32(2),
        np.array(["a", "bc"]),
        np.zeros((0, 3)),
        2j,
        np.array([True, False]),
        Seed(7),
        TensorArg(np.ones((2, 2))),
    ],
    ids=repr,
)
def test_plain_data_crosses_the_wall_unchanged(value):
    there = json.loads(json.dumps(serialization.encode(value, judge.STAND_INS)))
    back = serialization.decode(there, judge.STAND_INS)
    if isinstance(value, TensorArg):
        value, back = value.values, back.values
    assert (
        type(back) is (np.complex128 if value == 2j else type(value))
        if not isinstance(value, np.ndarray)
        else True
    )
    assert np.array_equal(back, value) if isinstance(value, np.ndarray) else back == value


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, np.array([object()]), lambda: 0, b"x", np.zeros(2, dtype="M8[s]")],
    ids=range(6),
)
def test_nothing_else_crosses(value):
    try:
        made = serialization.encode(value)
    except serialization.Malformed:
        return
    with pytest.raises(serialization.Malformed):
        serialization.decode(made)


class Wired(Ask):
    """An answer asked as if through the wall: arguments and results are sent as JSON."""

    def series(self, times, *args):
        return serialization.decode(
            json.loads(json.dumps(serialization.encode(super().series(times, *sent(args)))))
        )

    def probe(self, name, *args):
        return serialization.decode(
            json.loads(json.dumps(serialization.encode(super().probe(name, *sent(args)))))
        )


def sent(args):
    return [
        serialization.decode(
            json.loads(json.dumps(serialization.encode(a, judge.STAND_INS))), judge.STAND_INS
        )
        for a in args
    ]


QUESTIONS = {}  # by exercise and seed; drawn once for all answers, as for all students of a run


def wired(task, answer, seed):
    key = task.id, seed
    asked = QUESTIONS[key] = QUESTIONS.get(key) or judge.Questions(task.exercise, seed)
    got = [observe(Wired(answer), case) for case in asked.cases]
    return judge.verdict(task.exercise, asked.cases, asked.wanted, got, False, asked.shows)


def accepts_right_and_refuses_wrong(task, mutants, seed):
    for label, answer in task.exercise.accepted.items():
        assert wired(task, answer, seed).status == "pass", label
    for name in mutants:
        outcome = wired(task, task.exercise.mutants[name].answer, seed)
        expected = ("fail", task.exercise.mutants[name].hint)
        assert (outcome.status, outcome.hint) == expected, name


@pytest.mark.parametrize("task", QUICK, ids=lambda task: task.id)
def test_hidden_checks_accept_what_is_right_and_no_mutant(task, seed):
    """Each mutant has its test in test_exercises; here one per exercise goes through the wall."""
    accepts_right_and_refuses_wrong(task, list(task.exercise.mutants)[:1], seed)


@pytest.mark.slow
@pytest.mark.parametrize("task", QUICK, ids=lambda task: task.id)
def test_hidden_checks_accept_no_mutant_at_all(task):
    for seed in range(2):
        accepts_right_and_refuses_wrong(task, task.exercise.mutants, seed)


@pytest.mark.slow
@pytest.mark.parametrize("task", BUILD, ids=lambda task: task.id)
def test_hidden_checks_accept_a_right_model(task):
    label, answer = next(iter(task.exercise.accepted.items()))
    assert wired(task, answer, 0).status == "pass", label


@pytest.mark.slow
@pytest.mark.parametrize("task", BUILD, ids=lambda task: task.id)
def test_no_mutant_of_a_build_task_gets_marks(task):
    assert all(
        wired(task, mutant.answer, 5).status == "fail" for mutant in task.exercise.mutants.values()
    )


# --- reading strangers' files ---------------------------------------------------------------------


def zipped(files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_submissions_are_found_in_files_folders_and_zips(tmp_path):
    place = t.write(
        tmp_path / "s",
        {
            "ann": t.blank("01"),
            "bob/hand in/work": t.blank("01"),
            "bob/.cache/x": b"x",
            ".ipynb_checkpoints/ann": b"x",
            ".eve/x": b"{}",
        },
    )
    (place / "cat.zip").write_bytes(
        zipped({"01.ipynb": "{}", "__MACOSX/01.ipynb": "x", "notes.txt": "x"})
    )
    (place / "dan.zip").write_bytes(zipped({"inner.zip": zipped({"a/b.ipynb": "{}"})}))
    found = collect.submissions(place)
    names = [".eve/x", "ann", "bob/hand in/work", "cat/01", "dan/inner/a/b"]
    assert [s.name for s in found] == names
    assert [s.student for s in found] == [".eve", "ann", "bob", "cat", "dan"]


@pytest.mark.parametrize("alone", [True, False])
def test_a_zip_of_the_class_holds_a_student_per_entry(tmp_path, alone):
    path = tmp_path / "class.zip"
    path.write_bytes(
        zipped({"ann.ipynb": "{}", "bob/x.ipynb": "{}", "cat.zip": zipped({"y.ipynb": "{}"})})
    )
    found = collect.submissions(path if alone else tmp_path)
    assert [s.student for s in found] == ["ann", "bob", "cat"]


def test_zips_cannot_escape_explode_or_link(tmp_path):
    link = zipfile.ZipInfo("link.ipynb")
    link.external_attr = 0o120777 << 16
    evil = zipped(
        {
            "../../../etc/a.ipynb": "{}",
            "/abs/b.ipynb": "{}",
            "..\\..\\c.ipynb": "{}",
            "bomb.ipynb": " " * (25 << 20),
            link: "/etc/passwd",
            "\x1b[31m=1+1.ipynb": "{}",
        }
    )
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "x.zip").write_bytes(evil)
    (tmp_path / "s" / "y.zip").write_bytes(b"PK\x03\x04 broken")
    (tmp_path / "s" / "z.zip").write_bytes(zipped({}))
    (tmp_path / "s" / "q.zip").write_bytes(
        zipped({"1.zip": zipped({"2.zip": zipped({"3.zip": zipped({"a.ipynb": "{}"})})})})
    )
    found = seen(tmp_path / "s")
    assert {"x/etc/a", "x/abs/b", "x/c", "x/bomb", "x/link"} <= found.keys()
    assert "larger" in found["x/bomb"] and "link" in found["x/link"] and found["y"] and found["z"]
    assert "not opened" in found["q/1/2/3"]
    assert not any("\x1b" in name or ".." in name for name in found)


def seen(place):
    """What is wrong with each submission."""
    found = collect.submissions(place)
    for one in found:
        one.read()
    assert len({one.name for one in found}) == len(found)
    return {one.name: one.broken for one in found}


def test_links_pipes_and_equal_names_are_harmless(tmp_path):
    place = t.write(tmp_path / "s", {"ann": b"{}", "Ann": b"{} "})
    secret = tmp_path / "secret.ipynb"
    secret.write_text("{}")
    (place / "link.ipynb").symlink_to(secret)
    (place / "folder").symlink_to(tmp_path)
    (place / "eve").mkdir()
    (place / "eve/data").symlink_to(tmp_path)
    os.mkfifo(place / "pipe.ipynb")
    with socket.socket(socket.AF_UNIX) as plug, contextlib.chdir(place):
        plug.bind("plug.ipynb")
    found = seen(place)
    assert found.keys() == {"ann", "Ann", "link", "folder", "eve", "pipe", "plug"}
    assert "it is a link" in found["link"] and "it is a link" in found["folder"]
    assert "data (a link" in found["eve"]
    assert found["pipe"] == "it is a named pipe" and found["plug"] == "it is a socket"
    assert not any(str(tmp_path) in reason or "Errno" in reason for reason in found.values())
    assert len({report.file_name(name).casefold() for name in found}) == 7


LOOKS_LIKE = {  # what a file is, and what is said of it; "" where it is graded
    "a.ipynb.txt": (b"NOTEBOOK", ""),
    "b.ipynb.json": (b"NOTEBOOK", ""),
    "c/01.json": (b"NOTEBOOK", ""),
    "d/01.IPYNB": (b"NOTEBOOK", ""),
    "e/01.ipynb (1)": (b"NOTEBOOK", ""),
    "f/01.txt": (b"\xef\xbb\xbfNOTEBOOK", ""),
    "g.py": (b"import os", "it is no notebook"),
    "h/a.py": (b"x = 1", "no notebook among: a.py"),
    "i/w.tar.gz": (b"\x1f\x8b", "no notebook among: w.tar.gz"),
    "j/data.json": (b'{"a": 1}', "no notebook among: data.json"),
    "k/01.ipynb": (b"#!/usr/bin/python\nx = 1", "it is a Python script"),
    "l/01.ipynb": (b"import numpy as np\n", "it is a Python script"),
    "m/01.ipynb": (b"%PDF-1.7", "it is a PDF"),
    "n/01.ipynb": (b"", "it is empty"),
    "o/01.ipynb": (b"\n<!doctype html>", "it is a web page"),
    "p/01.ipynb": (b"{\n<<<<<<< HEAD\n", "JSON is damaged in line 2"),
    "q/01.ipynb": (b"PK\x03\x04", "it is a zip"),
    "r/.ipynb_checkpoints/01.ipynb": (b"NOTEBOOK", "no notebook among: .ipynb_checkpoints"),
}


def test_everybody_has_a_row_whatever_they_handed_in(tmp_path):
    place, book = tmp_path / "s", json.dumps(t.blank("01")).encode()
    for name, (data, _) in LOOKS_LIKE.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data.replace(b"NOTEBOOK", book))
    (place / "empty/er").mkdir(parents=True)
    (place / ".DS_Store").write_bytes(b"x")
    (place / "z.zip").write_bytes(zipped({"readme.md": "x"}))
    found = {name.split("/")[0]: reason for name, reason in seen(place).items()}
    for name, (_, says) in LOOKS_LIKE.items():
        student = "g.py" if name == "g.py" else name[0]
        assert says in found[student] and bool(says) == bool(found.pop(student)), name
    assert "empty" in found.pop("empty") and "readme.md" in found.pop("z") and not found


def test_a_zip_of_a_class_has_a_row_for_everybody_too(tmp_path):
    path = tmp_path / "class.zip"
    files = {"ann/": "", "bob/a.py": "x", "cat/.cache/a.ipynb": "{}", "__MACOSX/a.ipynb": "x"}
    path.write_bytes(
        zipped(files | {"dan/data/x.zip": zipped({"01.ipynb": "{}"}), ".DS_Store": ""})
    )
    found = seen(path)
    assert found.keys() == {"ann", "bob", "cat", "dan/data/x/01"}
    assert "a.py" in found["bob"] and "a.ipynb" in found["cat"]


def test_of_two_files_with_one_name_in_a_zip_the_last_counts(tmp_path):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive, pytest.warns(UserWarning):
        archive.writestr("ann.ipynb", "x")
        archive.writestr("ann.ipynb", json.dumps(t.blank("01")))
    assert seen(tmp_path) == {"ann": ""}


def test_names_that_look_alike_stay_two_people(tmp_path):
    names = [
        "bob",
        "Bob",
        "bob ",
        "bob (2)",
        "Zo\u00eb",
        "Zoe\u0308",
        "x" * 130,
        "x" * 131,
        "a\x01",
    ]
    place = t.write(tmp_path / "s", {f"{name}/01": b"{}" for name in names} | {"a?/01": b"{}"})
    found = collect.submissions(place)
    students = {one.student for one in found}
    assert len(students) == 10 and {"bob", "Bob", "bob (2)", "bob (3)", "a?", "a? (2)"} <= students
    plain = report.file_name("Ann Lee")
    assert plain.startswith("Ann_Lee") and report.file_name(plain) != plain
    files = {report.file_name(name).casefold() for name in {*students, plain, "con", "nul.x"}}
    assert len(files) == 13 and not files & {"con", "nul.x", plain.casefold()}


@pytest.mark.parametrize(
    "other",
    ["ann .ipynb", "ann\\01.ipynb", "ann\\.ipynb", " ann.ipynb.txt", "ann\u00a0.zip/01.ipynb"],
)
def test_no_name_of_a_file_makes_two_people_one_also_in_a_table(tmp_path, other):
    place = t.write(tmp_path / "s", {"ann": t.blank("01"), "b  c/01": b"{}", "b c/01": b"{}"})
    place.joinpath(other).parent.mkdir(exist_ok=True)
    place.joinpath(other).write_text(json.dumps(t.blank("01")), encoding="utf-8")
    students = [one.student for one in collect.submissions(place)]
    assert len(set(map(report.safe, students))) == 4 and students.count("ann") == 1


def test_a_formula_and_its_safe_form_are_two_people(tmp_path):
    place = t.write(tmp_path / "s", {"=a": b"{}", "'=a": b"{}"})
    assert len({report.safe(one.name) for one in collect.submissions(place)}) == 2


def test_a_notebook_without_a_lesson_is_no_blank_one_and_costs_nothing_beside_another(tmp_path):
    """Also where a lesson is asked for. What may hold an answer is graded."""
    other = json.dumps({"cells": [{"cell_type": "code", "source": "x = 1"}]}).encode()
    odd = json.dumps(
        {"cells": [{"cell_type": "code", "source": "normal_logpdf, y = f, 1"}]}
    ).encode()
    books = {"ann/other": other, "bob/other": other, "bob/own": t.blank("01"), "eve": odd}
    notebooks = collect.submissions(t.write(tmp_path / "s", books))
    gradable, ungradable = batch.sorted_out(notebooks, t.LESSONS, "01")
    assert [graded.submission.name for graded in gradable] == ["bob/own", "eve"]
    [(name, why)] = [(g.submission.name, batch.no_verdict(g.submission)) for g in ungradable]
    assert name == "ann" and why == "no notebook of lesson 01, but another"


def test_nobody_makes_the_grader_read_without_end(tmp_path):
    place = tmp_path / "s"
    text = {"cells": [{"cell_type": "code", "source": "x" * (2 << 20)}]}
    small = {"cells": [{"cell_type": "code", "source": "x"}]}
    books = [(text if n < 5 else small) | {"n": n} for n in range(60)]
    many = zipped({f"{n:04}.ipynb": json.dumps(book) for n, book in enumerate(books)})
    place.mkdir()
    (place / "many.zip").write_bytes(many)
    (place / "ann.zip").write_bytes(zipped({"01.ipynb": json.dumps(t.blank("01"))}))
    cells = {"cells": [{"cell_type": "code", "source": ""}] * 6000}
    t.write(place, {"cells": json.dumps(cells).encode()})
    (place / "list.zip").write_bytes(zipped({f"{n:0200}.txt": "" for n in range(9000)}))
    (place / "deep" / "/".join("d" * 60)).mkdir(parents=True)
    found = seen(place)
    assert "not opened" in found["deep/" + "/".join("d" * 49)]
    assert found["ann/01"] == "" and "more than 5000 cells" in found["cells"]
    assert "more than 5000 files" in found["list"]
    mine = {name: reason for name, reason in found.items() if name.startswith("many/")}
    assert len(mine) == collect.MOST_NOTEBOOKS + 1
    assert sum(reason == "" for reason in mine.values()) == 4
    assert "20 more notebooks" in mine["many/more than 40 notebooks"]
    assert "more than 8 MB of text together" in mine["many/0020"]


def test_a_notebook_is_read_anew_and_a_change_is_noticed(tmp_path):
    place = t.write(tmp_path / "s", {"ann": t.blank("01")})
    [one] = collect.submissions(place)
    assert one.digest == "" and one.read() == one.read() and one.digest
    t.write(place, {"ann": t.solved("01")})
    with pytest.raises(collect.Changed):
        one.read()
    (place / "ann.ipynb").unlink()
    assert one.read() == [] and one.broken == "the file cannot be read: No such file or directory"


@pytest.mark.parametrize("kind", broken.UNREADABLE)
def test_a_broken_file_is_reported_as_such(kind):
    data = broken.UNREADABLE[kind](json.dumps(t.solved("01")).encode())
    assert collect.read("x", data).broken or len(data) > collect.LARGEST


def test_a_help_cell_turned_into_code_is_no_answer_where_there_is_another():
    task = t.LESSONS["01"].tasks[0]
    book = t.solved("01")
    for cell in book["cells"]:
        if cell["cell_type"] == "markdown" and task.name in "".join(cell["source"]):
            cell["cell_type"] = "code"
        cell["metadata"] = {}
    assert sum(
        "```" in "".join(cell["source"]) and cell["cell_type"] == "code" for cell in book["cells"]
    )
    assert judge.find(task, collect.cells_of(json.dumps(book).encode())).startswith(
        f"def {task.name}"
    )


def test_the_lesson_is_found_by_tags_or_by_names():
    for number in NUMBERS:
        cells = collect.cells_of(json.dumps(t.blank(number)).encode())
        assert collect.lesson_of(cells, t.LESSONS) == number
        assert (
            collect.lesson_of([collect.Cell(c.kind, c.source) for c in cells], t.LESSONS) == number
        )
    assert collect.lesson_of([collect.Cell("code", "x = 1")], t.LESSONS) == ""


# --- whole runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", NUMBERS)
def test_what_a_spying_answer_says_comes_back_as_the_self_test_reads_it(number):
    """Else nobody's notebook of that lesson would be graded."""
    exercise = selftest.quickest(t.LESSONS[number]).exercise

    def spy(*_):
        raise RuntimeError(selftest.CONTAINED)

    case = next(iter(exercise.draw(np.random.default_rng(0))))
    assert judge.readable(observe(Ask(spy), case)) == selftest.CAME


class Measured(Ask):
    """Notes how long its longest reply would be on its way through the wall."""

    longest = 0

    def probe(self, name, *args):
        result = super().probe(name, *args)
        self.longest = max(self.longest, len(json.dumps(serialization.encode(result))))
        return result


@pytest.mark.parametrize("number", ["4.5", "5.6"])
def test_what_an_answer_shows_of_all_digits_fits_through_the_wall(number):
    """Else no right answer would be graded. Their replies are the longest by far."""

    def untrained(x):
        encoder, decoder = torch.nn.Linear(x.shape[1], 64), torch.nn.Linear(32, x.shape[1])
        return lambda x: encoder(x).chunk(2, dim=1), decoder

    [exercise] = [task.exercise for task in BUILD if task.id == number]
    ask = Measured(untrained)
    observe(ask, next(iter(exercise.draw(np.random.default_rng(0)))))
    assert 1 << 20 < ask.longest < 0.8 * sandbox.LONGEST


@pytest.mark.slow
@t.needs_sandbox
@pytest.mark.parametrize("number", NUMBERS)
def test_the_self_test_finds_no_fault(number):
    with batch.workplace(), batch.staged(number) as folder:
        assert selftest.fault(judge.Grader(t.LESSONS[number], 5, folder)) == ""


@t.needs_sandbox
@pytest.mark.parametrize("number", SOME_NUMBERS)
@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_solutions_score_full_blanks_nothing_and_imports_of_our_answers_nothing(
    number, everything, tmp_path, monkeypatch
):
    """By default two ways to our answers by turns, and a model is trained in one lesson."""
    # right answers, blanks and spies are among the books
    monkeypatch.setattr(selftest, "fault", lambda grader: "")
    lesson, full, due = t.LESSONS[number], t.solved(number), {}
    for task in lesson.tasks:
        answered = everything or not task.exercise.is_build or number == "04"
        due[task.id] = "pass" if answered else "unanswered"
        full = full if answered else t.with_answer(full, task, task.blank)
    books = {"full": full, "none": t.blank(number)}
    for turns in [[way] for way in WAYS] if everything else [["oracle", "taught"]]:
        books[turns[0]] = t.answers(
            lesson,
            {
                task.id: WAYS[turns[i % len(turns)]]
                .replace("NN", number)
                .replace("NAME", task.name)
                .replace("ID", task.id)
                for i, task in enumerate(lesson.tasks)
            },
        )
    statuses = t.statuses(t.run(t.write(tmp_path / "s", books), tmp_path / "o"))
    assert statuses.pop("full") == due
    assert set(statuses.pop("none").values()) == {"unanswered"}
    assert not any("pass" in by_exercise.values() for by_exercise in statuses.values())
    assert sandbox.settle() and not t.leftovers()


@pytest.mark.parametrize(
    "task",
    [*QUICK, *(pytest.param(task, marks=pytest.mark.slow) for task in BUILD)],
    ids=lambda task: task.id,
)
def test_trivial_answers_score_nothing(task):
    answers = [
        lambda *args: None,
        lambda *args: 0,
        lambda *args: 1.0,
        lambda *args: [],
        lambda *args: "yes",
        lambda *args: True,
        lambda *args: float("nan"),
        lambda *args: args[0],
        lambda *args: args[-1],
        lambda *args: 0 * args[0],
        lambda *args: args,
        lambda *args: {},
        lambda *args: np.full(np.shape(args[0]), np.nan),
    ]
    assert {wired(task, answer, 7).status for answer in answers} == {"fail"}


def graded_full(books, tmp_path):
    statuses = t.statuses(t.run(t.write(tmp_path / "s", books), tmp_path / "o"))
    assert {name: s for name, s in statuses.items() if set(s.values()) != {"pass"}} == {}


@t.needs_sandbox
def test_right_answers_in_other_words_score_full(tmp_path):
    base = t.solved("01")
    graded_full({label: change(base) for label, change in right.RIGHT.items()}, tmp_path)


@pytest.mark.parametrize("kind", broken.READABLE)
def test_an_odd_file_holds_the_same_answers(kind):
    """The text of the answers is all that is graded."""
    plain = json.dumps(t.solved("01")).encode()
    odd = broken.READABLE[kind](plain)
    found, due = (
        [judge.find(task, collect.read("x", data).cells) for task in t.LESSONS["01"].tasks]
        for data in (odd, plain)
    )
    assert found == due and collect.lesson_of(collect.read("x", odd).cells, t.LESSONS) == "01"


@pytest.mark.slow
@t.needs_sandbox
def test_odd_files_score_full(tmp_path):
    base = json.dumps(t.solved("01")).encode()
    graded_full({label: change(base) for label, change in broken.READABLE.items()}, tmp_path)


@t.needs_sandbox
def test_an_earlier_exercise_that_is_wrong_does_not_spoil_a_later_one(tmp_path):
    lesson = t.LESSONS["02"]
    first, second = (next(task for task in lesson.tasks if task.id == i) for i in ("2.1", "2.2"))
    wrong = f"def {first.name}(y, p, base=2):\n    return 7.0"
    own = (
        "import numpy as np, math\ndef cross_entropy(y, p, base=math.e, extra=0):\n    y, p ="
        " np.asarray(y), np.asarray(p)\n    for q in (y, p):\n        if abs(q.sum() - 1) > 1e-9:\n"
        "            raise ValueError\n    with np.errstate(divide='ignore'):\n        return extra"
        " - float((y[y > 0] * np.log(p[y > 0])).sum() / math.log(base))"
    )
    uses = "def kl(p, q):\n    return cross_entropy(p, q, extra=1) - cross_entropy(p, p, extra=1)"
    merged = t.answers(
        lesson, {first.id: wrong + "\n\n" + second.solution, second.id: second.solution}
    )
    books = {
        "wrong": t.answers(lesson, {first.id: wrong}),
        "blank": t.answers(lesson, {first.id: first.blank}),
        "own": t.answers(lesson, {first.id: own, second.id: uses}),
        "merged": merged,
    }
    found = t.statuses(t.run(t.write(tmp_path / "s", books), tmp_path / "o"))
    assert [found[name][first.id] for name in books] == ["fail", "unanswered", "pass", "fail"]
    assert all(found[name][second.id] == "pass" for name in books)


@t.needs_sandbox
def test_a_known_mistake_is_named_and_an_appeal_has_its_numbers(tmp_path):
    lesson = t.LESSONS["04"]
    kl = next(task for task in lesson.tasks if task.id == "4.2")
    source = kl.solution.replace("0.5 * ", "", 1)
    blanks = {task.id: task.blank for task in lesson.tasks if task.exercise.is_build}
    books = {"=cmd|' /C calc'!A0": t.answers(lesson, {kl.id: source} | blanks)}
    results = t.run(t.write(tmp_path / "s", books), tmp_path / "o")
    verdict = next(v for v in results["submissions"][0]["verdicts"] if v["exercise"] == kl.id)
    assert verdict["known"] and verdict["reason"] in kl.exercise.hints and verdict["points"] == 0
    assert all(verdict["evidence"][key] for key in ("case", "input", "expected", "came"))
    row = next(r for r in t.rows(tmp_path / "o/grades.csv") if r["exercise"] == kl.id)
    assert row["submission"].startswith("'=cmd") and list(row) == report.HEADER
    for page in [tmp_path / "o/report.html", *(tmp_path / "o/feedback").glob("*")]:
        assert verdict["reason"].split(":")[0][:20] in page.read_text(encoding="utf-8")
    assert ET.parse(tmp_path / "o/junit.xml").find(".//failure") is not None
    scope = json.loads(next((tmp_path / "o/gradescope").rglob("results.json")).read_text())
    assert sum(test["score"] for test in scope["tests"]) == sum(
        v["points"] for v in results["submissions"][0]["verdicts"]
    )


@t.needs_sandbox
def test_a_run_goes_on_where_it_stopped_and_grades_only_what_changed(tmp_path, monkeypatch):
    graded = []
    once = judge.Grader.grade
    monkeypatch.setattr(
        judge.Grader, "grade", lambda self, cells: (graded.append(len(cells)), once(self, cells))[1]
    )
    monkeypatch.setattr(selftest, "fault", lambda grader: "")
    place = t.write(tmp_path / "s", {"ann": t.solved("01"), "bob": t.blank("01")})
    first = t.run(place, tmp_path / "o", seed=None)
    assert len(graded) == 2
    again = t.run(place, tmp_path / "o", seed=None, jobs=1)
    assert len(graded) == 2 and again == first
    t.write(place, {"bob": t.answers(t.LESSONS["01"], {}), "cat": b"no notebook"})
    third = t.run(place, tmp_path / "o", seed=None)
    assert len(graded) == 3 and third["seed"] == first["seed"]
    assert t.statuses(third)["cat"] == {"": "not_graded"} and set(
        t.statuses(third)["bob"].values()
    ) == {"pass"}
    t.run(place, tmp_path / "o", seed=first["seed"] + 1)
    assert len(graded) == 5
    (place / "ann.ipynb").unlink()
    t.run(place, tmp_path / "o", seed=None)
    assert not (tmp_path / "o/feedback/ann.md").exists()


@t.needs_sandbox
def test_shards_merge_into_the_same_grades(tmp_path):
    names = ["ann", "bob", "cat", "dan", "eve"]
    place = t.write(
        tmp_path / "s",
        {name: t.solved("01") if n % 2 else t.blank("01") for n, name in enumerate(names)},
    )
    whole = ["--seed", "5", "--jobs", "2"]
    assert command.main([str(place), "--out", str(tmp_path / "all"), *whole]) == 0
    for part in (1, 2, 3):
        assert (
            command.main(
                [str(place), "--out", str(tmp_path / f"p{part}"), *whole, "--shard", f"{part}/3"]
            )
            == 0
        )
    parts = [str(tmp_path / f"p{part}") for part in (1, 2, 3)]
    assert command.main(["merge", *parts, "--out", str(tmp_path / "m")]) == 0
    for name in ("grades.csv", "summary.csv", "junit.xml"):
        assert (tmp_path / "m" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()
    assert command.main(["merge", *parts[:2], "--out", str(tmp_path / "m")]) == 1
    assert command.main(["merge", str(tmp_path), "--out", str(tmp_path / "m")]) == 1


DAMAGE = {
    "no JSON": lambda results: "{",
    "deep": lambda results: "[" * 100_000,
    "other JSON": lambda results: [1],
    "a submission without anything": lambda results: results | {"submissions": [{}]},
    "an empty shard": lambda results: results | {"shard": []},
    "a shard of text": lambda results: results | {"shard": ["1", "2"]},
    "submissions that are none": lambda results: results | {"submissions": {"a": 1}},
    "no verdicts": lambda results: {
        **results,
        "submissions": [results["submissions"][0] | {"verdicts": []}],
    },
    "a verdict without points": lambda results: {
        **results,
        "submissions": [results["submissions"][0] | {"verdicts": [{"exercise": "1.1"}]}],
    },
    "faults that are none": lambda results: results | {"faults": 7},
    "nothing": None,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_part_is_left_out_with_a_sentence(tmp_path, kind, capsys):
    whole = json.loads(json.dumps(made_up() | {"faults": [], "shard": [1, 2]}))
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
    (tmp_path / "good/results.json").write_text(json.dumps(whole))
    if DAMAGE[kind]:
        damaged = DAMAGE[kind](whole)
        text = damaged if isinstance(damaged, str) else json.dumps(damaged)
        (tmp_path / "bad/results.json").write_text(text)
    line = ["merge", str(tmp_path / "bad"), str(tmp_path / "good"), "--out", str(tmp_path / "m")]
    assert command.main(line) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path / 'bad'} is left out: " in said and "Traceback" not in said
    assert len({row["submission"] for row in t.rows(tmp_path / "m/grades.csv")}) == 2
    assert command.main([*line[:2], "--out", str(tmp_path / "m")]) == 1


@pytest.mark.parametrize("text", ['{"verdicts": [{}], "seconds": 1}', "[", "[" * 100_000, "7"])
def test_a_damaged_verdict_is_no_verdict(tmp_path, text):
    cache = Cache(tmp_path, t.LESSONS["01"], 5)
    verdicts = judge.as_data([judge.Verdict("1.1", "normal_logpdf", 4, "pass")])
    cache.store("digest", verdicts, 1.0)
    assert cache.load("digest") == (verdicts, 1.0)
    next(tmp_path.rglob("*.json")).write_text(text)
    assert cache.load("digest") is None


def test_a_damaged_record_of_the_run_means_a_fresh_seed(tmp_path):
    for text in ('{"seed": -1}', '{"seed": true}', '{"seed": "x"}', "[" * 100_000, "null"):
        (tmp_path / "run.json").write_text(text)
        seed = batch.recorded_seed(batch.Run(tmp_path, tmp_path))
        assert seed > 1 and batch.recorded_seed(batch.Run(tmp_path, tmp_path)) == seed


KILLED = """import os, signal, sys, tempfile
from grading import batch
with batch.workplace():
    tempfile.mkdtemp()
    print(tempfile.gettempdir(), flush=True)
    sys.stdin.read() if sys.argv[1:] else os.kill(os.getpid(), signal.SIGKILL)"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="locks of Unix")
def test_the_folder_of_a_killed_run_is_removed_by_the_next(tmp_path, monkeypatch):
    line = [sys.executable, "-c", KILLED]
    options = {"cwd": course.ROOT, "env": os.environ | {"TMPDIR": str(tmp_path)}, "text": True}
    going_on = subprocess.Popen(
        [*line, "on"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
    )
    alive = Path(going_on.stdout.readline().strip())
    killed = subprocess.run(line, capture_output=True, **options)
    assert killed.returncode == -signal.SIGKILL and Path(killed.stdout.strip()).is_dir()
    fresh, foreign = tmp_path / "grading-run-new", tmp_path / "grading-run-out/report.html"
    fresh.mkdir()  # of a run that has only just begun
    foreign.parent.mkdir()
    foreign.write_text("x")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with batch.workplace():
        assert not Path(killed.stdout.strip()).exists()
        assert alive.is_dir() and fresh.is_dir() and foreign.exists()
        assert Path(tempfile.gettempdir()).parent == tmp_path
    going_on.communicate("")
    assert {path.name for path in tmp_path.iterdir()} == {fresh.name, foreign.parent.name}


# --- what humans read and write -------------------------------------------------------------------

EVIL = '<script>alert(1)</script>\n=HYPERLINK("x") [a](javascript:1) `x` \x1b[31m \u202e'


def made_up():
    verdicts = judge.as_data(
        [
            judge.Verdict("4.1", "reparameterize", 4, "pass"),
            judge.Verdict(
                "4.2",
                "kl_normal",
                4,
                "fail",
                EVIL,
                True,
                {"case": EVIL, "input": "x", "expected": "1", "came": EVIL},
            ),
        ]
    )
    left = judge.as_data([judge.Verdict("", "", 0, "not_graded", EVIL)])
    one = {
        "submission": f"{EVIL}/a",
        "student": EVIL,
        "lesson": "04",
        "digest": "d",
        "verdicts": verdicts,
        "prose": [EVIL],
        "seconds": 1.0,
    }
    two = one | {
        "submission": "+bob",
        "student": "+bob",
        "lesson": "",
        "verdicts": left,
        "prose": [],
    }
    return {
        "seed": 1,
        "shard": [1, 1],
        "lesson": "",
        "twins": False,
        "trusted": False,
        "course": "c",
        "faults": [EVIL],
        "submissions": [one, two],
    }


def test_what_strangers_wrote_stays_text_in_every_file(tmp_path):
    t.write_all(made_up(), tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 15 and all(path.resolve().is_relative_to(tmp_path) for path in files)
    for path in files:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            assert "<script" not in text and "default-src 'none'" in text
        if path.suffix == ".md":
            assert "<script" not in text and "](" not in text.replace("\\](", "").replace(
                "\\]\\(", ""
            )
        if path.suffix == ".csv":
            for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"))):
                assert not any(
                    cell[:1] in set("=+-@\t") and cell != "-" or "\n" in cell for cell in row
                )
        if path.suffix == ".xml":
            ET.fromstring(text.encode())
        assert "\x1b" not in text or path.suffix == ".json"


def test_the_summary_takes_the_best_of_several_notebooks_and_leaves_open_what_is_not_graded(
    tmp_path,
):
    results = made_up()
    other = json.loads(json.dumps(results["submissions"][0])) | {"submission": "z", "prose": []}
    other["verdicts"][1] |= {"status": "pass", "points": 4}
    results["submissions"].append(other)
    report.write_all(results, tmp_path)
    rows = t.rows(tmp_path / "summary.csv")
    assert [(r["points"], r["out_of"], r["pass"], r["not_graded"]) for r in rows] == [
        ("", "", "0", "1"),
        ("8", "8", "2", "0"),
    ]


def entered(out, points="1.5", out_of="2", comment='très bien; "nice"'):
    """marks.csv as text, with a mark typed in for the one who has prose."""
    text = (out / "marks.csv").read_text(encoding="utf-8-sig")
    typed = ",".join(f'"{cell}"' for cell in (points, out_of, comment.replace('"', '""')))
    return text.replace('"04","","","",', f'"04",{typed},')


def counted(out):
    """Points and reason of every mark that is among the grades."""
    grades = t.rows(out / "grades.csv")
    return [(row["points"], row["reason"]) for row in grades if row["exercise"] == "prose"]


def saved_with(separator):
    def save(text):
        rows, made = csv.reader(io.StringIO(text, newline="")), io.StringIO(newline="")
        csv.writer(made, delimiter=separator).writerows(rows)
        return made.getvalue()

    return save


def reordered(text):
    rows = [row[::-1] for row in csv.reader(io.StringIO(text, newline=""))]
    return "\n".join(
        ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in r) for r in rows
    )


SAVED = {
    "as it is": lambda text: text.encode(),
    "a byte order mark": lambda text: text.encode("utf-8-sig"),
    "01 became 1": lambda text: text.replace('"04"', "4").encode(),
    "a name became a number": lambda text: re.sub(r'\n.*,"04"', "\n1.2E+15,4", text).encode(),
    "semicolons": lambda text: saved_with(";")(text).encode(),
    "tabs in UTF-16": lambda text: saved_with("\t")(text).encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "an old Windows": lambda text: saved_with(";")(text).encode("cp1252", "replace"),
    "a line that names the separator": lambda text: ("sep=;\r\n" + saved_with(";")(text)).encode(),
    "decimal comma": lambda text: text.replace("1.5", "1,5").encode(),
    "decimal comma and semicolons": lambda text: saved_with(";")(text.replace("1.5", "1,5")).encode(
        "cp1252", "replace"
    ),
    "another order": lambda text: reordered(text).encode(),
    "capitals": lambda text: text.replace("points", "Points").encode(),
    "an empty line, old line ends": lambda text: ("\r" + text.replace("\r\n", "\r")).encode(),
}


@pytest.mark.parametrize("kind", SAVED)
def test_marks_count_however_a_spreadsheet_saves_them(tmp_path, kind):
    results = made_up()
    assert t.write_all(results, tmp_path) == [] and counted(tmp_path) == []
    data = (tmp_path / "marks.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") and data.count(b'"') == 2 * 12 + 4
    (tmp_path / "marks.csv").write_bytes(SAVED[kind](entered(tmp_path)))
    for _ in range(2):
        assert t.write_all(results, tmp_path) == []
        assert counted(tmp_path) == [("1.5", 'très bien; "nice"')]
    assert t.rows(tmp_path / "marks.csv")[0]["lesson"] == "04"


def test_marks_in_an_encoding_that_can_only_be_guessed_are_kept_as_they_were_saved(tmp_path):
    results = made_up()
    t.write_all(results, tmp_path)
    data = entered(tmp_path, comment="очень хорошо").encode("cp1251", "replace")
    (tmp_path / "marks.csv").write_bytes(data)
    assert t.write_all(results, tmp_path) == [] and counted(tmp_path)[0][0] == "1.5"
    [kept] = tmp_path.glob("marks_as_saved_*.csv")
    assert kept.read_bytes() == data


@pytest.mark.parametrize(
    ("points", "out_of", "said"),
    [
        ("nan", "2", "'nan', which is no number"),
        ("1", "inf", "'inf', which is no number"),
        ("1e400", "2", "'1e400'"),
        ("5-Jan", "2", "'5-Jan'"),
        ("1_5", "2", "'1_5'"),
        ("3/4", "2", "'3/4'"),
        ("good", "", "'good'"),
        ("1.5", "", "out_of is missing"),
        ("", "2", "points is missing"),
    ],
)
def test_a_mark_that_is_no_number_is_refused_by_name_and_stays(tmp_path, points, out_of, said):
    results = made_up()
    t.write_all(results, tmp_path)
    (tmp_path / "marks.csv").write_text(entered(tmp_path, points, out_of), encoding="utf-8")
    for _ in range(2):
        [complaint] = t.write_all(results, tmp_path)
        assert said in complaint and "<script>" in complaint and "does not count" in complaint
        assert counted(tmp_path) == []
        [row] = t.rows(tmp_path / "marks.csv")
        assert (row["points"], row["out_of"], row["comment"]) == (
            points,
            out_of,
            'très bien; "nice"',
        )


def test_marks_of_another_text_are_kept_beside_said_once_and_come_back(tmp_path):
    results = made_up()
    t.write_all(results, tmp_path)
    (tmp_path / "marks.csv").write_text(entered(tmp_path), encoding="utf-8")
    t.write_all(results, tmp_path)
    changed = json.loads(json.dumps(results))
    changed["submissions"][0]["prose"] = ["other words"]
    gone = results | {"submissions": results["submissions"][1:]}  # as with another --lesson
    for other in (changed, gone):
        [complaint] = t.write_all(other, tmp_path)
        assert "marks_without_a_text.csv" in complaint and counted(tmp_path) == []
        assert t.write_all(other, tmp_path) == []
        assert t.rows(tmp_path / "marks_without_a_text.csv")[0]["points"] == "1.5"
        assert t.write_all(results, tmp_path) == [] and len(counted(tmp_path)) == 1
        assert not (tmp_path / "marks_without_a_text.csv").exists()


def test_what_an_instructor_adds_to_marks_is_kept(tmp_path):
    results = made_up()
    t.write_all(results, tmp_path)
    head, row = entered(tmp_path).splitlines()
    again = row.replace('"1.5"', '"1"')
    lines = ["Marked by Zoë", f"{head},Grader,", f"{row},@ann,see \n there", again, ",,7,9,lost,"]
    (tmp_path / "marks.csv").write_text("\n".join(lines), encoding="utf-8")
    assert "in 3 rows" in t.write_all(results, tmp_path)[0]
    [row] = t.rows(tmp_path / "marks.csv")
    assert row["Grader"] == "@ann" and row["points"] == "1.5" and "see" in row["column 8"]
    kept = t.rows(tmp_path / "marks_without_a_text.csv")
    assert {row["comment"] for row in kept} == {"Marked by Zoë", 'très bien; "nice"', "lost"}


@pytest.mark.parametrize("data", [b"PK\x03\x04 a workbook", b"a,b\n1,2\n", b"\xff\xfe\x00"])
def test_a_file_that_is_no_table_of_marks_is_kept_under_another_name(tmp_path, data):
    results = made_up()
    (tmp_path / "marks.csv").write_bytes(data)
    [complaint] = t.write_all(results, tmp_path)
    [kept] = tmp_path.glob("marks_unread_*.csv")
    assert kept.name in complaint and kept.read_bytes() == data
    assert len(t.rows(tmp_path / "marks.csv")) == 1 and t.write_all(results, tmp_path) == []


def test_marks_that_were_saved_as_a_workbook_are_missed_aloud_and_once(tmp_path):
    results = made_up()
    t.write_all(results, tmp_path)
    (tmp_path / "marks.xlsx").write_bytes(b"PK")
    os.utime(tmp_path / "marks.csv", (1, 1))
    assert t.write_all(results, tmp_path) == ["marks.xlsx is not read: save it as marks.csv"]
    os.utime(tmp_path / "marks.xlsx", (1, 1))
    assert t.write_all(results, tmp_path) == []


def test_marks_that_cannot_be_read_are_not_written_over(tmp_path):
    (tmp_path / "marks.csv").mkdir()
    with pytest.raises(OSError):
        t.write_all(made_up(), tmp_path)


def test_the_exit_code_says_that_a_mark_does_not_count(tmp_path, capsys):
    results = made_up()
    results |= {"faults": [], "submissions": results["submissions"][:1]}
    assert command.finish(results, tmp_path) == 0
    (tmp_path / "marks.csv").write_text(entered(tmp_path, "x"), encoding="utf-8")
    assert command.finish(results, tmp_path) == 3 and "'x'" in capsys.readouterr().err
    part = tmp_path / "part/marks.csv"  # typed into a part, before all were merged
    part.parent.mkdir()
    part.write_text(entered(tmp_path).replace('"x"', '"1.5"'), encoding="utf-8")
    (tmp_path / "marks.csv").unlink()
    assert command.finish(results, tmp_path, [part]) == 0 and len(counted(tmp_path)) == 1


def test_prose_is_what_the_course_did_not_ship():
    notebook = t.blank("01")
    notebook["cells"].insert(
        3, {"cell_type": "markdown", "metadata": {}, "source": "I predict 0.5, since it is a coin."}
    )
    cells = collect.cells_of(json.dumps(notebook).encode())
    assert batch.prose(cells, t.LESSONS["01"]) == ["I predict 0.5, since it is a coin."]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
def test_two_small_arrays_cannot_multiply_into_a_large_one():
    column, row = np.zeros((30000, 1)), np.zeros((1, 30000))
    with batch.modest_memory(), pytest.raises(MemoryError):
        column - row
    assert (column[:3] - row).shape == (3, 30000)


def test_a_course_that_is_installed_beside_the_packages_is_hidden_in_the_box(tmp_path, monkeypatch):
    place = tmp_path / "prefix" / "site-packages"
    (place / "course_utils").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(place)])
    line = sandbox.mounts(tmp_path)
    shown, hidden = line.index(str(tmp_path / "prefix")), line.index(str(place / "course_utils"))
    assert line[hidden - 1] == "--tmpfs" and shown < hidden
    assert str(course.ROOT / "course_utils") not in line and str(course.ROOT) not in line


# --- the report of a class ---


def a_class():
    """Ten people in lesson 01, one of them also in 02: what instructors read about."""
    task = t.LESSONS["01"].tasks[0]

    def one(student, *verdicts, lesson="01", again=False):
        return {
            "submission": f"{student}/{lesson}",
            "student": student,
            "lesson": lesson,
            "digest": "d",
            "verdicts": judge.as_data(list(verdicts)),
            "prose": [],
            "seconds": 1.0,
            "again": again,
        }

    def verdict(status, reason="", known=False, name=task.name):
        return judge.Verdict("1.1", name, 4, status, reason, known)

    name = "it raised NameError: name '{}' is not defined"
    subs = [one(f"s{n}", verdict("pass")) for n in range(3)]
    subs += [one(f"e{n}", verdict("fail", name.format(n))) for n in range(3)]
    subs += [one("Ann Lee", verdict("fail", "only her own mistake"))]
    subs += [one("broken", verdict("not_graded", "it is a web page"))]
    subs += [one("busy", verdict("not_graded", "no memory"), again=True)]
    subs += [one("nobody", judge.Verdict("", "", 0, "not_graded", "no notebook"), lesson="")]
    subs += [one("s0", judge.Verdict("2.1", "cross_entropy", 8, "pass"), lesson="02")]
    return made_up() | {"faults": [], "submissions": subs}


def test_the_report_shows_points_groups_errors_and_leads_to_letters(tmp_path):
    t.write_all(a_class(), tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Points of 7 students, out of 4: mean 1.7, median 0, from 0 to 4." in text
    first, rest = text.split("that only one notebook has</summary>")[:2]
    assert "<td>3</td><td><details><summary>it raised NameError</summary>" in first
    assert "only her own mistake" in rest and "only her own mistake" not in first
    broken, again = text.index("ask the student"), text.index("run the same command again")
    assert broken < text.index("web page") < again < text.index("no memory")
    links = {unquote(found) for found in re.findall('href="(feedback[^"]*)"', text)}
    assert len(links) == 10 - 3 and all((tmp_path / link).is_file() for link in links)
    letters = tmp_path / "feedback"
    assert "check it and hand it in again" in (letters / "broken.md").read_text()
    assert "will be graded again" in (letters / "busy.html").read_text()


@pytest.mark.parametrize("points", [[], [0], [0, 4, 4], [-1, 2.5], [3] * 500, [0.5, 40]])
def test_everybody_is_in_one_column_of_the_distribution(points):
    shown = pages.distribution(points, 4)
    assert sum(map(int, re.findall(r"<div>(\d+)<span", shown))) == len(points)
    assert shown.count("<div>") <= 11


def test_canvas_and_moodle_get_what_they_import(tmp_path):
    t.write_all(a_class(), tmp_path)
    canvas, moodle = (
        list(csv.reader(io.StringIO((tmp_path / name).read_text(encoding="utf-8"))))
        for name in ("canvas.csv", "moodle.csv")
    )
    known = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert canvas[0] == [*known, "Lesson 01", "Lesson 02"]
    assert canvas[1] == ["Points Possible", "", "", "", "", "4", "8"]
    assert ["s0", "", "s0", "s0", "", "4", "8"] in canvas  # no points is no zero
    assert ["busy", "", "busy", "busy", "", "", ""] in canvas and len(canvas) == 2 + 10
    assert moodle[0] == ["Student", "Lesson 01", "Lesson 02"] and len(moodle) == 1 + 10
    assert ["e0", "0", "-"] in moodle and ["busy", "-", "-"] in moodle


def test_a_letter_shows_every_fact_whole_and_text_of_a_student_does_nothing():
    fact = "the same mu and logvar give the same value: no samples are drawn in the function"
    facts = {fact: True, **{f"{fact} {n}": False for n in range(12)}}
    shown = judge.readable(facts)
    assert f"{fact}: yes" in shown and f"{fact} 11: no" in shown
    assert len(judge.readable("x" * 5000)) == 300
    for live in ("see https://a.b", "www.a.b", "$x$", "@ann", "a@b.org", "fixes #12", "![x](y)"):
        assert live not in pages.mark(live)
    for beginning in ("- x", "+ x", "1. x", "---", "=== x", "# x", "> x"):
        assert not pages.mark(beginning).startswith(beginning[:2])


def test_of_several_facts_those_that_differ_are_named():
    case = judge.Case("n = 3", (3,), rtol=0.1)
    wanted, got = (
        {"a rule": True, "a share": 0.5, "a text": "x"},
        {"a rule": False, "a share": 0.52},
    )
    assert judge.differing(wanted, got | {"a text": "x"}, case) == "a rule: no instead of yes"
    for other in ({}, 0.5, Raised(("ValueError",), "x"), wanted):
        assert judge.differing(wanted, other, case) == ""
    assert judge.differing({"one": True}, {"one": False}, case) == ""
    assert merging.EVIDENCE == {*pages.EVIDENCE}


def test_names_of_code_in_a_reason_are_set_as_code_and_nothing_else_is():
    assert pages.words("is there a `return`?") == "is there a <code>return</code>?"
    assert pages.words("`<b>` and `\n`") == "<code>&lt;b&gt;</code> and `\n`"


def test_what_lies_beside_the_letters_stays(tmp_path):
    results = a_class()
    t.write_all(results, tmp_path)
    (tmp_path / "feedback/notes.md").write_text("call Ann")
    t.write_all(results | {"submissions": results["submissions"][:1]}, tmp_path)
    there = {path.name for path in (tmp_path / "feedback").iterdir()}
    assert there == {"notes.md", "s0.md", "s0.html"}
    scores = [path.parent.name for path in (tmp_path / "gradescope").rglob("results.json")]
    assert scores == [report.file_name("s0/01")]


# --- when it cannot grade -------------------------------------------------------------------------


def test_without_a_sandbox_it_refuses_in_one_sentence_and_grades_own_work_on_demand(
    tmp_path, monkeypatch, capsys
):
    place = t.write(tmp_path / "s", {"me": t.solved("01")})
    monkeypatch.setattr(sandbox, "missing", lambda: "there is no sandbox here")
    assert command.main([str(place), "--out", str(tmp_path / "o")]) == 1
    assert capsys.readouterr().err == "there is no sandbox here\n" and not (tmp_path / "o").exists()
    assert command.main([str(place), "--out", str(tmp_path / "o"), "--trusted"]) == 0
    assert {row["status"] for row in t.rows(tmp_path / "o/grades.csv")} == {"pass"}
    assert "without a sandbox" in (tmp_path / "o/report.html").read_text()


def test_why_there_is_no_sandbox(monkeypatch):
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    assert "--trusted" in sandbox.missing() and "docs/grading.md" in sandbox.missing()


@pytest.mark.parametrize("script", ["exit 1", "exec sleep 0", "exec cat >/dev/null", "kill -9 $$"])
@t.needs_sandbox
def test_a_sandbox_that_fails_leaves_everything_ungraded(tmp_path, monkeypatch, script):
    place = t.write(tmp_path / "s", {"me": t.solved("01")})
    fake = tmp_path / "bin" / "bwrap"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sandbox, "missing", lambda: "")
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: str(fake))
    monkeypatch.setattr(sandbox, "START", 2.0)
    assert command.main([str(place), "--out", str(tmp_path / "o")]) == 1
    rows = t.rows(tmp_path / "o/grades.csv")
    assert {row["status"] for row in rows} == {"not_graded"} and {
        row["points"] for row in rows
    } == {""}


@t.needs_sandbox
def test_a_grader_whose_own_answers_fail_grades_nobody(tmp_path, monkeypatch):
    lesson = t.LESSONS["01"]
    monkeypatch.setattr(lesson.tasks[0].exercise.__class__, "wanted", lambda self, case: 42.0)
    assert (
        command.main(
            [str(t.write(tmp_path / "s", {"me": t.solved("01")})), "--out", str(tmp_path / "o")]
        )
        == 1
    )
    assert {row["status"] for row in t.rows(tmp_path / "o/grades.csv")} == {"not_graded"}


@t.needs_sandbox
def test_a_sandbox_that_fails_half_way_is_no_fault_of_the_student(tmp_path, monkeypatch):
    place = t.write(tmp_path / "s", {"ann": t.solved("01"), "bob": t.blank("01")})
    monkeypatch.setattr(selftest, "fault", lambda grader: "")

    def fails(*args, **kwargs):
        raise sandbox.Unusable("no memory for a sandbox")

    monkeypatch.setattr(judge, "Box", fails)
    assert command.main([str(place), "--out", str(tmp_path / "o")]) == 3
    assert set(
        t.statuses(json.loads((tmp_path / "o/results.json").read_text()))["ann"].values()
    ) == {"not_graded"}
    monkeypatch.undo()
    assert command.main([str(place), "--out", str(tmp_path / "o")]) == 0


def test_a_box_that_does_not_start_is_tried_once_more():
    starts = iter([sandbox.Unusable("crowded"), "a box", *[sandbox.Unusable("none")] * 2])

    def make():
        one = next(starts)
        if isinstance(one, Exception):
            raise one
        return one

    assert judge.Boxes(make).living() == "a box"
    with pytest.raises(sandbox.Unusable, match="none"):
        judge.Boxes(make).living()
    assert list(starts) == []


def test_a_full_disk_is_said_and_scores_nothing(tmp_path, monkeypatch, capsys):
    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(batch, "write_text", full)
    monkeypatch.setattr(sandbox, "missing", lambda: "")
    assert (
        command.main([str(t.write(tmp_path / "s", {"me": b"{}"})), "--out", str(tmp_path / "o")])
        == 1
    )
    assert "No space left" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["x"],
        ["x", "--out", "o", "--shard", "4/3", "--seed", "1"],
        ["x", "--out", "x/o"],
        ["x", "--out", "o", "--shard", "1/3"],
        ["x", "--out", "o", "--lesson", "99"],
        ["x", "--out", "o", "--jobs", "0"],
    ],
)
def test_a_wrong_command_line_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2 and "error" in capsys.readouterr().err


def test_a_place_that_is_not_there_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sandbox, "missing", lambda: "")
    assert command.main([str(tmp_path / "nowhere"), "--out", str(tmp_path / "o")]) == 1
    assert "nowhere" in capsys.readouterr().err


# --- twins ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twin_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("private")
    for path in sorted(twins.EXAMPLES.glob("[0-9][0-9]_*.py")):
        assert twins.main(["new", path.name[:2], str(folder)]) == 0
    return folder


def test_every_lesson_has_an_example_of_a_twin(twin_folder):
    lessons = course.lessons(twin_folder)
    assert lessons.keys() == t.LESSONS.keys()
    for lesson in lessons.values():
        for task in lesson.tasks:  # what is handed out says what to write
            [text] = [text for text in lesson.prose if f"### Exercise {task.id} " in text]
            assert len(text.split()) >= 20


def test_twins_are_as_well_made_as_the_exercises(twin_folder, seed):
    for lesson in course.lessons(twin_folder).values():
        for task in lesson.tasks:
            assert len(task.exercise.mutants) >= 5 and len(task.exercise.accepted) >= 3
            accepts_right_and_refuses_wrong(task, task.exercise.mutants, seed)


@t.needs_sandbox
@pytest.mark.parametrize("third", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_the_public_solution_pasted_into_a_twin_scores_nothing(
    twin_folder, tmp_path, monkeypatch, third
):
    monkeypatch.setattr(selftest, "fault", lambda grader: "")  # right answers are among the books
    books = {}
    for number, lesson in [*course.lessons(twin_folder).items()][third::3]:
        for task in lesson.tasks:
            public = next(p for p in t.LESSONS[number].tasks if task.id.startswith(p.id))
            pasted = re.sub(rf"\b{public.name}\b", task.name, public.solution)
            parameters = public.solution.split(")")[0].count(",") + 1
            books |= {
                f"full{number}": t.answers(lesson, {}),
                f"pasted{number}": t.answers(lesson, {task.id: pasted}),
                f"wrapped{number}": t.answers(
                    lesson,
                    {
                        task.id: (
                            f"{public.solution}\n\ndef {task.name}(*args):\n"
                            f"    return {public.name}(*args[:{parameters}])"
                        )
                    },
                ),
            }
    place = t.write(tmp_path / "s", books)
    found = t.statuses(t.run(place, tmp_path / "o", twins=twin_folder))
    for name, by_exercise in found.items():
        assert set(by_exercise.values()) == ({"pass"} if name.startswith("full") else {"fail"}), (
            name
        )


def test_a_twin_is_kept_out_of_the_public_course_and_never_overwritten(twin_folder, capsys):
    assert twins.main(["new", "01", str(course.ROOT / "docs")]) == 1
    assert twins.main(["new", "01", str(twin_folder)]) == 1
    assert twins.main(["new", "99", str(twin_folder)]) == 1
    assert twins.main(["build", str(twin_folder)]) == 0


@pytest.mark.parametrize("secret", [True, False])
def test_no_solution_of_a_twin_enters_a_box_as_text(secret):
    lesson = t.LESSONS["01"]
    first, second, third, _ = lesson.tasks
    grader = object.__new__(judge.Grader)
    grader.lesson, grader.secret = lesson, secret
    cells = [collect.Cell("code", "def normal_logpdf(): own"), collect.Cell("code", "answer")]
    answers = dict.fromkeys([task.id for task in lesson.tasks])
    answers |= {first.id: cells[0].source, third.id: "answer"}
    before = [judge.Verdict(task.id, task.name, 4, "fail") for task in (first, second)]
    given = grader._question(third, cells, answers, before)["given"]
    if secret:
        assert given == {first.name: cells[0].source}
    else:
        assert given == {first.name: first.solution, second.name: second.solution}


SEARCH = """import os, pathlib, re, sys
text, found = re.compile(rb"b must be p[o]sitive, not"), []
for top in {*sys.path, "."}:
    for folder, inner, names in os.walk(top or "."):
        inner[:] = [name for name in inner if name not in ("dist-packages", "site-packages")]
        for path in [pathlib.Path(folder, name) for name in names]:
            if path.suffix in (".py", ".ipynb", ".json", ".pkl", ""):
                found += text.findall(path.read_bytes()) if os.access(path, os.R_OK) else []
with open("/proc/self/mem", "rb", 0) as memory:
    for line in pathlib.Path("/proc/self/maps").read_text().splitlines():
        span, rights = line.split()[:2]
        start, end = (int(part, 16) for part in span.split("-"))
        try:
            memory.seek(start)
            found += text.findall(memory.read(end - start)) if rights[1] == "w" else []
        except (OSError, OverflowError):
            pass

def laplace_logpdf(x, mu, b):
    raise (KeyError if found else LookupError)("looked")
"""


@t.needs_sandbox
def test_a_search_of_memory_and_files_does_not_find_the_answer_of_a_twin(twin_folder, tmp_path):
    """The course's own answer is marked by a sentence. Where the student's answer holds it, too,
    the search finds it.
    """
    lesson = course.lessons(twin_folder)["01"]
    [task] = lesson.tasks
    assert "b must be positive, not" in task.solution
    books = {
        "LookupError": t.answers(lesson, {task.id: SEARCH}),
        "KeyError": t.answers(lesson, {task.id: f"{SEARCH}\nown = 'b must be positive, not'"}),
    }
    place = t.write(tmp_path / "s", books)
    for one in t.run(place, tmp_path / "o", twins=twin_folder)["submissions"]:
        [verdict] = one["verdicts"]
        assert verdict["status"] == "fail" and one["submission"] in json.dumps(verdict)


@pytest.mark.slow
@t.needs_sandbox
@pytest.mark.parametrize("module", ["crash", "forge", "read", "touch"])
def test_no_attack_gains_a_point_for_a_twin(twin_folder, tmp_path, monkeypatch, module):
    monkeypatch.setattr(selftest, "fault", lambda grader: "")
    lesson = course.lessons(twin_folder)["01"]
    [task] = lesson.tasks
    books = {
        name: t.answers(lesson, {task.id: f"{source}\n\n{task.name} = {name}"})
        for name, source in attacks(module).items()
    }
    found = t.statuses(t.run(t.write(tmp_path / "s", books), tmp_path / "o", twins=twin_folder))
    assert [name for name, verdicts in found.items() if "pass" in verdicts.values()] == []
    assert len(found) == len(books)


# --- a room ---------------------------------------------------------------------------------------


@t.needs_sandbox
def test_a_room_counts_people_by_their_best_copy_and_leaves_the_solutions_out(tmp_path, capsys):
    wrong = t.with_answer(
        t.blank("01"),
        t.LESSONS["01"].tasks[0],
        "def normal_logpdf(x, mu, var):\n    return -(x - mu)**2 / (2 * var)",
    )
    homes = t.write(
        tmp_path / "homes",
        {
            f"{name}/course/{place}/01": book
            for name in ("ann", "bob", "cid")
            for place, book in (("solutions", t.solved("01")), ("notebooks", t.blank("01")))
        }
        | {
            "ann/course/my/01": t.solved("01"),
            "bob/course/my/01": wrong,
            "cid/.ipynb_checkpoints/01": t.solved("01"),
            "dan/x": b"{",
        },
    )
    line = [str(homes), "--out", str(tmp_path / "o"), "--lesson", "1", "--once"]
    assert room.main(line) == 0
    first = capsys.readouterr().out.splitlines()[1]
    assert first.startswith("1 of 3 passed 1.1 normal_logpdf; 1: ") and len(first) > 40
    shown = (tmp_path / "o/room.html").read_text(encoding="utf-8")
    assert "1 of 3" in shown and "bob" not in shown
    assert room.main([*line, "--names"]) == 0 and "bob, cid" in (
        tmp_path / "o/room.html"
    ).read_text(encoding="utf-8")


FOOL = "THE TEACHER IS A FOOL"
REASONS = {  # what an answer showed, what was wanted, the reason for the student, for everybody
    "a message": (
        Raised(("ValueError", "Exception"), FOOL),
        1.0,
        f"it raised ValueError: {FOOL}",
        "it raised ValueError",
    ),
    "a class of one's own": (
        Raised((FOOL, "KeyError", "LookupError"), FOOL),
        1.0,
        f"it raised {FOOL}: {FOOL}",
        "it raised KeyError",
    ),
    "a name": (Raised((FOOL,), ""), 1.0, f"it raised {FOOL}", "it raised an exception"),
    "no data": (Raised(("NotData",), FOOL), 1.0, FOOL, "it raised an exception"),
    "text": (FOOL, "x", f"expected x, got {FOOL}", "its result is none of the known wrong ones"),
    "a fact": (
        {"a rule": False, "loss": FOOL},
        {"a rule": True, "loss": 1.0},
        "your answer breaks this rule: a rule",
        "your answer breaks this rule: a rule",
    ),
    "numbers": (2.0, 1.0, "it is twice as large", "it is twice as large"),
}


@pytest.mark.parametrize("kind", REASONS)
def test_a_room_sees_nothing_that_a_student_wrote(kind):
    got, wanted, reason, public = REASONS[kind]
    result = judge.Verdict("1.1", "normal_logpdf", 4, "fail", reason)
    result.public = judge.public(result, got, wanted)
    assert result.public == public
    options = room.parsed(["h", "--out", "o", "--lesson", "01"])
    best = {"1.1 normal_logpdf": {"ann": judge.as_data([result])[0]}}
    assert FOOL not in room.page(best, [], options) + "".join(room.lines(best))
    old = {"ann": {"status": "fail", "reason": FOOL}}  # of an earlier version
    assert FOOL not in "".join(room.lines({"1.1 normal_logpdf": old}))


def test_of_what_went_wrong_around_an_answer_a_room_sees_the_class():
    def told(reason):
        return judge.for_all({"reason": reason})

    for reason in ("NameError: name 'FOOL' is not defined", "FOOL", "FOOL: x", "took FOOL"):
        assert "FOOL" not in told(reason)
    late = "it was still running after 5 seconds: is there a loop without an end?"
    assert told("NameError: FOOL") == "it raised NameError"
    assert told(late) == late and told(f"FOOL {late}") != late


def test_a_room_goes_on_when_a_look_fails(tmp_path, monkeypatch, capsys):
    looks = iter([OSError("the disk is full"), KeyboardInterrupt()])

    def fails(run):
        raise next(looks)

    monkeypatch.setattr(batch, "grade", fails)
    monkeypatch.setattr(sandbox, "missing", lambda: "")
    monkeypatch.setattr(room.time, "sleep", lambda seconds: None)
    with pytest.raises(KeyboardInterrupt):
        room.main([str(tmp_path / "h"), "--out", str(tmp_path / "o"), "--lesson", "01"])
    assert "the disk is full" in capsys.readouterr().out


def test_a_room_wants_a_lesson_that_exists_and_an_out_that_nobody_reads(tmp_path, capsys):
    for line in (
        ["--out", str(tmp_path / "o"), "--lesson", "77"],
        ["--out", str(tmp_path / "h/o"), "--lesson", "01"],
    ):
        with pytest.raises(SystemExit):
            room.main([str(tmp_path / "h"), *line])
        assert "no exercises" in (said := capsys.readouterr().err) or "inside HOMES" in said


@t.needs_sandbox
def test_the_same_file_is_graded_once(tmp_path):
    results = t.run(
        t.write(tmp_path / "s", {f"s{n}": t.blank("01") for n in range(30)}), tmp_path / "o"
    )
    assert len({json.dumps(r["verdicts"]) for r in results["submissions"]}) == 1
    assert len(list((tmp_path / "o/verdicts").glob("*.json"))) == 1


# --- damage ---------------------------------------------------------------------------------------


def damaged(notebook, rng):
    """The notebook with some cells inserted, deleted, moved, retyped, stripped; the answers' text
    stays.
    """
    cells = [json.loads(json.dumps(cell)) for cell in notebook["cells"]]
    is_answer = [
        any(tag.startswith("exercise:") for tag in cell["metadata"].get("tags", []))
        for cell in cells
    ]
    kept = [
        cell
        for cell, answer in zip(cells, is_answer, strict=True)
        if answer or rng.random() > rng.choice([0, 0.2, 0.9])
    ]
    for cell in kept:
        if rng.random() < 0.3:
            cell["metadata"] = {}
        elif rng.random() < 0.1 and not any(
            tag.startswith("exercise:") for tag in cell["metadata"].get("tags", [])
        ):
            cell["cell_type"] = rng.choice(["raw", "markdown", "code"])
        cell["source"] = "".join(cell["source"]) if rng.random() < 0.5 else cell["source"]
    for _ in range(rng.randrange(6)):
        junk = rng.choice(
            [
                "x = 1",
                "def broken(",
                "import os",
                "# TODO",
                "while True: pass",
                "%ls",
                "np = None" if False else "1/0",
            ]
        )
        kept.insert(rng.randrange(len(kept) + 1), t.code(junk))
    if rng.random() < 0.5:
        rng.shuffle(kept)
    for key in ("metadata", "nbformat", "nbformat_minor"):
        if rng.random() < 0.2:
            notebook = {k: v for k, v in notebook.items() if k != key}
    return notebook | {"cells": kept}


def grade_damaged(count, tmp_path):
    base, books = t.solved("01"), {}
    for n in range(count):
        rng = random.Random(n)
        data = json.dumps(damaged(base, rng)).encode()
        whole = rng.random() < 0.8
        at = rng.randrange(10, len(data) - 10)
        books[f"{'whole' if whole else 'broken'}{n}"] = (
            data if whole else data[:at] + rng.choice([b"", b'"]}'])
        )
    results = t.run(t.write(tmp_path / "s", books), tmp_path / "o")
    for one in results["submissions"]:
        due = "pass" if one["submission"].startswith("whole") else "not_graded"
        assert {verdict["status"] for verdict in one["verdicts"]} == {due}, one


@t.needs_sandbox
def test_damage_around_the_answers_costs_nothing(tmp_path):
    grade_damaged(20, tmp_path)


@pytest.mark.slow
@t.needs_sandbox
def test_damage_around_the_answers_costs_nothing_two_hundred_times(tmp_path):
    grade_damaged(200, tmp_path)


# --- as a command ---------------------------------------------------------------------------------


@pytest.fixture
def heard():
    """A suite that was started in the background ignores Ctrl-C, and so would what it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@t.needs_sandbox
def test_ctrl_c_stops_at_once_leaves_nothing_running_and_the_next_run_goes_on(tmp_path, heard):
    sleepy = "def normal_logpdf(x, mu, var):\n    import time\n    time.sleep(1000)"
    place = t.write(
        tmp_path / "s",
        {f"s{n}": t.answers(t.LESSONS["01"], {"1.1": sleepy + f"\n# {n}"}) for n in range(8)},
    )
    line = [
        sys.executable,
        "-m",
        "grading",
        str(place),
        "--out",
        str(tmp_path / "o"),
        "--jobs",
        "2",
    ]
    process = subprocess.Popen(
        line, cwd=course.ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    while not list((tmp_path / "o").glob("verdicts/*")) and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130 and b"goes on" in process.stderr.read()
    done = len(list((tmp_path / "o/verdicts").glob("*.json")))
    assert 1 <= done < 8
    for _ in range(100):
        if not t.leftovers():
            break
        time.sleep(0.1)
    assert not t.leftovers()
