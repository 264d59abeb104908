"""Slides from a lesson: what goes on them, and that they move in a browser without asking anybody
outside.
"""

import re

import nbformat
import pytest

from tests.browser import CHROMIUM, browser
from tests.lessons import IN_CI, ROOT, SOURCES, STEMS
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
    assert len(deck) == 10
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
        for word in ("Predict.", "&lt;</span> b", "<img", "It rang")
    ]
    assert places == sorted(set(places))


def test_formulas_and_headings_are_large_and_prose_is_for_the_speaker(deck):
    assert "<h2>A bell</h2>" in deck[1] and "$$ p &lt; 1 $$" in deck[1]
    assert re.search(r"<aside>.*Prose for the notes.*</aside>", deck[1], flags=re.S)


def test_options_stand_below_their_question_and_open_one_by_one(deck):
    assert deck[2].count('<details class="course-option') == 2 and "<aside>" not in deck[2]
    assert "<code>no</code></summary>" in deck[2] and "It <em>rings</em>" in deck[2]


def test_what_one_needs_to_know_stands_above_the_question():
    [slide] = slides.predictions("Two bells. One is `cracked`.\n\n**Predict.** Which?")
    assert '<p class="told">Two bells. One is <code>cracked</code>.</p><b>Predict.</b>' in slide
    [slide] = slides.predictions("**Predict.** Which?", "From the cell before.")
    assert '<p class="told">From the cell before.</p>' in slide
    text = "It rang. " * 60 + "Then it stopped.\n\n$$ x $$\n\n- a list\n\n**Predict.** Which?"
    said = predictions.told(text)
    assert said.endswith("Then it stopped.") and len(said) <= predictions.LETTERS


def test_a_slide_without_a_heading_has_its_section_above_it(deck):
    assert deck[2].startswith("<header>A bell</header>") and "<header>" not in deck[1]
    parts = ["<h2>Bells</h2>", "<h2>Exercise 1.1</h2>", "<pre></pre>"]
    assert slides.headed(parts)[2] == "<header>Bells</header><pre></pre>"
    assert slides.headed(['<p>See <a href="01.ipynb">01</a>.</p>']) == ["<p>See 01.</p>"]


def test_a_place_to_stop_has_a_slide_and_folded_code_has_none():
    *_, stop = slides.prose("Prose.\n\n> **A good place to stop.** You have a bell.\n> It rings.")
    assert "A good place to stop</h2><p>You have a bell. It rings.</p>" in stop
    assert slides.shown(cell("x = 1", "folded", shows=["3\n"])) == ["<div><pre>3\n</pre></div>"]


def test_plain_options_are_shown_to_vote_on():
    [slide] = slides.prose("**Predict.** Which?\n\n- A: one\n- B: `two`")
    assert "Which?" in slide and "<li>A: one</li>" in slide and "<code>two</code>" in slide


def test_an_exercise_is_blank(deck):
    [slide] = [slide for slide in deck if "NotImplementedError" in slide]
    assert "return 42" not in "\n".join(deck)
    assert (
        "<h2>Exercise 1.1" in slide
        and "bell # loud" in slide
        and 'class="exercise"' in slide
        and "More prose" not in slide
    )
    assert "<aside><p>More prose" in deck[deck.index(slide) - 1]


def test_a_bare_heading_shares_its_slide_with_the_cell_below():
    book = v4.new_notebook(
        cells=[v4.new_markdown_cell("## Results"), cell("print(2)", shows=["2\n"])]
    )
    [slide] = slides.deck(book, book)
    assert "<h2>Results</h2>" in slide and "print" in slide and "<pre>2" in slide


def test_code_that_only_draws_is_left_out_and_long_code_takes_several_slides():
    source = """def describe_bell(mu):
    return f"{mu}"

# the middle
mu = 2
ax = plots.panel(alt="A bell.")
print(mu)"""
    assert slides.taught(source) == "# the middle\nmu = 2\nprint(mu)"
    long = "\n\n".join(f"def f{i}():\n" + "    x = 1\n" * 5 + "    return x" for i in range(4))
    parts = slides.chunks(long)
    assert [part.split("(")[0] for part in parts] == [f"def f{i}" for i in range(4)]
    assert all(part.count("\n") < slides.LINES for part in slides.chunks("x = 1\n" * 100))
    assert slides.chunks("") == []
    call = "def g():\n    return f(\n" + "        1,\n" * 9 + "    )\n\n\nx = 1\ny = 2\nz = 3\n"
    assert [part.splitlines()[0] for part in slides.chunks(call)] == ["def g():", "x = 1"]


