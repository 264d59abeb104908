"""Lessons as a whole: studio deletable, numbers measured, budgets current."""

import ast
import json
import re

import pytest

from course_utils import __version__, runtime
from course_utils.platform import colab
from tests.lessons import ROOT, SOURCES, STEMS
from tools import build
from tools.build import setup_cell
from tools.measure.notebooks import lesson_hash
from tools.render import Facts
from tools.run_lesson import run
from tools.source import read

LESSONS = pytest.mark.parametrize("source", SOURCES, ids=STEMS)


@LESSONS
def test_no_cell_of_the_core_comes_after_one_of_the_studio(source):
    """So Run All, which nbval does, is also a run of the lesson without its studio."""
    studio = ["studio" in cell.tags for cell in read(source) if cell.kind == "code"]
    assert any(studio) and studio == sorted(studio)


@pytest.mark.slow
@LESSONS
def test_deleting_every_studio_cell_leaves_the_lesson_running(source):
    run(ROOT, source, without=("studio", "solved"), COURSE_PROFILE="smoke")


@LESSONS
def test_budgets_are_recorded_current_and_kept(source):
    budget = json.loads((ROOT / "tools/measure/budgets.json").read_text(encoding="utf-8"))[
        source.stem
    ]
    assert budget["code"] == lesson_hash(source), (
        "measure again: python -m tools measure notebooks " + source.stem[:2]
    )
    assert (
        budget["seconds"] <= (90 if source.stem < "05" else 180) and budget["smoke_seconds"] <= 20
    )
    assert budget["slowest_cell_seconds"] <= 60
    assert max(budget["peak_mb"], budget["smoke_peak_mb"]) <= 1024


@LESSONS
def test_every_number_of_a_lesson_is_measured_over_five_seeds(source):
    numbers = json.loads((ROOT / "course_utils/numbers.json").read_text(encoding="utf-8"))
    text = source.read_text(encoding="utf-8")
    mine = {key: entry for key, entry in numbers.items() if key.startswith(source.stem[:2] + ".")}
    assert mine and all(f'"{key}"' in text for key in mine)
    for entry in mine.values():
        assert (
            entry["label"]
            and entry["low"] <= entry["value"] <= entry["high"]
            and len(entry["seeds"]) >= 5
        )
        assert entry["device"] == "cpu" and entry["torch"]


@pytest.fixture
def pip(monkeypatch):
    """What the set-up cell asks pip to do, without doing it."""
    import subprocess

    calls = []
    monkeypatch.setattr(subprocess, "check_call", calls.append)
    return calls


def test_the_set_up_cell_does_nothing_and_shows_nothing_where_the_course_is_installed(pip, capsys):
    for _ in range(2):
        *statements, last = ast.parse(setup_cell(Facts(ROOT))).body
        names: dict = {}
        exec(compile(ast.Module(statements, []), "cell", "exec"), names)
        # what Jupyter would show below the cell
        assert eval(compile(ast.Expression(last.value), "cell", "eval"), names) is None
    assert pip == [] and capsys.readouterr() == ("", "")


def test_the_set_up_cell_installs_the_course_and_nothing_else_where_it_is_missing(pip, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(setup_cell(Facts(ROOT)), {})
    assert (
        pip[0][1:4] == ["-m", "pip", "install"]
        and "--no-deps" in pip[0]
        and pip[0][-1].startswith(Facts(ROOT).repository)
    )
    monkeypatch.setenv("COURSE_SOURCE", "course.whl")
    exec(setup_cell(Facts(ROOT)), {})
    assert pip[1][-1] == "course.whl"


@pytest.mark.parametrize(
    ("version", "revision"), [("2026.2", "tags/v2026.2"), ("2026.2.dev0", "heads/main")]
)
def test_the_set_up_cell_installs_the_version_that_the_notebook_was_made_from(
    monkeypatch, version, revision
):
    """A release's notebook installs its tag; only one from between releases installs main."""
    monkeypatch.setattr(build, "__version__", version)
    cell = setup_cell(Facts(ROOT))
    assert re.findall(r"/archive/refs/(\S+)\.zip", cell) == [revision]
    assert f'set_up("{version}"' in cell


@pytest.mark.parametrize("host", [True, False])
def test_the_set_up_cell_says_in_one_sentence_that_another_version_is_installed(
    pip, monkeypatch, capsys, host
):
    monkeypatch.setattr(colab, "on_a_host", lambda: host)
    monkeypatch.setattr(colab, "required", lambda: [])
    exec(setup_cell(Facts(ROOT)).replace(__version__, "1999.1"), {})
    message = capsys.readouterr().out
    assert "version 1999.1" in message and f"version {__version__} is installed" in message
    assert message.count("\n") == 1 and message.endswith(".\n")
    assert ("delete this runtime" if host else "install 1999.1") in message and pip == []


def test_the_set_up_cell_names_what_a_lesson_can_use_beyond_the_course():
    facts = Facts(ROOT)
    for number, about in facts.lessons.items():
        named = ", ".join(f'"{name}"' for name in [__version__, *about.get("packages", [])])
        assert setup_cell(facts, number).endswith(f"colab.set_up({named})")


@pytest.mark.parametrize("stem", STEMS)
def test_the_set_up_cell_is_short_and_folded_and_the_notebook_knows_its_version(stem):
    notebook = json.loads((ROOT / f"notebooks/{stem}.ipynb").read_text(encoding="utf-8"))
    [cell] = [c for c in notebook["cells"] if "setup" in c["metadata"].get("tags", [])]
    title, *lines = filter(str.strip, cell["source"])
    assert title.startswith("# @title Set-up") and len(lines) <= 9
    assert cell["metadata"]["cellView"] == "form"
    assert cell["metadata"]["jupyter"] == {"source_hidden": True}
    assert notebook["metadata"]["course"] == {"version": __version__}


def test_the_ranges_a_course_finds_are_those_that_were_measured():
    numbers = json.loads((ROOT / "course_utils/numbers.json").read_text(encoding="utf-8"))
    assert all(runtime.expected_range(key) == entry for key, entry in numbers.items())
