"""Slides from a lesson: what goes on them, and that they move in a browser without asking anybody
outside.
"""

import re

import nbformat
import pytest

from tests.browser import CHROMIUM, browser
from tests.lessons import IN_CI, ROOT, STEMS
from tools import predictions, slides

v4 = nbformat.v4
PICTURE = (
    '<img alt="two bells"'
    ' src="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ'
    'AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==">'
)


def cell(text, *tags, shows=()):
    outputs = [
        (
            v4.new_output("display_data", {"text/html": each})
            if each.startswith("<")
            else v4.new_output("stream", name="stdout", text=each)
        )
        for each in shows
    ]
    return v4.new_code_cell(text, metadata={"tags": list(tags)}, outputs=outputs)


def lesson(answer):
    return v4.new_notebook(
        cells=[
            v4.new_markdown_cell(
                "# 01 · Bells\n\n[▶ Open in Colab](https://a.b)\n\n**What rings?**"
            ),
            cell("set-up", "setup"),
            cell("import math"),
            v4.new_markdown_cell(
                predictions.folded(
                    "## A bell\n\nProse for the notes.\n\n$$ p < 1 $$\n\n"
                    "**Predict.** Will it *ring*?\n\n"
                    "- A: `no`\n  - It is whole.\n- B: yes\n  - **Yes.** It *rings*.\n",
                    "01",
                )
            ),
            cell("a < b\n" * 30, shows=["log 3\n", PICTURE]),
            v4.new_markdown_cell(
                "<details><summary>What happened</summary>\n\nIt rang.\n\n</details>"
            ),
            v4.new_markdown_cell("More prose.\n\n### Exercise 1.1 · `f`\nRing it: `bell # loud`."),
            cell(answer, "exercise:1.1"),
            cell("check", "check:1.1"),
            v4.new_markdown_cell("help", metadata={"tags": ["help:1.1"]}),
            v4.new_markdown_cell("## Room A", metadata={"tags": ["studio"]}),
            cell("deep", "studio"),
            cell("assert True", "solved"),
            cell("print(2)", shows=["2\n"]),
        ]
    )


@pytest.fixture
def deck():
    return slides.deck(lesson("def f(): return 42"), lesson("def f(): raise NotImplementedError"))


def test_the_core_is_there_and_nothing_else(deck):
    text = "\n".join(deck)
    assert len(deck) == 7
    assert "<h1>01 · Bells</h1><p>What rings?</p>" in deck[0]
    assert all(
        word not in text
        for word in (
            "set-up",
            "import math",
            "check",
            "help",
            "Room A",
            "deep",
            "assert True",
            "colab",
        )
    )


def test_a_prediction_stands_before_what_it_is_about_and_its_answer_after(deck):
    places = [
        next(i for i, slide in enumerate(deck) if word in slide)
        for word in ("Predict.", "a &lt; b", "<img", "It rang")
    ]
    assert places == sorted(set(places))


def test_formulas_and_headings_are_large_and_prose_is_for_the_speaker(deck):
    assert "<h2>A bell</h2>" in deck[1] and "$$ p &lt; 1 $$" in deck[1]
    assert re.search(r"<aside>.*Prose for the notes.*</aside>", deck[1], flags=re.S)


def test_options_stand_below_their_question_and_open_one_by_one(deck):
    assert deck[1].count('<details class="course-option') == 2 and "<aside><p>Prose" in deck[1]
    assert "<code>no</code></summary>" in deck[1] and "It <em>rings</em>" in deck[1]


def test_an_exercise_is_blank(deck):
    [slide] = [slide for slide in deck if "NotImplementedError" in slide]
    assert "return 42" not in "\n".join(deck)
    assert "<h2>Exercise 1.1" in slide and "bell # loud" in slide and "More prose" not in slide
    assert "<aside><p>More prose" in deck[deck.index(slide) - 1]


def test_a_bare_heading_shares_its_slide_with_the_cell_below():
    book = v4.new_notebook(
        cells=[v4.new_markdown_cell("## Results"), cell("print(2)", shows=["2\n"])]
    )
    [slide] = slides.deck(book, book)
    assert "<h2>Results</h2>" in slide and "print(2)" in slide


@pytest.mark.parametrize("stem", STEMS)
def test_every_lesson_has_slides_for_its_core_and_shows_no_answer_of_an_exercise(stem):
    solved, blank = (
        nbformat.read(ROOT / f"{folder}/{stem}.ipynb", as_version=4)
        for folder in ("solutions", "notebooks")
    )
    made = slides.deck(solved, blank)
    assert 25 <= len(made) <= 90 and sum("Predict." in slide for slide in made) >= 3
    for cell in blank.cells:
        if (
            any(tag.startswith("exercise:") for tag in cell.metadata.get("tags", []))
            and "studio" not in cell.metadata["tags"]
        ):
            assert slides.code(cell.source) in "\n".join(made)


def test_the_page_needs_nothing_from_outside(deck):
    page = slides.page("01", deck)
    assert not re.search(r"(src|href)=\"?https?:", page) and "http" not in page.split("<body>")[0]


@pytest.mark.skipif(CHROMIUM is None and not IN_CI, reason="Chromium is not installed")
@pytest.mark.browser
def test_keys_move_through_the_slides_and_show_the_notes(deck, tmp_path):
    path = tmp_path / "01.html"
    path.write_text(slides.page("01", deck), encoding="utf-8")
    with browser() as page:
        errors, asked = [], []
        page.on("console", lambda message: errors.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert page.locator("section.shown").count() == 1 and page.locator("h1").is_visible()
        page.keyboard.press("ArrowRight")
        assert page.locator("section.shown h2").inner_text() == "A bell" and page.url.endswith("#2")
        assert not page.locator("section.shown aside").is_visible()
        page.keyboard.press("n")
        assert page.locator("section.shown aside").is_visible()
        page.keyboard.press("ArrowRight")
        assert page.locator(".shown .course-right p").is_visible() and page.url.endswith("#2")
        page.keyboard.press("Home")
        for _ in deck:
            assert not page.evaluate("spills(slides[at()])")
            page.keyboard.press("ArrowRight")
        assert page.locator("nav").inner_text() == "7 / 7"
        page.keyboard.press("Home")
        assert page.locator("h1").is_visible() and errors == []
        assert all(url.startswith(("file:", "data:")) for url in asked)
