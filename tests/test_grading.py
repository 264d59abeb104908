"""The grader on honest notebooks: verdicts, reports, resuming, shards, twins, and what it says when
it cannot grade.
"""

import csv
import io
import json
import random
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
import zipfile

import numpy as np
import pytest
import torch  # noqa: F401  as in every notebook

from course_utils.asking import serialization
from course_utils.asking.ask import Ask, Seed, TensorArg
from course_utils.checks.exercise import observe
from grading import __main__ as command
from grading import batch, collect, course, judge, pages, report, room, sandbox, selftest, twins
from tests import grading as t
from tests.hostile import broken, right

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
        tmp_path / "s", {"ann": t.blank("01"), "bob/hand in/work": t.blank("01"), ".hidden/x": b"x"}
    )
    (place / "cat.zip").write_bytes(
        zipped({"01.ipynb": "{}", "__MACOSX/01.ipynb": "x", "notes.txt": "x"})
    )
    (place / "dan.zip").write_bytes(zipped({"inner.zip": zipped({"a/b.ipynb": "{}"})}))
    found = collect.submissions(place)
    assert [s.name for s in found] == ["ann", "bob/hand in/work", "cat/01", "dan/inner/a/b"]
    assert [s.student for s in found] == ["ann", "bob", "cat", "dan"]


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
    found = {s.name: s.broken for s in collect.submissions(tmp_path / "s")}
    assert {"x/etc/a", "x/abs/b", "x/c", "x/bomb", "x/link"} <= found.keys()
    assert "larger" in found["x/bomb"] and "link" in found["x/link"] and found["y"] and found["z"]
    assert "not opened" in found["q/1/2/3"]
    assert not any("\x1b" in name or ".." in name for name in found)


def test_links_pipes_and_equal_names_are_harmless(tmp_path):
    place = t.write(tmp_path / "s", {"ann": b"{}", "Ann": b"{} "})
    secret = tmp_path / "secret.ipynb"
    secret.write_text("{}")
    (place / "link.ipynb").symlink_to(secret)
    (place / "folder").symlink_to(tmp_path)
    import os

    os.mkfifo(place / "pipe.ipynb")
    found = {s.name: s.broken for s in collect.submissions(place)}
    assert len(found) == 4 and found["link"] and found["pipe"]
    assert len({report.file_name(name).casefold() for name in found}) == 4


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
    report.write_all(made_up(), tmp_path)
    pages.write_all(made_up(), tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 13 and all(path.resolve().is_relative_to(tmp_path) for path in files)
    for path in files:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            assert "<script" not in text and "default-src 'none'" in text
        if path.suffix == ".md":
            assert "<script" not in text and "](" not in text.replace("\\](", "").replace(
                "\\]\\(", ""
            )
        if path.suffix == ".csv":
            for row in csv.reader(io.StringIO(text)):
                assert not any(
                    cell[:1] in ("=", "+", "-", "@", "\t") or "\n" in cell for cell in row
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


def test_marks_for_prose_go_into_the_same_table_and_stay(tmp_path):
    results = made_up()
    report.write_all(results, tmp_path)
    lines = t.rows(tmp_path / "marks.csv")
    assert len(lines) == 1 and not any(
        row["exercise"] == "prose" for row in t.rows(tmp_path / "grades.csv")
    )
    lines[0] |= {"points": "3.5", "out_of": "5", "comment": "@well seen"}
    report.write_text(
        tmp_path / "marks.csv",
        report.as_csv(report.MARKS, [[r[k] for k in report.MARKS] for r in lines]),
    )
    for _ in range(2):
        report.write_all(results, tmp_path)
        (row,) = [row for row in t.rows(tmp_path / "grades.csv") if row["exercise"] == "prose"]
        assert (row["points"], row["out_of"], row["status"], row["reason"]) == (
            "3.5",
            "5",
            "fail",
            "'@well seen",
        )
    results["submissions"][0]["prose"] = ["other words"]
    report.write_all(results, tmp_path)
    assert not any(row["exercise"] == "prose" for row in t.rows(tmp_path / "grades.csv"))


def test_prose_is_what_the_course_did_not_ship():
    notebook = t.blank("01")
    notebook["cells"].insert(
        3, {"cell_type": "markdown", "metadata": {}, "source": "I predict 0.5, since it is a coin."}
    )
    one = collect.read("x", json.dumps(notebook).encode())
    assert batch.prose(one, t.LESSONS["01"]) == ["I predict 0.5, since it is a coin."]


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
    found = t.statuses(t.run(t.write(tmp_path / "s", books), tmp_path / "o"))
    for name, by_exercise in found.items():
        assert set(by_exercise.values()) == (
            {"pass"} if name.startswith("whole") else {"not_graded"}
        ), name


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
