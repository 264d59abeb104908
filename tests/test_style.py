"""What every lesson must have, and what none may have."""

import ast
import io
import json
import re
import subprocess
import sys
import tokenize

import pytest

from course_utils.checks import exercises
from course_utils.platform import door
from tests.lessons import ROOT, SOURCES, STEMS
from tools.render import KEY, minutes
from tools.source import read

LESSONS = pytest.mark.parametrize("source", SOURCES, ids=STEMS)
EMPTY_WORDS = re.compile(r"\b(simply|obviously|just|trivially|clearly|of course)\b", re.I)
NOTEBOOKS = sorted([*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "solutions").glob("*.ipynb")])
EACH_NOTEBOOK = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.stem}"
)


def prose(cells, studio=True):
    return "\n\n".join(
        c.source for c in cells if c.kind == "markdown" and (studio or "studio" not in c.tags)
    )


def code(cells):
    return [c for c in cells if c.kind == "code"]


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def without_math_and_code(text):
    for pattern in (r"```.*?```", r"\$\$.*?\$\$", r"\$[^$]+\$", r"`[^`]+`", r"\]\([^)]*\)"):
        text = re.sub(pattern, " ", text, flags=re.S)
    return KEY.sub(" ", text)


@LESSONS
def test_the_core_takes_at_most_75_minutes(source):
    assert 20 <= minutes(read(source))["core"] <= 75


@LESSONS
def test_the_core_has_at_most_eight_beats_and_five_exercises(source):
    core = [c for c in read(source) if "studio" not in c.tags]
    beats = re.findall(r"^## (?!What this run|Where we are)(.*)", prose(core), flags=re.M)
    assert 4 <= len(beats) <= 8 and 2 <= sum(bool(c.tagged("exercise")) for c in core) <= 5


@LESSONS
def test_goals_stand_at_the_start_and_at_the_end(source):
    text = prose(read(source), studio=False)
    start = re.search(
        r"\*\*(?:When you are through|By the end) you will be able to\*\*\n"
        r"((?:- .*\n(?:  .*\n)*)+)",
        text,
    )
    end = re.search(
        r"^## Where we are now\n+You can\n((?:- .*\n(?:  .*\n)*)+)", text + "\n", flags=re.M
    )
    assert start and end and start[1].count("\n- ") == end[1].count("\n- ")


@LESSONS
def test_it_has_predictions_a_stop_point_a_debugged_claim_a_widget_and_a_table(source):
    cells = read(source)
    core = "\n".join(c.source for c in code(cells) if "studio" not in c.tags)
    answers = prose(cells).count("<details>") + prose(cells).count("- **Yes.**")
    assert prose(cells).count("**Predict.**") >= 4 and answers >= 3
    assert "A good place to stop" in prose(cells, studio=False)
    assert "**Debug a claim.**" in prose(cells)
    assert "widgets.explore(" in core or "explorables." in core
    assert "runtime.reached(" in core and "runtime.setup(seed=" in core


@LESSONS
def test_folds_are_closed(source):
    for cell in read(source):
        assert (
            cell.source.count("<details>")
            == cell.source.count("</details>")
            == cell.source.count("</summary>")
        )


@LESSONS
def test_every_exercise_has_points_minutes_help_and_a_checked_id(source):
    cells, known = read(source), exercises(int(source.stem[:2]))
    helped, here = {c.tagged("help") for c in cells}, [c for c in cells if c.tagged("exercise")]
    assert {c.tagged("exercise") for c in here} == set(known)
    for cell in here:
        assert (
            cell.tagged("points") and cell.tagged("minutes") and cell.tagged("exercise") in helped
        )
        function = ast.parse(cell.source).body[0]
        assert ast.get_docstring(function) and known[cell.tagged("exercise")].name == function.name


@LESSONS
def test_exercises_are_numbered_by_the_lesson_and_a_studio_exercise_is_studio_throughout(source):
    cells = read(source)
    studio = {c.tagged("exercise") for c in cells if "studio" in c.tags} - {""}
    for cell in cells:
        for key in filter(None, (cell.tagged(kind) for kind in ("exercise", "check", "help"))):
            assert re.fullmatch(rf"{int(source.stem[:2])}\.[1-9]", key)
            assert ("studio" in cell.tags) == (key in studio)


@LESSONS
def test_no_free_decimal_stands_in_prose(source):
    """A measured value has a key, a stated constant stands in a formula; numbers of exercises are
    no decimals.
    """
    for cell in read(source):
        if cell.kind == "markdown":
            text = re.sub(
                r"(Exercises? |in |section |version )\d+\.\d+(\.\d+)?",
                " ",
                without_math_and_code(cell.source),
            )
            found = re.findall(r"(?<![\w.])\d*\.\d+(?![\w.])", text)
            assert not found, f"{source.name}:{cell.line}: {found}"


