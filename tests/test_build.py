"""The builder on tiny lessons, each mistake it must find included, and on the real ones."""

import json
import shutil
from pathlib import Path

import pytest

from course_utils.platform.workspace import cell_id, refresh
from tests.lessons import ROOT, SOURCES, STEMS
from tools import build, execute, make, predictions
from tools.render import minutes
from tools.source import LONGEST_CELL, Cell, Mistakes, read

GOOD = '''# %% [markdown]
# {{header}}

# %% tags=["setup"]
# set-up

# %%
import math
import os

# %% [markdown]
# ### Exercise 1.1

# %% tags=["exercise:1.1", "points:4", "minutes:5"]
def area(r):
    """Area of a circle. number -> number"""
    if r < 0:
        # BEGIN SOLUTION
        raise ValueError("no such circle")
        # END SOLUTION
    # BEGIN SOLUTION
    return math.pi * r**2
    # END SOLUTION

# %% tags=["check:1.1"]
area = check("1.1", area)

# %% [markdown] tags=["help:1.1"]
# What is it?
# ---
# A toy.
# ---
# Because.

# %% tags=["export"]
def double(x):
    return 2 * x

# %% tags=["nbval-check-output"]
print("two", double(1))

# %% tags=["solved"]
assert double(2) == 4
'''


