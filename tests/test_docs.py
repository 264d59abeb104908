"""Documents keep their promises: coverage complete, headings real, links inside the repository
resolve.
"""

import re

import pytest

from tests.lessons import NUMBERS, ROOT, SOURCES
from tools.source import read

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in path.parts),
]
ITEMS, ERRORS = 231, 76


def coverage():
    rows = re.findall(
        r"^\| (S[\d.]+[a-z]) \| (.*?) \| (\d\d) \| (.*?) ?\|$",
        (ROOT / "docs/coverage.md").read_text(encoding="utf-8"),
        flags=re.M,
    )
    return [dict(zip(("id", "what", "lesson", "where"), row, strict=True)) for row in rows]


def headings(path):
    return {
        h
        for c in read(path)
        if c.kind == "markdown"
        for h in re.findall(r"^#+ (.*)", c.source, flags=re.M)
    }


def test_every_item_is_listed_once_and_has_a_lesson():
    rows = coverage()
    assert len(rows) == ITEMS == len({row["id"] for row in rows})
    assert all(row["what"] and 1 <= int(row["lesson"]) <= 10 for row in rows)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_lesson_that_exists_teaches_all_its_items_under_real_headings(number):
    source = next(s for s in SOURCES if s.stem.startswith(number))
    known = headings(source) | {"index"}
    known |= {h.split(" · ")[0] for h in known if h.startswith("Exercise")}
    for row in coverage():
        if row["lesson"] == number:
            places = row["where"].split("; ")
            assert all(place in known for place in places), (row["id"], places)


def errata():
    """Number, title, section, what holds, where it is shown, source."""
    text = (ROOT / "docs/errata.md").read_text(encoding="utf-8")
    return re.findall(
        r"^\*\*E(\d+) · (.+)\*\* \((.+)\)\n\n- \*[A-Z]\w+\*.*\n- \*Holds\*: (.+)\n"
        r"- \*Shown in\* (.+)\n- \*Source\*: (.+)\n",
        text,
        flags=re.M,
    )


def test_every_error_is_listed_once_with_what_holds_where_it_is_shown_and_a_source():
    assert [int(entry[0]) for entry in errata()] == list(range(1, ERRORS + 1))


def test_an_error_is_shown_under_a_real_heading_of_a_lesson_that_exists():
    known = {s.stem[:2]: headings(s) for s in SOURCES}
    for number, _, _, _, where, _ in errata():
        lesson, _, places = where.removesuffix(".").partition(": ")
        if lesson == "this page" or lesson not in known:
            assert lesson == "this page" or 1 <= int(lesson) <= 10, number
            continue
        found = {h.split(" · ")[0] if h.startswith("Exercise") else h for h in known[lesson]}
        assert all(place in found for place in places.split("; ")), (number, places)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_inside_the_repository_resolve(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("number", NUMBERS)
def test_every_lesson_has_a_plan_for_an_hour_with_a_room(number):
    plan = (ROOT / f"docs/workshop/{number}/plan.md").read_text(encoding="utf-8")
    assert "Stop point" in plan and "Common wrong answers" in plan
    last = max(int(m) for m in re.findall(r"^\| \d+–(\d+) \|", plan, flags=re.M))
    assert 50 <= last <= 60


def test_the_readme_starts_with_the_two_commands_and_lists_ten_lessons():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = re.search(r"!\[(.{40,})\]\((.+?)\)\n", text)
    assert (ROOT / picture[2]).exists()
    start = text[: picture.start()] + text[picture.end() :]
    assert "python run.py lab" in start[:300] and "python run.py test" in start[:400]
    assert len(re.findall(r"^\| \d\d \|", text, flags=re.M)) == 10
    assert all(f"notebooks/{source.stem}.ipynb" in text for source in SOURCES)


def test_figures_and_data_have_their_own_license():
    assert "CC BY 4.0" in (ROOT / "README.md").read_text(encoding="utf-8")
