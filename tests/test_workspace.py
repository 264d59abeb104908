"""The learner's notebooks survive every update: merging on random edits, writing with a kill at
every step.
"""

import copy
import json
import os
import random
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings, strategies

from course_utils.platform import workspace
from course_utils.platform.workspace import cell_id, is_touched, merge, refresh

ROOT = Path(__file__).resolve().parent.parent


# --- notebooks to play with -----------------------------------------------------------------------


def shipped(*sources: str) -> dict:
    """A notebook as the builder makes it: 'text' is a code cell, '#text' Markdown, '1.1 text' an
    exercise.
    """
    seen, cells = Counter(), []
    for source in sources:
        kind = "markdown" if source.startswith("#") else "code"
        name = cell_id(kind, source)
        seen[name] += 1
        cell = {
            "cell_type": kind,
            "id": name + (f"-{seen[name]}" if seen[name] > 1 else ""),
            "metadata": {},
        }
        if source[:1].isdigit():
            cell["metadata"] = {"tags": [f"exercise:{source.split()[0]}", "points:4"]}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell | {"source": source})
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "shipped": [cell["id"] for cell in cells],
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def own(source: str, name: str | None = None) -> dict:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name or f"{random.getrandbits(64):016x}-own",
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def edited(notebook: dict, changes: dict[int, str]) -> dict:
    notebook = copy.deepcopy(notebook)
    for i, source in changes.items():
        notebook["cells"][i]["source"] = source
    return notebook


def with_own(notebook: dict, at: int, source: str) -> dict:
    notebook = copy.deepcopy(notebook)
    notebook["cells"].insert(at, own(source))
    return notebook


def texts(notebook: dict) -> list[str]:
    return [workspace._text(cell) for cell in notebook["cells"]]


# --- merging --------------------------------------------------------------------------------------


def test_nothing_happens_to_a_notebook_that_is_up_to_date():
    new = shipped("#a", "b", "b", "1.1 stub")
    assert merge(new, new) == new


def test_cells_left_alone_are_refreshed_and_vanished_ones_vanish():
    old, new = shipped("#a", "b", "1.1 stub", "c"), shipped("#A!", "1.1 better stub", "c", "d")
    assert merge(new, old) == new


def test_an_answer_moves_to_the_changed_exercise():
    old = edited(shipped("#a", "1.1 stub", "1.2 stub"), {1: "my answer"})
    old["cells"][1] |= {
        "execution_count": 3,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "7"}],
    }
    new = shipped("#b", "1.2 stub", "1.1 another stub")
    merged = merge(new, old)
    assert texts(merged) == ["#b", "1.2 stub", "my answer"]
    cell = merged["cells"][2]
    assert (cell["id"], cell["metadata"], cell["execution_count"]) == (
        new["cells"][2]["id"],
        new["cells"][2]["metadata"],
        3,
    )
    assert cell["outputs"] == old["cells"][1]["outputs"]


def test_an_edited_cell_keeps_its_place_and_runs_before_its_correction():
    words = "one two three four five six"
    old = edited(
        shipped("#a", f"x {words}", f"y {words}", "z"), {1: f"x {words} mine", 2: f"y {words} mine"}
    )
    new = shipped("#a", f"x {words}", f"y {words} news", "z")
    assert texts(merge(new, old)) == [
        "#a",
        f"x {words} mine",
        f"y {words} mine",
        f"y {words} news",
        "z",
    ]


def test_own_cells_stay_behind_their_neighbor_even_when_it_is_reworded():
    old = with_own(
        with_own(with_own(shipped("#one two three four", "b", "c"), 3, "end"), 1, "note"), 0, "top"
    )
    new = shipped("#one two three FOUR", "b", "d")
    assert texts(merge(new, old)) == ["top", "#one two three FOUR", "note", "b", "end", "d"]


def test_the_answer_to_a_vanished_exercise_stays_and_returns_to_it():
    old = edited(shipped("#a", "1.1 stub", "b"), {1: "my answer"})
    without = merge(shipped("#a", "b"), old)
    assert texts(without) == ["#a", "my answer", "b"]
    assert texts(merge(shipped("#a", "b", "1.1 new stub"), without)) == ["#a", "b", "my answer"]


def test_an_answer_written_into_a_pasted_copy_of_the_stub_counts():
    old = shipped("1.1 stub", "b")
    old["cells"].insert(1, copy.deepcopy(old["cells"][0]) | {"id": "pasted", "source": "my answer"})
    assert texts(merge(shipped("1.1 stub", "b"), old)) == ["my answer", "b"]