@pytest.fixture
def repo(tmp_path):
    for folder in ("lessons", "solutions", "course_utils/lesson01"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    write(tmp_path, GOOD)
    store(tmp_path)
    return tmp_path


def write(repo, text):
    (repo / "lessons/01_tiny.py").write_text(text, encoding="utf-8")


def store(repo):
    """The output that the kept cell of GOOD has, as if the lesson had been executed."""
    kept = {
        "cell_type": "code",
        "id": cell_id("code", 'print("two", double(1))'),
        "execution_count": 3,
        "metadata": {},
        "outputs": [{"name": "stdout", "output_type": "stream", "text": ["two 2\n"]}],
        "source": [],
    }
    (repo / "solutions/01_tiny.ipynb").write_text(json.dumps({"cells": [kept]}), encoding="utf-8")


def main(repo, *arguments):
    return make.main([*arguments], repo)


def is_current(repo):
    made = make.targets(repo)
    return not make.different(made) and not [*make.orphans(repo, made)]


def cells(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def test_it_makes_a_blank_and_a_solved_notebook_and_a_module(repo):
    assert main(repo) == 0
    blank, solved = cells(repo / "notebooks/01_tiny.ipynb"), cells(repo / "solutions/01_tiny.ipynb")
    exercise = next(source(c) for c in blank if "exercise:1.1" in c["metadata"].get("tags", []))
    assert exercise.count('raise NotImplementedError("1.1 area")') == 2 and "pi" not in exercise
    # at the marker's own indentation
    assert '        raise NotImplementedError("1.1 area")' in exercise
    full = next(source(c) for c in solved if "exercise:1.1" in c["metadata"].get("tags", []))
    assert "return math.pi * r**2" in full and "SOLUTION" not in full
    taught = (repo / "course_utils/lesson01/taught.py").read_text(encoding="utf-8")
    names: dict = {}
    exec(compile(taught, "taught", "exec"), names)
    assert names["area"](1) == pytest.approx(3.14159, abs=1e-4) and names["double"](2) == 4
    assert "import math" in taught and "import os" not in taught and "assert" not in taught


def test_only_kept_cells_keep_their_output(repo):
    main(repo)
    blank, solved = cells(repo / "notebooks/01_tiny.ipynb"), cells(repo / "solutions/01_tiny.ipynb")
    assert all(
        not c["outputs"] and c["execution_count"] is None for c in blank if c["cell_type"] == "code"
    )
    assert [c["execution_count"] for c in solved if c.get("outputs")] == [3]


def test_a_solved_only_cell_is_not_in_the_blank(repo):
    main(repo)
    assert not any("assert double" in source(c) for c in cells(repo / "notebooks/01_tiny.ipynb"))
    assert any("assert double" in source(c) for c in cells(repo / "solutions/01_tiny.ipynb"))


def test_the_ladder_of_help_is_nested_and_ends_with_the_solution(repo):
    main(repo)
    ladder = next(
        source(c)
        for c in cells(repo / "notebooks/01_tiny.ipynb")
        if "help:1.1" in c["metadata"].get("tags", [])
    )
    assert ladder.count("<details>") == ladder.count("</details>") == 3
    assert (
        ladder.index("What is it?")
        < ladder.index("A toy.")
        < ladder.index("math.pi")
        < ladder.index("Because.")
    )
    # each rung lies inside the one before
    assert ladder.rindex("<details>") < ladder.index("</details>")


def test_building_twice_changes_nothing_and_check_agrees(repo, capsys):
    assert main(repo, "--check") == 1 and not is_current(repo)
    assert "out of date: notebooks/01_tiny.ipynb: python -m tools\n" in capsys.readouterr().out
    main(repo)
    before = {p: p.read_bytes() for p in repo.rglob("*") if p.is_file()}
    assert main(repo) == 0 and main(repo, "--check") == 1 and is_current(repo)
    assert before == {p: p.read_bytes() for p in repo.rglob("*") if p.is_file()}


def test_check_sees_an_edited_notebook_and_an_orphan(repo, capsys):
    main(repo)
    (repo / "notebooks/01_tiny.ipynb").write_text("{}", encoding="utf-8")
    (repo / "notebooks/02_gone.ipynb").write_text("{}", encoding="utf-8")
    assert main(repo, "--check") == 1
    text = capsys.readouterr().out
    assert "out of date: notebooks/01_tiny.ipynb: python -m tools\n" in text
    assert "out of date: notebooks/02_gone.ipynb: git rm notebooks/02_gone.ipynb\n" in text


def test_ids_come_from_content_so_an_insertion_renames_nothing(repo):
    main(repo)
    before = [c["id"] for c in cells(repo / "notebooks/01_tiny.ipynb")]
    write(
        repo,
        GOOD.replace(
            "# %% [markdown]\n# ### Exercise",
            "# %%\nx = 1\n\n# %%\nx = 1\n\n# %% [markdown]\n# ### Exercise",
        ),
    )
    main(repo)
    after = [c["id"] for c in cells(repo / "notebooks/01_tiny.ipynb")]
    assert [i for i in after if i in before] == before and len(set(after)) == len(after) == len(
        before
    ) + 2
    assert sum(i.endswith("-2") for i in after) == 1


def test_a_kept_cell_without_stored_output_is_named_with_the_command_that_runs_it(repo, capsys):
    assert main(repo) == 0 and "execute 01" not in capsys.readouterr().out
    write(repo, GOOD.replace('print("two", double(1))', 'print("two ", double(1))'))
    for arguments, code in (((), 0), (("--check",), 1)):
        assert main(repo, *arguments) == code
        text = capsys.readouterr().out
        assert "solutions/01_tiny.ipynb: python -m tools execute 01\n" in text


def test_an_answer_survives_a_changed_lesson_that_is_built_and_fetched_again(repo):
    main(repo)
    refresh(repo / "notebooks", repo / "my")
    mine = json.loads((repo / "my/01_tiny.ipynb").read_text(encoding="utf-8"))
    exercise = next(c for c in mine["cells"] if "exercise:1.1" in c["metadata"].get("tags", []))
    exercise["source"] = "def area(r):\n    return 3 * r * r  # mine"
    mine["cells"].append(
        {
            "cell_type": "code",
            "id": "mine0001",
            "metadata": {},
            "source": "area(1)",
            "outputs": [],
            "execution_count": None,
        }
    )
    (repo / "my/01_tiny.ipynb").write_text(json.dumps(mine), encoding="utf-8")
    write(
        repo,
        GOOD.replace("# ### Exercise 1.1", "# ### Exercise 1.1, explained better")
        .replace('"""Area of a circle.', '"""Area of a disc.')
        .replace("import os\n", "import os\nimport sys\n"),
    )
    main(repo)
    assert len(refresh(repo / "notebooks", repo / "my")) == 1
    after = cells(repo / "my/01_tiny.ipynb")
    sources = [source(c) for c in after]
    assert sum("# mine" in s for s in sources) == 1 and sources[-1] == "area(1)"
    assert "# ### Exercise" not in sources and any("explained better" in s for s in sources)
    assert (
        any(s.endswith("import sys") for s in sources)
        and len(list((repo / "my/.history").glob("*.ipynb"))) == 1
    )
    assert refresh(repo / "notebooks", repo / "my") == []


def test_execute_refreshes_the_stored_outputs(repo):
    write(
        repo,
        GOOD.replace('print("two", double(1))', 'print("four", double(2))').replace(
            '# %% tags=["check:1.1"]\narea = check("1.1", area)',
            '# %% tags=["check:1.1"]\narea = area',
        ),
    )
    assert execute.main(["01"], repo) == 0 and is_current(repo)
    kept = [c for c in cells(repo / "solutions/01_tiny.ipynb") if c.get("outputs")]
    assert kept[0]["outputs"][0]["text"] == ["four 4\n"] and kept[0]["execution_count"] > 0


def test_measured_numbers_are_filled_in_and_an_unknown_one_is_an_error(repo, capsys):
    (repo / "course_utils/numbers.json").write_text(
        json.dumps({"01.a.b": {"value": 1.234, "low": 1, "high": 2}})
    )
    write(
        repo,
        GOOD.replace(
            "# ### Exercise 1.1", "# It reached {{01.a.b:.1f}}, honestly {{01.a.b.range:.0f}}."
        ),
    )
    main(repo)
    assert any(
        "It reached 1.2, honestly 1–2." in source(c)
        for c in cells(repo / "notebooks/01_tiny.ipynb")
    )
    write(repo, GOOD.replace("# ### Exercise 1.1", "# It reached {{01.no}}."))
    assert main(repo) == 1 and "01_tiny.py:11" in capsys.readouterr().err


EXERCISE = GOOD[GOOD.index('# %% tags=["exercise:1.1"') : GOOD.index('# %% tags=["check:1.1"]')]
MISTAKES = {
    "no end": (
        GOOD.replace("    return math.pi * r**2\n    # END SOLUTION\n", "    return 1\n"),
        "unbalanced",
        18,
    ),
    "no begin": (GOOD.replace("        # BEGIN SOLUTION\n", "", 1), "unbalanced", 19),
    "other indentation": (
        GOOD.replace("    # END SOLUTION\n\n", "# END SOLUTION\n\n"),
        "unbalanced",
        18,
    ),
    "markers elsewhere": (
        GOOD.replace(
            "    return 2 * x", "    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION"
        ),
        "outside an exercise",
        37,
    ),
    "code as prose": (
        GOOD.replace("# ### Exercise 1.1", "# def helper(x):\n#     return x"),
        "code-looking text",
        12,
    ),
    "code under prose": (
        GOOD.replace("# ### Exercise 1.1", "# Text.\n\ny = 3"),
        "'# %%' missing",
        14,
    ),
    "prose under code": (
        GOOD.replace("import os\n", "import os\n\n# ## A heading\n# and text\n"),
        "[markdown]",
        11,
    ),
    "mistyped header": (
        GOOD.replace("import os\n", "import os\n\n#%%\nz = 1\n"),
        "not a cell header",
        11,
    ),
    "indented header": (
        GOOD.replace("import os\n", "import os\n\n  # %%\nz = 1\n"),
        "not a cell header",
        11,
    ),
    "no check": (GOOD.replace('# %% tags=["check:1.1"]', "# %%"), "has no check", 14),
    "check alone": (GOOD.replace('"exercise:1.1", ', ""), "no exercise above", 25),
    "duplicate exercise": (
        GOOD.replace('# %% tags=["check:1.1"]', EXERCISE + '# %% tags=["check:1.1"]'),
        "duplicate id",
        25,
    ),
    "two functions in one": (
        GOOD.replace("def area(r):", "def other():\n    pass\n\ndef area(r):"),
        "one top-level function",
        14,
    ),
    "check in the exercise": (
        GOOD.replace('# %% tags=["check:1.1"]\n', ""),
        "one top-level function",
        14,
    ),
    "no solution": (
        GOOD.replace("# BEGIN SOLUTION", "#").replace("# END SOLUTION", "#"),
        "marks no solution",
        14,
    ),
    "long cell": (
        GOOD.replace("import os\n", "import os\n" + "x = 1\n" * LONGEST_CELL),
        f"a cell of {LONGEST_CELL + 2} lines",
        7,
    ),
    "attachment": (
        GOOD.replace("# ### Exercise 1.1", "# ![a cat](attachment:cat.png)"),
        "attachment",
        12,
    ),
    "image without alt": (
        GOOD.replace("# ### Exercise 1.1", "# ![](cat.png)"),
        "without alt text",
        12,
    ),
    "tag without alt": (
        GOOD.replace("# ### Exercise 1.1", '# <img src="cat.png">'),
        "without alt text",
        12,
    ),
    "figure without alt": (
        GOOD.replace("import os\n", "import os\nplots.line(x, y)\n"),
        "without alt text",
        7,
    ),
    "text before": ("x = 1\n" + GOOD, "nothing before the first", 1),
    "help in two parts": (GOOD.replace("# A toy.\n# ---\n", ""), "three parts", 28),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_found_with_file_and_line(repo, capsys, kind):
    text, said, line = MISTAKES[kind]
    assert text != GOOD
    write(repo, text)
    assert main(repo) == 1
    errors = capsys.readouterr().err.strip().split("\n")
    assert any(f"01_tiny.py:{line}: " in e and said in e for e in errors), errors
    assert not (repo / "notebooks").exists()  # nothing is written


def test_all_mistakes_are_told_at_once(repo, capsys):
    write(
        repo,
        GOOD.replace("# ### Exercise 1.1", "# ![](cat.png)").replace(
            '# %% tags=["check:1.1"]', "# %%"
        ),
    )
    main(repo)
    assert len(capsys.readouterr().err.strip().split("\n")) == 2


def test_an_unknown_lesson_is_named(repo, capsys):
    assert execute.main(["77"], repo) == 1 and "there is no lesson 77" in capsys.readouterr().err


def test_every_lesson_is_built():
    made = {p.name for p in build.targets(ROOT)}
    assert {f"{stem}.ipynb" for stem in STEMS} | {"index.ipynb"} <= made


def test_reading_a_real_lesson_raises_nothing():
    for path in SOURCES:
        try:
            read(path)
        except Mistakes as mistakes:
            pytest.fail(str(mistakes))


def test_what_is_taught_imports_the_modules_of_the_course_that_it_uses_and_no_others():
    cell = "from course_utils import data, plots, runtime"
    assert build.imports_of(cell, {"runtime"}, {"runtime", "data"}) == [
        "from course_utils import runtime"
    ]


ASKED = """**Predict.** What is the gradient of `x**2`
at 3?

- A: `2*x < 7`, so 6
  - **Yes.** The rule gives 2x,
    which is 6.
- B: 9
  - That is the value.

More text.
"""


def test_an_option_of_a_prediction_opens_and_says_what_it_means():
    folded = predictions.folded(ASKED, "04")
    assert folded.count("<details") == 2 and "- A:" not in folded and "More text." in folded
    assert "<summary><b>A</b> <code>2*x &lt; 7</code>, so 6</summary>" in folded
    assert 'class="course-option course-right p04-' in folded.split("<b>A</b>")[0]
    assert "**Yes.** The rule gives 2x, which is 6." in folded
    assert "**No.** That is the value." in folded and folded.count("course-right") == 1
    assert list(predictions.mistakes(ASKED)) == []


@pytest.mark.parametrize(
    "change", [("**Yes.**", "Right:"), ("- B:", "- C:"), ("**Predict.**", "**Guess.**")]
)
def test_a_prediction_without_one_question_or_one_right_option_is_a_mistake(change):
    assert len(list(predictions.mistakes(ASKED.replace(*change)))) == 1


def test_minutes_are_what_a_person_needs():
    words, lines = " ".join(["word"] * 300), "x = 1\n" * 40
    cells = [
        Cell("markdown", f"{words}\n\n**Predict.** What?\n", [], 1),
        Cell("markdown", "$$ a + b $$\n" * 150, ["studio"], 1),
        Cell("code", lines, [], 1),
        Cell("code", lines, ["setup"], 1),
        Cell(
            "code", "explorables.fit(ink)\nfit = widgets.explore(\n  a=widgets.Slider(0, 1))", [], 1
        ),
        Cell("code", lines, ["exercise:1.1", "minutes:7"], 1),
        Cell("code", lines, ["check:1.1"], 1),
        Cell("markdown", words, ["help:1.1"], 1),
    ]
    # 2 to read and 1 to predict, 2 for code, 6 to explore and 0.15 for their lines, 7
    assert minutes(cells) == {"core": 18, "studio": 1}