@LESSONS
def test_no_empty_words(source):
    assert not EMPTY_WORDS.findall(without_math_and_code(prose(read(source))))


@LESSONS
def test_headings_go_down_one_level_at_a_time(source):
    levels = [
        1,
        *(
            len(m)
            for m in re.findall(r"^(#+) ", without_math_and_code(prose(read(source))), flags=re.M)
        ),
    ]
    assert all(2 <= b <= a + 1 for a, b in zip(levels, levels[1:], strict=False)), levels


@LESSONS
def test_randomness_is_seeded_and_never_global(source):
    for cell in code(read(source)):
        assert not re.search(r"np\.random\.(?!Generator)\w+\(", cell.source), (
            f"{source.name}:{cell.line}"
        )


@LESSONS
def test_lines_are_short_enough_for_a_projector(source):
    for cell in code(read(source)):
        long = [line for line in cell.source.split("\n") if len(line) > 100]
        assert not long, f"{source.name}:{cell.line}: {long}"


@LESSONS
def test_audit_ids_stay_on_the_errata_page(source):
    assert not re.search(r"\b[ES]\d+(\.\d+)*[a-z]*\b", without_math_and_code(prose(read(source))))


@EACH_NOTEBOOK
def test_outputs_are_kept_only_where_they_are_compared(path):
    """nbval compares nothing where output or count is missing, and forgives any error under
    raises-exception.
    """
    for cell in cells_of(path):
        tags = cell["metadata"].get("tags", [])
        assert "raises-exception" not in tags
        if cell["cell_type"] == "code":
            kept = path.parent.name == "solutions" and "nbval-check-output" in tags
            if door.TAG in tags:  # the cards are there before anybody runs the index
                kept = True
            assert bool(cell["outputs"]) == kept and (cell["execution_count"] is not None) == kept


def markdown_of(path):
    return "\n".join("".join(c["source"]) for c in cells_of(path) if c["cell_type"] == "markdown")


@EACH_NOTEBOOK
def test_badges_and_links_lead_somewhere(path):
    text = markdown_of(path)
    for target in re.findall(r"(?:blob/main/|lab%2Ftree%2F)(notebooks(?:/|%2F)\w+\.ipynb)", text):
        assert (ROOT / target.replace("%2F", "/")).exists(), target
    for target in re.findall(r"\]\((?!http)([^)]+)\)", text):
        name, _, anchor = target.partition("#")
        goal = path.parent / name if name else path
        assert goal.exists(), target
        headings = re.findall(r"^#+ (.*)", markdown_of(goal), flags=re.M) if anchor else []
        assert not anchor or anchor in [re.sub(r"\s+", "-", h) for h in headings], target


def test_the_set_up_cell_is_the_same_everywhere_but_for_what_a_lesson_names():
    found = {
        "".join(c["source"]).rpartition("\n")[0]
        for stem in STEMS
        for c in cells_of(ROOT / f"notebooks/{stem}.ipynb")
        if "setup" in c["metadata"].get("tags", [])
    }
    assert len(found) == 1


def test_the_index_lists_ten_lessons_and_links_those_that_exist():
    outputs = [o for c in cells_of(ROOT / "notebooks/index.ipynb") for o in c.get("outputs", [])]
    [cards] = [output["data"]["text/html"] for output in outputs]
    assert len(STEMS) == 10 and all(f'href="{stem}.ipynb"' in cards for stem in STEMS)


def functions(text):
    """Every function in a source with its number of logical lines, its docstring not counted."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    ends = [token.start[0] for token in tokens if token.type == tokenize.NEWLINE]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = sum(node.body[0].lineno <= end <= node.end_lineno for end in ends)
            yield node, lines - (ast.get_docstring(node) is not None)


def test_logical_lines_are_counted_however_they_are_laid_out():
    text = (
        'def f(\n    a,\n):\n    """Says\n    it."""\n    if a:\n        b = [\n            a,\n'
        "        ]\n    return b\n"
    )
    assert [(node.name, lines) for node, lines in functions(text)] == [("f", 3)]


@pytest.mark.parametrize("place", ["course_utils", "grading", "tools", "run.py"])
def test_functions_have_at_most_25_logical_lines(place):
    paths = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines}"
        for path in paths
        if path.name != "taught.py"  # cells of lessons, put together by the builder
        for node, lines in functions(path.read_text(encoding="utf-8"))
        if lines > 25
    ]
    assert not long


def test_ruff_finds_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise", ROOT],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