def test_of_two_answers_the_one_in_the_exercise_cell_counts_and_both_stay():
    old = edited(shipped("1.1 stub", "b"), {0: "first"})
    old["cells"].insert(0, copy.deepcopy(old["cells"][0]) | {"id": "pasted", "source": "second"})
    assert texts(merge(shipped("1.1 stub", "b"), old)) == ["second", "first", "b"]


def test_an_exercise_turned_into_text_stays_and_the_exercise_returns():
    old = edited(shipped("1.1 stub", "b"), {0: "a thought"})
    old["cells"][0]["cell_type"] = "markdown"
    merged = merge(shipped("1.1 stub", "b"), old)
    assert sorted(texts(merged)) == ["1.1 stub", "a thought", "b"]
    assert len({cell["id"] for cell in merged["cells"]}) == 3


def test_outputs_and_marks_of_the_front_end_stay_and_tags_come_from_the_course():
    new = shipped("b", "c")
    old = copy.deepcopy(new)
    old["cells"][0] |= {
        "execution_count": 5,
        "outputs": ["kept"],
        "source": ["b"],
        "metadata": {"collapsed": True},
    }
    new["cells"][0]["metadata"]["tags"] = ["export"]
    cell = merge(new, old)["cells"][0]
    assert (cell["execution_count"], cell["outputs"]) == (5, ["kept"])
    assert cell["metadata"] == {"collapsed": True, "tags": ["export"]}


def test_notebook_metadata_comes_from_the_course():
    new, old = shipped("b"), shipped("b")
    old["metadata"] = {"kernelspec": {"name": "other"}}
    assert merge(new, old)["metadata"] == new["metadata"]


def source_becomes(change):
    return lambda cell, i: cell.update(source=change(workspace._text(cell)))


FRONT_ENDS = {  # what a program does to every cell that it saves
    "ids dropped": lambda cell, i: cell.pop("id", None),
    "ids renewed": lambda cell, i: cell.update(id=f"{i:08x}"),
    "ids and tags dropped": lambda cell, i: (cell.pop("id", None), cell.update(metadata={})),
    "line ends of Windows": source_becomes(lambda text: text.replace("\n", "\r\n")),
    "line ends of old Macs": source_becomes(lambda text: text.replace("\n", "\r")),
    "final newline": source_becomes(lambda text: text + "\n"),
    "no final newline": source_becomes(lambda text: text.rstrip("\n")),
    "trailing spaces": source_becomes(lambda text: text.replace("\n", "  \n") + " "),
    "accents in two parts": source_becomes(lambda text: unicodedata.normalize("NFD", text)),
}
FIRST = ("#a é\nb", "x = 1\ny = 2\n", "same", "same", "1.1 stub\nof it", "1.2 stub of that")
SECOND = (*FIRST[:1], "x = 1\ny = 3\n", *FIRST[2:4], "1.1 stub\nof it, clearer", FIRST[5])


def saved_by(notebook: dict, *programs: str) -> dict:
    notebook = copy.deepcopy(notebook)
    for program in programs:
        for i, cell in enumerate(notebook["cells"]):
            FRONT_ENDS[program](cell, i)
    return notebook


@pytest.mark.parametrize("program", FRONT_ENDS)
@pytest.mark.parametrize("also", ["no final newline", "ids dropped", "line ends of Windows"])
def test_what_a_front_end_changes_by_itself_is_not_the_learners(program, also):
    programs = {program: None, also: None}
    untouched, new = saved_by(shipped(*FIRST), *programs), shipped(*SECOND)
    assert merge(new, untouched) == new
    answered = saved_by(edited(shipped(*FIRST), {5: "1.2 stub of mine"}), *programs)
    assert texts(merge(new, answered)) == [*SECOND[:5], texts(answered)[5]]


@pytest.mark.parametrize("program", ["ids dropped", "ids renewed"])
def test_without_ids_an_edit_keeps_its_place_and_a_copy_stays(program):
    old = with_own(edited(shipped("#a", "b c d", "e"), {1: "b c d mine"}), 3, "e")
    new = shipped("#A", "b c d", "e")
    assert texts(merge(new, saved_by(old, program))) == ["#A", "b c d mine", "e", "e"]


