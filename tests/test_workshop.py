"""The workshop kit follows the lessons: tables and lists are current, times add up, commands and
files exist.
"""

import re

import pytest

from course_utils.checks import exercises
from tests.lessons import NUMBERS, ROOT, SOURCES, STEMS
from tests.test_docs import PAGES
from tools import make, workshop
from tools.__main__ import COMMANDS
from tools.measure.command import MEASUREMENTS
from tools.render import Facts, minutes
from tools.source import read

FOLDER = ROOT / "docs/workshop"


def page(name):
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def times(text):
    """Start and end of each row of a timetable, in minutes since midnight, one list per day."""
    tables = [
        re.findall(r"^\| (\d+):(\d\d) \| (\d+):(\d\d) \|", part, flags=re.M)
        for part in re.split(r"^\| from ", text, flags=re.M)
    ]
    return [
        [(60 * int(a) + int(b), 60 * int(c) + int(d)) for a, b, c, d in rows] for rows in tables[1:]
    ]


def test_a_changed_plan_is_noticed(monkeypatch):
    assert make.different(workshop.targets(ROOT)) == []
    monkeypatch.setitem(workshop.PLANS, "half_day", [(600, [workshop.BREAK])])
    assert make.different(workshop.targets(ROOT)) == [FOLDER / "half_day.md"]


@pytest.mark.parametrize(
    ("name", "days", "shortest", "longest"), [("half_day", 1, 180, 240), ("two_days", 2, 390, 480)]
)
def test_a_day_has_no_gaps_and_breaks_in_time(name, days, shortest, longest):
    found = times(page(name))
    assert len(found) == days
    for rows in found:
        assert all(end == start for (_, end), (start, _) in zip(rows, rows[1:], strict=False))
        assert shortest <= rows[-1][1] - rows[0][0] <= longest


@pytest.mark.parametrize("source", SOURCES, ids=STEMS)
def test_a_plan_asks_for_the_lessons_that_the_header_names_and_the_core_uses(source):
    """What a lesson needs for its studio alone stands behind a semicolon."""

    def named(text):
        return set(re.findall(r"\b(0\d)\b", text))

    needs = {
        number: named(about["needs"].split(";")[0]) for number, about in Facts(ROOT).lessons.items()
    }
    number = source.stem[:2]
    plan = page(f"{number}/plan")
    before = re.search(r"^\*\*Before\.\*\* (.+?)\n\n", plan, flags=re.M | re.S)[1]
    assert needs[number] == named(before.replace(source.stem, ""))
    known, due = set(), set(needs[number])
    while due:  # who has done lesson 04 has done what that one needs
        known |= due
        due = set().union(*(needs[one] for one in due)) - known
    core = "\n".join(c.source for c in read(source) if c.kind == "code" and "studio" not in c.tags)
    assert (
        set(re.findall(r"course_utils\.lesson(\d\d)", core)) - {number}
        <= known
        < {f"{n:02d}" for n in range(1, int(number) + 1)}
    )


def test_two_days_hold_all_ten_lessons_in_order_and_nobody_sits_for_more_than_two_hours():
    parts = workshop.FIRST_DAY + workshop.SECOND_DAY
    assert [part.lesson for part in parts if part.lesson] == [f"{n:02d}" for n in range(1, 11)]
    for day in (workshop.HALF_DAY, workshop.FIRST_DAY, workshop.SECOND_DAY):
        sat = 0
        for part in day:
            sat = 0 if part.says.startswith("*") else sat + workshop.length(ROOT, part)
            assert sat <= 135


@pytest.mark.parametrize("source", SOURCES, ids=STEMS)
def test_a_plan_of_a_day_says_when_to_stop_and_how_long_it_takes_alone(source):
    text, number = page("two_days"), source.stem[:2]
    [row] = [line for line in text.splitlines() if f"]({source.stem[:2]}/plan.md)" in line]
    start = int(re.match(r"\| (\d+):(\d\d)", row)[1]) * 60 + int(
        re.match(r"\| (\d+):(\d\d)", row)[2]
    )
    stop = next(begin for begin, _, what, _ in workshop.rows(ROOT, number) if "Stop point" in what)
    assert f"at {workshop.clock(start + stop)}. " in row and row.endswith(
        f"| {minutes(read(source))['core']} min, core |"
    )


