"""`python -m tools new-exercise` on a copy: its draft runs in every lesson, and what it refuses."""

import importlib.util
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from course_utils.asking.ask import Ask
from course_utils.checks import exercises
from course_utils.checks.exercise import observe
from course_utils.checks.judging import verdict
from tests.lessons import NUMBERS, ROOT, SOURCES
from tools import new_exercise
from tools.build import taught
from tools.source import read

NAME = "mean_square"


def next_id(number):
    return f"{int(number)}.{len(exercises(int(number))) + 1}"


LAST = list(exercises(4).values())[-1]
KEY = next_id(4)


@pytest.fixture
def copy(tmp_path):
    """The files that a draft is written into."""
    shutil.copytree(ROOT / "lessons", tmp_path / "lessons")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)  # what ruff is told
    for number in NUMBERS:
        folder = tmp_path / f"course_utils/lesson{number}"
        folder.mkdir(parents=True)
        for path in (ROOT / f"course_utils/lesson{number}").glob("*.py"):
            shutil.copy(path, folder)
    return tmp_path


def loaded(path):
    """The exercises of a module that is not the installed one."""
    spec = importlib.util.spec_from_file_location("draft", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.EXERCISES


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_draft_runs_in_every_lesson(copy, source, capsys):
    number = source.stem[:2]
    key = next_id(number)
    assert new_exercise.main([key, NAME], copy) == 0
    assert f"-k {key}" in capsys.readouterr().out
    *others, draft = loaded(copy / f"course_utils/lesson{number}/exercises.py")
    assert [e.id for e in others] == list(exercises(int(number)))
    assert (draft.id, draft.name) == (key, NAME)
    assert len(draft.mutants) >= 5 and len(draft.accepted) >= 3
    for answer in (*draft.accepted.values(), solution(copy, source)):
        outcome = judged(draft, answer)
        assert (outcome.status, outcome.hint) == ("pass", "")
    for mutant in draft.mutants.values():
        outcome = judged(draft, mutant.answer)
        assert (outcome.status, outcome.hint) == ("fail", mutant.hint)
    ruff(copy / "lessons" / source.name, copy / f"course_utils/lesson{number}/exercises.py")


def ruff(*paths):
    """The formatter and the linter find nothing in these files."""
    for rules in (["format", "--check"], ["check", "--extend-ignore", "B,E402,E501,I"]):
        command = [sys.executable, "-m", "ruff", *rules, "--no-cache", *paths]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def judged(exercise, answer):
    """The verdict on an answer to an exercise that the installed course does not have."""
    cases = exercise.draw(np.random.default_rng(0))
    want = [exercise.wanted(case) for case in cases]
    return verdict(exercise, cases, want, [observe(Ask(answer), case) for case in cases], False)


def solution(copy, source):
    """The draft's function, out of the module that later lessons import."""
    text = taught(source, read(copy / "lessons" / source.name))
    names: dict = {}
    exec(text[text.index(f"def {NAME}") :], names)
    return names[NAME]


def test_the_draft_is_where_it_says_at_the_end_of_the_studio(copy, capsys):
    assert new_exercise.main([KEY, NAME], copy) == 0
    for line in capsys.readouterr().out.splitlines()[:2]:
        path, number, _ = line.split(":")
        text = (copy / path).read_text(encoding="utf-8").splitlines()[int(number) - 1 :]
        assert KEY in "".join(text[:2]) and any("TODO" in row for row in text[:6])
    cells = read(copy / "lessons/04_autoencoder_to_vae.py")
    place = next(i for i, cell in enumerate(cells) if f"`{NAME}`" in cell.source)
    assert cells[place + 4].source.startswith(new_exercise.CLOSING)
    assert all("studio" in cell.tags for cell in cells[place : place + 4])


@pytest.mark.slow
def test_a_draft_passes_the_tests_of_exercises(tmp_path):
    """All of an author's first minute: the command, the build, the tests of this one exercise."""
    for name in ("course_utils", "lessons", "tests", "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, tmp_path)
    assert new_exercise.main([KEY, NAME], tmp_path) == 0
    source = tmp_path / "lessons/04_autoencoder_to_vae.py"
    (tmp_path / "course_utils/lesson04/taught.py").write_text(
        taught(source, read(source)), encoding="utf-8"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/test_exercises.py", "-k", KEY],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("key", "name", "reason"),
    [
        (KEY, "2nd", "'2nd' cannot name a function"),
        (KEY, "meanSquare", "'meanSquare' cannot name a function"),
        (KEY, "lambda", "'lambda' cannot name a function"),
        (KEY, "", "'' cannot name a function"),
        (KEY, LAST.name, f"lesson 4 uses the name {LAST.name} already"),
        (KEY, "torch", "lesson 4 uses the name torch already"),
        (KEY, "sum", "lesson 4 uses the name sum already"),
        (KEY, "taught", "lesson 4 uses the name taught already"),
        (LAST.id, NAME, f"the next exercise of lesson 4 is {KEY}, not {LAST.id}"),
        ("4.9", NAME, f"the next exercise of lesson 4 is {KEY}, not 4.9"),
        ("11.1", NAME, "there is no lesson 11: there are 01, 02,"),
        ("0.1", NAME, "there is no lesson 00"),
        ("four", NAME, "an exercise id looks like 4.6, not four"),
        ("04_autoencoder", NAME, "an exercise id looks like 4.6"),
        ("../4.6", NAME, "an exercise id looks like 4.6"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(copy, capsys, key, name, reason):
    before = texts(copy)
    assert new_exercise.main([key, name], copy) == 1
    message = capsys.readouterr().err
    assert reason in message and message.count("\n") == 1 and texts(copy) == before


def texts(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.py")}


def test_a_name_that_the_checks_need_is_refused(copy, capsys):
    with open(copy / "course_utils/lesson04/exercises.py", "a", encoding="utf-8") as file:
        file.write(f"{NAME.upper()} = 1\n")
    assert new_exercise.main([KEY, NAME], copy) == 1
    assert f"uses the name {NAME.upper()} or one like it already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "old", "reason"),
    [
        ("lessons/04_autoencoder_to_vae.py", "# ## Where we are now", "has no closing cell"),
        ("course_utils/lesson04/exercises.py", "EXERCISES = [", "has no list `EXERCISES"),
    ],
)
def test_a_lesson_without_a_place_for_it_is_refused(copy, capsys, path, old, reason):
    text = (copy / path).read_text(encoding="utf-8")
    (copy / path).write_text(text.replace(old, old.replace("E", "F").replace("W", "V")), "utf-8")
    before = texts(copy)
    assert new_exercise.main([KEY, NAME], copy) == 1
    assert reason in capsys.readouterr().err and texts(copy) == before


def test_no_draft_is_left_in_the_course():
    for path in (*SOURCES, *ROOT.glob("course_utils/lesson*/exercises.py")):
        assert "TODO" not in path.read_text(encoding="utf-8"), f"{path} holds a draft"