def random_course(rng: random.Random, before: dict | None = None) -> dict:
    """A course notebook, or its next version: cells reworded, removed, added, moved."""
    words = [
        "loss",
        "model",
        "sample",
        "noise",
        "latent",
        "mean",
        "digit",
        "train",
        "draw",
        "score",
    ]
    kinds = ["#", "", "", *(f"1.{k} " for k in range(1, 5))]
    sources = texts(before) if before else []
    for _ in range(rng.randint(1, 6) if before else 12):
        change = rng.choice(["add", "add", "remove", "reword", "move"] if sources else ["add"])
        at = rng.randrange(len(sources) + (change == "add"))
        if change == "add":
            sources.insert(
                at, rng.choice(kinds) + " ".join(rng.choices(words, k=rng.randint(1, 6)))
            )
        elif change == "reword":
            sources[at] += " " + rng.choice(words)
        else:
            taken = sources.pop(at)
            sources.insert(rng.randint(0, len(sources)), taken) if change == "move" else None
    tags, kept = set(), []
    for source in sources:  # an exercise exists once
        tag = source.split()[0] if source[:1].isdigit() else None
        kept += [] if tag in tags else [source]
        tags |= {tag} - {None}
    return shipped(*kept)


def random_learner(rng: random.Random, notebook: dict, count: int) -> dict:
    """What a learner may do to a notebook: edit, add, delete, move, paste a copy, change a type,
    clear ids.
    """
    notebook = copy.deepcopy(notebook)
    cells = notebook["cells"]
    for step in range(count):
        change = rng.choice(
            ["edit", "edit", "own", "own", "delete", "move", "paste", "type", "id", "renew"]
        )
        at = rng.randrange(len(cells) + 1)
        cell = cells[min(at, len(cells) - 1)] if cells else None
        if change == "own" or cell is None:
            cells.insert(
                at,
                own(
                    f"mine {rng.random()} {step}", rng.choice([None, f"{rng.getrandbits(32):08x}"])
                ),
            )
        elif change == "edit":
            cell["source"] = [f"edited {rng.random()}\n", *workspace._text(cell).splitlines(True)]
        elif change in ("delete", "move"):
            cells.remove(cell)
            cells.insert(rng.randint(0, len(cells)), cell) if change == "move" else None
        elif change == "paste":
            cells.insert(at, copy.deepcopy(cell) | {"id": f"{rng.getrandbits(32):08x}"})
        elif change == "renew":
            for each in cells:
                each["id"] = f"{rng.getrandbits(32):08x}"
        elif change == "type":
            cell["cell_type"] = rng.choice(["code", "markdown", "raw"])
        else:
            cell["id"] = rng.choice(cells)["id"]
    return notebook


def kept_as_promised(merged: dict, new: dict, old: dict) -> None:
    """Nothing that the learner touched is lost or doubled, and what they did not touch is the
    course's.
    """
    ids = [cell["id"] for cell in merged["cells"]]
    assert len(set(ids)) == len(ids)
    course = Counter(
        (cell["cell_type"], text) for cell, text in zip(new["cells"], texts(new), strict=True)
    )
    cells = workspace._with_lost_ids(new, old)  # what looks touched only for its id is not
    wanted = Counter(
        (c["cell_type"], t) for c, t in zip(cells, texts(old), strict=True) if is_touched(c)
    )
    found = Counter(
        (c["cell_type"], t) for c, t in zip(merged["cells"], texts(merged), strict=True)
    )
    for key, count in wanted.items():  # what they wrote may by now be word for word in the course
        assert found[key] >= (1 if course[key] else count), f"lost: {key}"
    for key, count in found.items():
        assert count <= wanted[key] + course[key], f"doubled or made up: {key}"
    assert all(cell["id"] in ids for cell in new["cells"])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(rng=strategies.randoms(use_true_random=False))