@pytest.mark.parametrize("source", SOURCES, ids=STEMS)
def test_a_plan_has_no_gaps_and_gives_an_exercise_the_minutes_of_its_tag(source):
    """Except what is homework, or done together at the board."""
    rows = workshop.rows(ROOT, source.stem[:2])
    assert [end for _, end, *_ in rows] == [start for start, *_ in rows[1:]] + [60]
    due = {c.tagged("exercise"): c.tagged("minutes") for c in read(source) if c.tagged("exercise")}
    for start, end, what, how in rows:
        said = re.split(r"(?<=[.?!]) ", f"{what}. {how}" if end > start else "")
        here = [one for one in said if not re.search("homework|together", one, flags=re.I)]
        named = set(re.findall(r"\d+\.\d+", " ".join(one for one in here if "Exercise" in one)))
        assert sum(int(due[one]) for one in named) <= end - start, what


@pytest.mark.parametrize("number", NUMBERS)
def test_the_page_for_a_room_has_every_prediction_and_every_known_mistake(number):
    text = page(f"{number}/room")
    source = next(s for s in SOURCES if s.stem.startswith(number))
    asked = sum(c.source.count("**Predict.**") for c in read(source) if c.kind == "markdown")
    assert text.count("\n- *") >= asked >= 4 and "{{" not in text
    for exercise in exercises(int(number)).values():
        part = re.search(rf"^### {exercise.id} .*?(?=^###|\Z)", text, flags=re.M | re.S)[0]
        assert part.count("\n- ") == len(exercise.mutants) >= 5


def test_a_hint_is_shown_letter_by_letter():
    assert workshop.escaped("x*y < `a*b`\n and [0]") == r"x\*y \< `a*b` and \[0\]"


def test_the_hub_page_computes_with_the_budgets_and_tells_what_was_measured():
    text, budgets = page("hub"), Facts(ROOT).budgets
    heaviest = max(budgets, key=lambda stem: budgets[stem]["peak_mb"])
    gigabytes = 40 * (budgets[heaviest]["peak_mb"] + workshop.SERVER_MB) / 1000
    assert f"| {heaviest[:2]} | {budgets[heaviest]['peak_mb']} MB | {gigabytes:.0f} GB |" in text
    assert "10 of 10 finished, with no error" in text
    assert text.count("git-pull?repo=") == len(STEMS) + 1


def test_participants_are_shown_what_the_check_prints():
    """Each line of the example has a counterpart in the doctor, number for number left out."""
    code = (ROOT / "course_utils/platform/doctor.py").read_text(encoding="utf-8")
    for line in re.findall(r"^ok +(.*)$", page("before"), flags=re.M):
        words = max(re.split(r"/\S+|[\d.]+", line), key=len).strip()
        assert words in code, words
    assert "Nothing is missing: `python run.py lab` opens the course." in page("before")


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_and_test_files_that_a_page_names_exist(path):
    text = path.read_text(encoding="utf-8")
    for command, kind in re.findall(r"python -m tools(?: ([a-z][a-z-]*)(?: ([a-z]+))?)?", text):
        assert not command or command in COMMANDS, command
        assert command != "measure" or not kind or kind in MEASUREMENTS, kind
    if path.name != "CHANGELOG.md":  # which names what is gone
        assert "python -m tools." not in re.sub(r"tools\.(?=\s)", "", text)
    for name in re.findall(r"\btests/\w+\.py", text):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`(?:course_utils|tools)/\w+\.(?:py|json)`", text):
        assert (ROOT / name.strip("`")).exists(), name