def test_what_a_cell_shows_has_its_kind_and_a_slide_of_its_own():
    moving = '<div class="explorable" data-explorable="01.fit"></div>'
    drawn = f'<div class="middle picture">{PICTURE}</div><aside><p>two bells</p></aside>'
    rows = "<tr><th>a</th></tr>" + "<tr><td>1</td></tr>" * (slides.ROWS + 1)
    shows = ["3\n", PICTURE, PICTURE, f"<table>{rows}</table>"]
    printed, *more = slides.shown(cell("plots.line(x)", shows=shows))
    assert printed == "<div><pre>3\n</pre></div>" and more[0] == drawn and len(more) == 3
    assert all("<th>a</th>" in part for part in more[1:])
    assert [part.count("<td>") for part in more[1:]] == [slides.ROWS, 1]
    made = slides.shown(cell("explorables.fit(x)", shows=[PICTURE, moving]))
    assert made == [f'<div class="middle moving">{moving}</div>'], "without the still beside it"


def test_long_prose_is_cut_between_paragraphs():
    words = ["word " * 80, "word " * 80, "word"]
    parts = slides.parted("\n\n".join(words))
    assert len(parts) == 2 and parts[1].split("\n\n")[1:] == [words[1], "word"]


@pytest.mark.parametrize("stem", STEMS)
def test_every_lesson_has_slides_for_its_core_and_shows_no_answer_of_an_exercise(stem):
    solved, blank = (
        nbformat.read(ROOT / f"{folder}/{stem}.ipynb", as_version=4)
        for folder in ("solutions", "notebooks")
    )
    made = slides.deck(solved, blank)
    assert 25 <= len(made) <= 130 and sum("Predict." in slide for slide in made) >= 3
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
        assert not page.locator(".shown .course-right p").is_visible()
        page.keyboard.press("ArrowRight")
        assert page.locator(".shown .course-right p").is_visible() and page.url.endswith("#3")
        page.keyboard.press("Home")
        for _ in deck:
            assert not page.evaluate("spills(slides[at()])")
            page.keyboard.press("ArrowRight")
        assert page.locator("nav").inner_text() == "10 / 10"
        page.keyboard.press("Home")
        assert page.locator("h1").is_visible()
        box = "<div class='explorable'><input type='range'><button>train</button></div>"
        page.evaluate("html => slides[0].insertAdjacentHTML('beforeend', html)", box)
        page.locator("input").focus()
        page.keyboard.press("ArrowRight")
        assert page.url.endswith("#1") and page.locator("input").input_value() == "51"
        page.keyboard.press("PageDown")
        assert page.url.endswith("#2")
        page.keyboard.press("Home")
        page.locator("button").click()
        page.keyboard.press("ArrowRight")
        assert page.url.endswith("#2") and errors == []
        with page.expect_popup() as desk:
            page.keyboard.press("s")
        assert "Prose for the notes" in desk.value.locator("body").inner_text()
        assert all(url.startswith(("file:", "data:")) for url in asked)


GATE = (ROOT / "tests/readable.js").read_text(encoding="utf-8").partition("\n")[2]
DAILY = "02"  # the lesson that runs fastest


@pytest.mark.skipif(CHROMIUM is None and not IN_CI, reason="Chromium is not installed")
@pytest.mark.browser
@pytest.mark.parametrize(
    "stem", [s if s[:2] == DAILY else pytest.param(s, marks=pytest.mark.slow) for s in STEMS]
)
def test_slides_can_be_read_from_the_last_row(stem, tmp_path):
    """At 1280 x 720: no letter below 18 px, code from 22 on, formulas from 40 on or as wide as the
    slide, pictures over most of it, nothing clipped; and what moves, moves.
    """
    book = slides.executed(next(source for source in SOURCES if source.stem == stem))
    blank = nbformat.read(ROOT / f"notebooks/{stem}.ipynb", as_version=4)
    made, mathjax = slides.deck(book, blank), slides.copy_mathjax(tmp_path)
    path = tmp_path / "slides.html"
    path.write_text(slides.page(stem, made, mathjax), encoding="utf-8")
    wrong, moving = {}, 0
    with browser(1280, 720) as page:
        page.goto(path.as_uri())
        if mathjax:
            page.evaluate("MathJax.startup.promise")
        for number in range(1, len(made) + 1):
            page.evaluate("n => show(n)", number - 1)
            moving += page.locator("section.shown .explorable .says").count()
            found = page.evaluate(GATE)
            wrong |= {number: found} if found else {}
    assert not wrong
    assert moving == sum("data-explorable" in slide for slide in made)