def test_random_lives_of_a_notebook(rng):
    """What `rng` gives is up to hypothesis, which looks for the shortest life that breaks."""
    course = random_course(rng)
    mine = course
    for _ in range(4):
        mine = random_learner(rng, mine, rng.randint(0, 8))
        course = random_course(rng, course) if rng.random() < 0.8 else course
        before = copy.deepcopy((course, mine))
        merged = merge(course, mine)
        assert (course, mine) == before, "merge changed its arguments"
        kept_as_promised(merged, course, mine)
        assert merge(course, merged) == merged
        assert merge(course, course) == course
        mine = merged


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.name
)
def test_no_shipped_cell_looks_like_a_learners(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert not [cell["id"] for cell in notebook["cells"] if is_touched(cell)]
    assert merge(notebook, notebook) == notebook


# --- files ----------------------------------------------------------------------------------------

NAME = "01_first.ipynb"


def write(path: Path, notebook: dict) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def load(path: Path) -> dict:
    return json.loads(path.read_bytes())


@pytest.fixture
def course(tmp_path):
    """Two versions of a course, and the notebook of a learner who answered in the first."""
    first, second = shipped("#a", "1.1 stub", "b"), shipped("#A", "1.1 stub", "b", "c")
    write(tmp_path / "notebooks" / NAME, second)
    write(tmp_path / "my" / NAME, with_own(edited(first, {1: "my answer é"}), 3, "my own"))
    return tmp_path


def test_first_time_copies_lessons_and_index_only(tmp_path):
    for name in ("index.ipynb", NAME, "draft.ipynb", "notes.txt"):
        write(tmp_path / "notebooks" / name, shipped("a"))
    messages = refresh(tmp_path / "notebooks", tmp_path / "my")
    assert messages == [f"my/{NAME} is new.", "my/index.ipynb is new."]
    assert sorted(p.name for p in (tmp_path / "my").iterdir()) == [NAME, "index.ipynb"]
    assert (tmp_path / "my" / NAME).read_bytes() == (tmp_path / "notebooks" / NAME).read_bytes()
    assert refresh(tmp_path / "notebooks", tmp_path / "my") == []


def test_an_update_merges_once_and_keeps_the_previous_copy(course):
    before = (course / "my" / NAME).read_bytes()
    [message] = refresh(course / "notebooks", course / "my")
    [kept] = (course / "my/.history").iterdir()
    assert kept.read_bytes() == before
    assert f"my/{NAME}" in message and kept.name in message
    assert texts(load(course / "my" / NAME)) == ["#A", "my answer é", "b", "my own", "c"]
    nbformat.validate(nbformat.read(course / "my" / NAME, as_version=4))
    after = (course / "my" / NAME).stat().st_mtime_ns
    assert refresh(course / "notebooks", course / "my") == []
    assert (course / "my" / NAME).stat().st_mtime_ns == after
    assert len(list((course / "my/.history").iterdir())) == 1


@pytest.mark.parametrize("program", ["line ends of Windows", "final newline"])
def test_saving_in_a_front_end_is_no_reason_to_write(tmp_path, program):
    write(tmp_path / "notebooks" / NAME, shipped("a\nb"))
    saved = shipped("a\nb")
    saved["metadata"] = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)"},
        "language_info": {"version": "3.12"},
    }
    saved["cells"][0] |= {
        "source": ["a\n", "b"],
        "execution_count": 1,
        "metadata": {"scrolled": True},
    }
    saved = saved_by(saved, program)
    write(tmp_path / "my" / NAME, saved)
    assert refresh(tmp_path / "notebooks", tmp_path / "my") == []
    assert load(tmp_path / "my" / NAME) == saved


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"cells": 1}',
        b'{"cells": [1]}',
        b"null",
        b'{"cells": [{"cell_type": "code"}]}',
        b'{"worksheets": []}',
        b"[" * 100_000,
        b'{"cells": [{"cell_type": "code", "source": "", "metadata": {"tags": [1]}}]}',
        b'{"cells": [{"cell_type": "code", "source": "", "metadata": {"tags": null}}]}',
    ],
    ids=range(13),
)
def test_a_broken_notebook_is_left_alone_and_a_fresh_one_is_beside_it(course, broken):
    mine = course / "my" / NAME
    mine.write_bytes(broken)
    messages = refresh(course / "notebooks", course / "my")
    assert mine.read_bytes() == broken
    assert (
        "my/01_first.fresh.ipynb" in messages[0]
        and f"my/{NAME} is not a readable notebook" in messages[0]
    )
    fresh = course / "my/01_first.fresh.ipynb"
    assert fresh.read_bytes() == (course / "notebooks" / NAME).read_bytes()
    write(fresh, edited(load(fresh), {1: "answered in the fresh copy"}))
    assert len(refresh(course / "notebooks", course / "my")) == 1
    assert "answered in the fresh copy" in texts(load(fresh))


def test_a_broken_course_notebook_stops_only_itself(course):
    write(course / "notebooks/02_second.ipynb", shipped("a"))
    (course / "notebooks" / NAME).write_text("<<<<<<< HEAD")
    before = (course / "my" / NAME).read_bytes()
    messages = refresh(course / "notebooks", course / "my")
    assert (
        "git checkout -- notebooks" in messages[0] and messages[1] == "my/02_second.ipynb is new."
    )
    assert (course / "my" / NAME).read_bytes() == before


def test_a_lone_surrogate_survives(course):
    mine = edited(load(course / "my" / NAME), {0: "mine \ud800 \N{SNOWMAN}"})
    write(course / "my" / NAME, mine)
    refresh(course / "notebooks", course / "my")
    assert "mine \ud800 \N{SNOWMAN}" in texts(load(course / "my" / NAME))


def test_a_notebook_saved_in_the_meantime_is_merged_as_saved(course, monkeypatch):
    keep = workspace._keep

    def save_then_keep(mine: Path, data: bytes) -> str:
        monkeypatch.setattr(workspace, "_keep", keep)
        write(mine, edited(load(mine), {1: "a later answer"}))
        return keep(mine, data)

    monkeypatch.setattr(workspace, "_keep", save_then_keep)
    refresh(course / "notebooks", course / "my")
    assert "a later answer" in texts(load(course / "my" / NAME))


class Killed(BaseException):
    """Stands for a process that ends here: nothing of the program catches it."""


def dying(monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> list[str]:
    """Let step number `at` of all writing fail, half done; returns the steps as they are taken."""
    steps: list[str] = []

    def step(name: str) -> bool:
        steps.append(name)
        return len(steps) == at

    def opened(path, mode="r", **options):
        file = open(path, mode, **options)  # noqa: SIM115 (the caller closes it)
        if "w" in mode and step("write"):
            file.write(b'{"cells": [')
            file.close()
            raise error
        return file

    def failing(function, name):
        def call(*arguments, **options):
            if step(name):
                raise error
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(workspace, "open", opened, raising=False)
    monkeypatch.setattr(workspace.os, "fsync", failing(os.fsync, "fsync"))
    monkeypatch.setattr(workspace.os, "replace", failing(os.replace, "replace"))
    if isinstance(error, Killed):  # a killed process does not tidy up
        monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    return steps


@pytest.mark.parametrize(
    "error", [Killed(), OSError(28, "No space left on device")], ids=["killed", "disk full"]
)
@pytest.mark.parametrize("at", range(1, 8))
def test_dying_at_any_step_leaves_the_old_or_the_new_copy(course, at, error):
    mine, before = course / "my" / NAME, (course / "my" / NAME).read_bytes()
    after = merge(load(course / "notebooks" / NAME), load(mine))
    with pytest.MonkeyPatch.context() as patch:
        steps = dying(patch, at, error)
        try:
            messages = refresh(course / "notebooks", course / "my")
            assert len(steps) < at or "No space left" in messages[0]
        except Killed:
            assert len(steps) == at
    assert mine.read_bytes() == before or load(mine) == after
    if mine.read_bytes() != before:
        assert [kept.read_bytes() for kept in (course / "my/.history").glob("*.ipynb")] == [before]
    refresh(course / "notebooks", course / "my")
    assert load(mine) == after
    assert before in [kept.read_bytes() for kept in (course / "my/.history").glob("*.ipynb")]
    assert not list((course / "my").rglob("*.tmp"))


FOREVER = """
import shutil, sys
from pathlib import Path
from course_utils.platform.workspace import refresh
print("up", flush=True)
while True:
    for version in ("a", "b"):
        refresh(Path(version), Path("my"))
"""


def test_killed_for_real_again_and_again(course, monkeypatch):
    write(course / "a" / NAME, shipped("#a " + "long " * 20_000, "1.1 stub"))
    write(course / "b" / NAME, shipped("#b " + "long " * 20_000, "1.1 stub", "more"))
    rng, wanted = random.Random(1), ("my answer é", "my own")
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", FOREVER],
            cwd=course,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.communicate()
        for path in [course / "my" / NAME, *(course / "my/.history").glob("*.ipynb")]:
            assert set(wanted) <= set(texts(load(path)))
    refresh(course / "a", course / "my")
    assert not list((course / "my").rglob("*.tmp"))


# --- the command ----------------------------------------------------------------------------------


def command(folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "course_utils.platform.workspace"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )


def test_the_command_finds_the_course_from_a_folder_inside_it(course):
    (course / "run.py").touch()
    (course / "docs").mkdir()
    result = command(course / "docs")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1 and NAME in result.stdout


def test_without_lessons_the_command_is_content(tmp_path):
    (tmp_path / "run.py").touch()
    result = command(tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "my").is_dir()


def test_outside_the_course_the_command_says_so(tmp_path):
    result = command(tmp_path)
    assert (
        result.returncode == 1
        and "folder with run.py" in result.stderr
        and result.stderr.count("\n") == 1
    )


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path):
    (tmp_path / "run.py").touch()
    (tmp_path / "my").touch()
    result = command(tmp_path)
    assert result.returncode == 1 and "my/" in result.stderr and result.stderr.count("\n") == 1


def test_it_is_cheap_to_import():
    code = (
        "import sys, course_utils.platform.workspace; sys.exit(bool({'torch', 'numpy', 'IPython'} &"
        " set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
