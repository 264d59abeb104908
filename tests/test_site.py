"""The website: its reference pages keep up with the lessons, no page is left out, and it builds
without a warning.
"""

import functools
import gzip
import importlib.util
import io
import re
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest

from course_utils.platform import door
from tests.browser import CHROMIUM, browser
from tests.lessons import NUMBERS, ROOT, SOURCES, STEMS
from tools import finish, grammar, home, site
from tools.render import Facts
from tools.source import read

GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^- \*\*(.+?)\*\* \((.+?)\): (.+) Lesson (\d\d)\.$", GLOSSARY, flags=re.M)
TERMS = ", ".join(term.casefold() for term, _, _, _ in ENTRIES)
NOTATION = re.split(
    r"^## Lesson (\d\d)\n", (ROOT / "docs/notation.md").read_text(encoding="utf-8"), flags=re.M
)
NAMED = """
generative ai · generative model · conditional generative model · vae · gan · data augmentation
transfer learning · text generation · image generation · ai · lstm · rnn · unsupervised
supervised · semi-supervised · cvae · cgan · generator · discriminator · adversarial
variational inference · latent space · encoder · decoder · normal distribution · gaussian
bernoulli · multinomial · cross-entropy · mean squared error, mse · loss function
gradient descent · sgd · adam · autoencoder · prior · copyright · optimizer · linear regression
learning rate · hyperparameter · epoch · batch · bce · dall·e · deepart · gpt-3 · video script
storyline · style transfer · ide · tensorboard · weights & biases · tensorflow · pytorch · keras
mxnet · dcgan · transformer · transformer-xl · multimodal · ar and vr · reconstruction · density
mass · sampling · bias correction · momentum · numpy · python · dense layer · matplotlib
flowchart · pseudocode · productivity · privacy · misinformation · disease · drug molecules
floor plan · mechanical part · map or level · hugging face · jmlr · tpami · coursera · edx
udacity
"""  # terms and abbreviations as docs/coverage.md lists them
INVENTORY = [term.strip() for line in NAMED.strip().split("\n") for term in line.split(" · ")]
COMMON = {
    "ESRGAN",
    "VQGAN",
    "MNIST",
    "CPU",
    "GPU",
    "OK",
    "URL",
    "JSON",
    "MB",
    "GB",
    "PDF",
    "HTML",
    "CSV",
    "DOI",
    "ID",
    "II",
    "III",
    "IV",
}


@functools.cache
def lesson(number):
    """Prose and code of a lesson, or None."""
    source = next((s for s in SOURCES if s.stem.startswith(number)), None)
    cells = read(source) if source else []
    return source and tuple(
        "\n".join(c.source for c in cells if c.kind == kind) for kind in ("markdown", "code")
    )


def test_every_line_of_the_glossary_is_an_entry_in_english_and_chinese():
    assert len(ENTRIES) == len(re.findall(r"^- ", GLOSSARY, flags=re.M)) >= 150
    assert not [
        term for term, chinese, _, _ in ENTRIES if not re.search(r"[\u4e00-\u9fff]", chinese)
    ]
    assert len({term for term, _, _, _ in ENTRIES}) == len(ENTRIES)


def test_the_glossary_is_in_alphabetical_order():
    parts = re.split(r"^## (.*)\n", GLOSSARY, flags=re.M)[1:]
    names = [re.findall(r"^- \*\*(.+?)\*\*", text, flags=re.M) for text in parts[1::2]]
    for heading, own in zip(parts[::2], names, strict=True):
        assert all(name[0].upper() in heading for name in own)
        assert [name.casefold() for name in own] == sorted(name.casefold() for name in own), heading


def test_every_term_of_the_article_is_in_the_glossary():
    assert not [term for term in INVENTORY if term not in TERMS]


def test_every_abbreviation_of_the_lessons_and_of_the_inventory_is_in_the_glossary():
    texts = [
        re.sub(
            r"```.*?```|`[^`]*`|\$[^$]*\$|\]\([^)]*\)|\{\{.*?\}\}", " ", lesson(n)[0], flags=re.S
        )
        for n in NUMBERS
    ]
    inventory = (ROOT / "docs/coverage.md").read_text(encoding="utf-8")
    texts.append("\n".join(re.findall(r"^\| S\S+ \| (.*?) \|", inventory, flags=re.M)))
    found = {
        word.removesuffix("s") for text in texts for word in re.findall(r"\b[A-Z]{2,}s?\b", text)
    }
    missing = {word for word in found if word.casefold() not in GLOSSARY.casefold()} - COMMON
    assert not missing


@pytest.mark.parametrize("number", NUMBERS)
def test_a_term_is_met_in_the_lesson_that_the_glossary_names(number):
    text = " ".join(lesson(number)).casefold()
    for term, _, _, where in ENTRIES:
        words = [
            word[:5] for word in re.findall(r"[\w&·.]{3,}", term.casefold()) if word != "and"
        ] or [term.casefold()]
        assert where != number or any(word in text for word in words), term


@pytest.mark.parametrize(
    "number, table", list(zip(NOTATION[1::2], NOTATION[2::2], strict=True)), ids=NOTATION[1::2]
)
def test_every_symbol_is_used_in_its_lesson(number, table):
    if lesson(number) is None:
        pytest.skip(f"lesson {number} is in the making")
    prose, code = lesson(number)
    formulas = re.sub(r"\s|\\,", "", " ".join(re.findall(r"\$+([^$]+)\$+", prose))).replace(
        r"\|", r"\Vert"
    )
    rows = re.findall(r"^\| \$(.+?)\$ \| (?:`(\w+)` )?\| (.+?) \| (.*?) ?\|$", table, flags=re.M)
    assert len(rows) == len(re.findall(r"^\| ", table, flags=re.M)) - 1 >= 4  # all but the head
    for symbol, name, _, _ in rows:
        assert re.sub(r"\s|\\,", "", symbol) in formulas, symbol
        assert not name or re.search(rf"\b{name}\b", code), name


def test_the_front_page_has_a_card_for_every_lesson_and_lists_every_page(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "executed", lambda root, stem: None)
    text = site.filled(ROOT, (ROOT / "docs/index.md").read_text(encoding="utf-8"), tmp_path)
    listed = re.findall(r"^\w+$", text, flags=re.M)
    assert "\nnotebooks/*\n" in text and "\nworkshop/*/*\n" in site.ROOMS
    assert re.findall(r'class="course-title"><a href="notebooks/(.*?)\.html"', text) == STEMS
    assert sorted(listed) == sorted(
        p.stem for p in (ROOT / "docs").glob("*.md") if p.stem != "index"
    )
    plans = (ROOT / "docs/instructors.md").read_text(encoding="utf-8")
    assert all(
        f"]({path.relative_to(ROOT / 'docs').as_posix()})" in plans
        for path in (ROOT / "docs/workshop").rglob("*.md")
    )


def test_a_card_moves_once_its_lesson_has_been_run():
    page = '<div data-explorable="01.fit">\n\n<img></div>'
    output = nbformat.v4.new_output("execute_result", {"text/html": page})
    ran = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    made = home.cards({stem: ran if stem[:2] == "01" else None for stem in STEMS}, lambda p, s: p)
    assert made.count("data-explorable") == 1 and "\n\n" not in made
    assert made.count("_static/cards/") == len(STEMS) - 1
    kinds = re.findall(r'class="course-card (.*?)"', made)
    assert kinds == ["course-wide", *[""] * 8, "course-wide"], "no card stands beside a gap"


BOXES = """## A heading
**Debug a claim.** All is
normal.

**Predict.** Is it?

<details class="course-option" id="p"><summary><b>A</b> yes</summary>

**No.** It is not.

</details>

Prose.

> **A good place to stop.** You can
> now rest.

That was the core. More."""


def test_each_part_of_a_lesson_is_in_a_box_of_its_kind():
    text = grammar.marked(BOXES)
    found = re.findall(r"^::::\{container\} course-(\w+)\n(.*?)\n::::$", text, flags=re.S | re.M)
    inside = dict(found)
    assert [kind for kind, _ in found] == ["claim", "predict", "stop", "end"]
    assert inside["predict"].endswith("</details>") and "Prose" not in inside["predict"]
    assert inside["stop"] == "**A good place to stop.** You can\nnow rest."
    assert re.sub(r"\s|> |:+(\{container\} course-\w+)?", "", text) == re.sub(
        r"\s|> |:+", "", BOXES
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_every_lesson_uses_the_words_that_mark_its_parts(number):
    kinds = re.findall(r"\{container\} course-(\w+)", grammar.marked(lesson(number)[0]))
    assert {"predict", "claim", "stop", "end"} <= {*kinds} and kinds.count("end") == 1


def test_plain_options_belong_to_their_prediction():
    asked = "**Predict.** Which?\n\n- A: one\n  of two\n- B: the other"
    text = grammar.marked(f"{asked}\n\nProse.")
    assert text.strip() == f"::::{{container}} course-predict\n{asked}\n::::\n\nProse."


def test_an_exercise_is_framed_and_its_verdict_is_behind_the_answer():
    v4 = nbformat.v4
    verdict = v4.new_output("display_data", {"text/html": '<div role="status">passes</div>'})
    cells = [
        v4.new_markdown_cell("### Exercise 1.1 · `f`\nThe task."),
        v4.new_code_cell("def f(): ...", metadata={"tags": ["exercise:1.1"]}),
        v4.new_code_cell("check", metadata={"tags": ["check:1.1"]}, outputs=[verdict]),
        v4.new_markdown_cell("Stuck?", metadata={"tags": ["help:1.1"]}),
        v4.new_markdown_cell("Prose."),
    ]
    grammar.framed(cells, {"1.1": "def f():\n    return 1"})
    texts = [cell.source for cell in cells]
    assert texts[0] == '### Exercise 1.1 · `f`\n\n<div class="course-exercise">\n\nThe task.'
    assert texts[1:3] == ["def f(): ...", "check"] and cells[2].outputs == []
    fold = re.fullmatch(r"<details.*?</summary>(.*)</details>", texts[3], flags=re.S)[1]
    assert fold.index("return 1") < fold.index("passes")
    assert texts[4:] == ["Stuck?", "</div>", "Prose."]


def test_a_formula_in_an_option_is_one_for_the_site_as_well():
    made = grammar.marked("<details><summary>at $x$</summary>\n\nor $y$ for $5\n\n</details>")
    span = r'<summary>at <span class="math notranslate nohighlight">\(x\)</span></summary>'
    assert span in made and "or $y$ for $5" in made


def test_pages_get_descriptions_a_map_and_only_the_icons_that_they_use(tmp_path):
    (tmp_path / "_static/scripts").mkdir(parents=True)
    (tmp_path / "_static/site.css").write_text("/* ours */\n")
    icons = '{"sun":[576,512,[9728],"f185","M1 2z"],moon:[512,512,[],"f186","M3 4z"]}'
    (tmp_path / "_static/scripts/fontawesome.js").write_text(icons)
    tag = '<script defer src="../_static/scripts/fontawesome.js?digest=1"></script>'
    page = (
        f"<html><head><title>A page</title>{tag}</head><body><article><p>short</p>"
        f"<p>{'Many words that <em>say</em> what it is about. ' * 9}</p></article>"
        '<button class="btn search-button-field" aria-label="Search"><i class="fa-solid fa-sun">'
    )
    (tmp_path / "notebooks").mkdir()
    for name in ("index", f"notebooks/{STEMS[0]}"):
        (tmp_path / f"{name}.html").write_text(page)
    finish.finish(tmp_path, "https://a.b/c/")
    text = (tmp_path / "index.html").read_text()
    assert "fontawesome" not in text and "aria-label" not in text
    assert not (tmp_path / "_static/scripts/fontawesome.js").exists()
    css = (tmp_path / "_static/site.css").read_text()
    assert css.startswith("/* ours */") and ".fa-sun{" in css and "M1 2z" in css and "M3" not in css
    said = re.search(r'<meta name="description" content="(.*?)">', text)[1]
    assert said.startswith("Many words that say what") and len(said) <= finish.LONGEST + 4
    assert '<link rel="canonical" href="https://a.b/c/">' in text
    assert 'og:image" content="https://a.b/c/_static/social.png"' in text
    lesson = (tmp_path / f"notebooks/{STEMS[0]}.html").read_text()
    assert door.lessons()[0]["question"] in re.search('description" content="(.*?)"', lesson)[1]
    assert f"<loc>https://a.b/c/notebooks/{STEMS[0]}.html</loc>" in (
        (tmp_path / "sitemap.xml").read_text()
    )
    assert "Sitemap: https://a.b/c/sitemap.xml" in (tmp_path / "robots.txt").read_text()
    assert 'href="https://a.b/c/"' in (tmp_path / "404.html").read_text()


def test_an_icon_that_the_theme_lacks_is_an_error(tmp_path):
    (tmp_path / "_static/scripts").mkdir(parents=True)
    (tmp_path / finish.ICONS).write_text("{}")
    with pytest.raises(ValueError, match="no icon fa-owl"):
        finish.slim_icons(tmp_path, ['<i class="fa-solid fa-owl">'])


def test_the_picture_for_links_has_the_size_that_networks_ask_for():
    from PIL import Image

    path = ROOT / "docs/social.png"
    assert Image.open(path).size == (1200, 630) and path.stat().st_size < 300_000


def test_the_glossary_leads_to_the_lessons(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "executed", lambda root, stem: None)
    text = site.filled(ROOT, "A term. Lesson 01.\nAnother. Lesson 99.\nLesson 01. More.", tmp_path)
    assert (
        text == f"A term. [Lesson 01](notebooks/{STEMS[0]}.ipynb).\nAnother. Lesson 99.\nLesson 01."
        " More."
    )


def test_a_page_links_to_headings_and_the_glossary_has_anchors():
    text = "[a](../notebooks/01_x.ipynb#Why:-is-it?)"
    facts = Facts(ROOT)
    assert site.linked(text, site.Path("p.md"), facts) == "[a](notebooks/01_x.ipynb#why-is-it)"
    text = "Words.\n\n## J and K\n\n- **KL (x), y**: It."
    made = site.linked(text, site.Path("glossary.md"), facts)
    row = "[J and K](#j-and-k)\n\n## J and K"
    assert row in made and '- <span id="kl-x-y"></span>**KL (x), y**: It.' in made


def test_links_out_of_docs_lead_to_the_repository():
    facts = Facts(ROOT)
    made = site.linked(
        "[a](../grading/x.yml) [b](../../run.py) [c](grading.md)", site.Path("grading.md"), facts
    )
    assert (
        made == f"[a]({facts.repository}/blob/main/grading/x.yml) [b](../../run.py) [c](grading.md)"
    )
    deep = site.linked("[a](../grading.md) [b](../../run.py)", site.Path("workshop/x.md"), facts)
    assert deep == f"[a](../grading.md) [b]({facts.repository}/blob/main/run.py)"


@pytest.mark.parametrize("stem", STEMS[:1])
def test_a_page_shows_what_the_answers_lead_to_and_not_the_answers(stem, tmp_path, monkeypatch):
    solved = nbformat.read(ROOT / f"solutions/{stem}.ipynb", 4)
    slider = {"_view_name": "FloatSliderView", "description": "mean", "min": 4.0, "max": 20.0}
    state = {
        "box": {"state": {"children": ["IPY_MODEL_s"]}},
        "s": {"state": slider},
        "bar": {"state": {"children": []}},
    }
    solved.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
        "AAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    )
    cell = next(c for c in solved.cells if c.cell_type == "code" and "alt=" in c.source)
    views = [
        nbformat.v4.new_output("display_data", {site.WIDGET: {"model_id": name}})
        for name in ("box", "bar")
    ]
    address = f"data:image/png;base64,{pixel}"
    picture = f'<img alt="Three bells." src="{address}" width="1" height="1" style="">'
    cell.outputs = [
        *views,
        nbformat.v4.new_output("stream", name="stderr", text="50%"),
        nbformat.v4.new_output("display_data", {"text/html": picture}),
    ]
    monkeypatch.setattr(site, "executed", lambda root, stem: solved)
    page = site.lesson_page(ROOT, stem, tmp_path)
    made = next(c for c in page.cells if c.cell_type == "code" and "alt=" in c.source)
    assert len(made.outputs) == 2 and "mean</strong> (4 to 20)" in made.outputs[0].data["text/html"]
    name = next(tmp_path.glob("*.png")).name
    expected = f'<img alt="Three bells." src="../_static/pictures/{name}" width="1" height="1"'
    assert expected in made.outputs[1].data["text/html"]
    blank = [
        c.source
        for c in nbformat.read(ROOT / f"notebooks/{stem}.ipynb", 4).cells
        if c.cell_type == "code"
    ]
    assert [c.source for c in page.cells if c.cell_type == "code"] == blank
    assert any("NotImplementedError" in source for source in blank)


def test_a_changed_lesson_needs_a_new_run(tmp_path):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    for folder in ("solutions", site.EXECUTED):
        (tmp_path / folder).mkdir(parents=True)
        nbformat.write(book, tmp_path / folder / "01_x.ipynb")
    assert site.executed(tmp_path, "01_x") and site.executed(tmp_path, "02_y") is None
    book.cells[0].source = "1 + 2"
    nbformat.write(book, tmp_path / "solutions/01_x.ipynb")
    assert site.executed(tmp_path, "01_x") is None


def test_settings_ask_nobody_outside():
    text = (ROOT / "docs/conf.py").read_text(encoding="utf-8")
    assert "nb_ipywidgets_js = {}" in text and "intersphinx" not in text
    assert not re.search(r"https?://(?!mybinder\.org|colab\.research\.google\.com)", text)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site, built without a network where the system can do that. -> its pages by path"""
    if importlib.util.find_spec("sphinx_book_theme") is None:
        pytest.skip("needs pip install -e '.[test,site]'")
    out = tmp_path_factory.mktemp("site") / "html"
    able = (
        shutil.which("unshare")
        and subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0
    )
    alone = ["unshare", "-rn"] if able else []
    command = [*alone, sys.executable, "-m", "tools", "site", "--out", str(out)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]
    return {
        path: path.read_text(encoding="utf-8")
        for path in out.rglob("*.html")
        if "_static" not in path.parts
    }


@pytest.mark.slow
def test_the_site_has_every_page_and_loads_nothing_from_outside(built):
    names = {path.stem for path in built}
    assert set(STEMS) | {path.stem for path in (ROOT / "docs").glob("*.md")} <= names
    for path, text in built.items():
        assert not re.findall(
            r'<(?:script|img|iframe|audio|source)\b[^>]*\bsrc="(?:https?:)?//', text
        ), path
        links = re.findall(r'<link\b[^>]*\bhref="(?:https?:)?//[^>]*>', text)
        assert all('rel="canonical"' in link for link in links), path


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_beside_every_widget_stands_a_picture(built, stem):
    if site.executed(ROOT, stem) is None:
        pytest.skip("not run: python -m tools site --execute")
    text = next(text for path, text in built.items() if path.match(f"notebooks/{stem}.html"))
    source = lesson(stem[:2])[1]
    widgets = source.count("widgets.explore(")
    assert len(re.findall(r'class="course-sliders"', text)) == widgets
    assert len(re.findall(r'data-explorable="\d', text)) == source.count("\nexplorables.")
    in_their_cell = r'class="course-sliders"(?:(?!class="cell docutils).)*?<img alt="[^"]{20}'
    assert len(re.findall(in_their_cell, text, flags=re.S)) == widgets


@pytest.mark.slow
def test_every_link_inside_the_site_resolves(built):
    names = {
        path.resolve(): set(re.findall(r'\bid="([^"]+)"', text)) for path, text in built.items()
    }
    for path, text in built.items():
        for target, anchor in re.findall(
            r'\bhref="(?!https?:|mailto:|data:)([^"#?]*)[^"#]*#?([^"]*)"', text
        ):
            goal = (path.parent / target).resolve() if target else path.resolve()
            assert goal.exists(), (path.name, target)
            assert not anchor or anchor in names.get(goal, {anchor}), (path.name, target, anchor)


@pytest.mark.slow
def test_launch_buttons_open_notebooks_that_exist(built):
    for stem in STEMS:
        text = next(text for path, text in built.items() if path.match(f"notebooks/{stem}.html"))
        targets = set(re.findall(r'href="https://colab[^"]*?/blob/main/([^"]+)"', text))
        targets |= {
            t.replace("%2F", "/")
            for t in re.findall(r'href="https://mybinder[^"]*?tree(?:/|%2F)([^"]+)"', text)
        }
        assert targets == {f"notebooks/{stem}.ipynb"}


@pytest.mark.slow
def test_every_picture_is_described_and_headings_go_down_one_level_at_a_time(built):
    for path, text in built.items():
        assert (
            not re.findall(r'<img(?![^>]*\balt="[^"]+")[^>]*>', text) and '<html lang="en"' in text
        ), path
        article = text.partition("<article")[2].partition("</article>")[0]
        # the search page has no article
        levels = [int(level) for level in re.findall(r"<h([1-6])\b", article)] or [1]
        assert levels[0] == 1 and levels.count(1) == 1, path
        assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False)), (path, levels)


SHOWN_AS_IT_IS = re.compile(r"<(pre|code|script|style|textarea)\b.*?</\1>", re.S)


@pytest.mark.slow
def test_no_formula_is_left_as_it_was_typed(built):
    for path, text in built.items():
        article = text.partition("<article")[2].partition("</article>")[0]
        words = re.sub(r"<[^>]+>", "", SHOWN_AS_IT_IS.sub("", article))
        assert not re.findall(r".*\$.*", words), path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address(built):
    folder = next(path for path in built if path.name == "search.html").parent
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


IN_THE_BROWSER = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.mark.slow
@pytest.mark.browser
@IN_THE_BROWSER
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1366, 1920])
def test_every_page_fits_the_screen_and_asks_nobody_outside(built, address, width, theme):
    root = next(path for path in built if path.name == "search.html").parent
    with browser(width) as page:
        page.emulate_media(color_scheme=theme)
        said, outside = [], []
        page.on(
            "console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda e: said.append(str(e)))
        page.on(
            "request",
            lambda r: (
                outside.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None
            ),
        )
        for path in built:
            page.goto(address + path.relative_to(root).as_posix(), wait_until="networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert page.locator("mjx-merror").count() == 0, path
            assert (
                page.locator("span.math").count() == 0 or page.locator("mjx-container").count() > 0
            ), path
        assert said == [] and outside == []


@pytest.mark.slow
@pytest.mark.browser
@IN_THE_BROWSER
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index", "glossary", *(f"notebooks/{stem}" for stem in STEMS)])
def test_axe_finds_nothing_serious(address, name, theme):
    from axe_playwright_python.sync_playwright import Axe

    with browser() as page:
        page.emulate_media(color_scheme=theme)
        page.goto(f"{address}{name}.html", wait_until="networkidle")
        page.evaluate("document.querySelectorAll('article details').forEach(e => e.open = true)")
        violations = Axe().run(page).response["violations"]
    serious = [v for v in violations if v["impact"] in ("serious", "critical")]
    assert [(v["id"], *(node["html"][:120] for node in v["nodes"])) for v in serious] == []


@pytest.mark.slow
@pytest.mark.browser
@IN_THE_BROWSER
def test_a_reader_with_a_keyboard_opens_a_fold_and_finds_a_term(address):
    with browser() as page:
        page.goto(f"{address}notebooks/{STEMS[0]}.html", wait_until="networkidle")
        fold = page.locator("article details.course-answer > summary").first
        fold.focus()
        page.keyboard.press("Enter")
        assert fold.evaluate("e => e.parentElement.open")
        page.goto(f"{address}search.html?q=Bernoulli", wait_until="networkidle")
        page.locator("#search-results a", has_text="Glossary").first.focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Glossary").wait_for()
        page.goto(f"{address}search.html?q=变分自编码器", wait_until="networkidle")
        page.locator("#search-results a", has_text="Glossary").first.click()
        page.wait_for_url("**/glossary.html#variational-autoencoder*")
        assert page.locator("li:has(:target)").bounding_box()["y"] < 768


@pytest.mark.slow
@pytest.mark.browser
@IN_THE_BROWSER
def test_the_first_page_counts_the_predictions_made_in_lessons(address):
    with browser(390) as page:
        page.goto(f"{address}index.html")
        assert page.locator(".course-tally").inner_text() == "You have made no prediction yet."
        page.goto(f"{address}notebooks/{STEMS[0]}.html", wait_until="networkidle")
        page.locator("details.course-right > summary").first.click()
        page.goto(f"{address}index.html")
        assert (
            page.locator(".course-tally").inner_text() == "You were right about 1 of 1 predictions."
        )


@pytest.mark.slow
@pytest.mark.browser
@IN_THE_BROWSER
def test_a_phone_shows_where_there_is_more_to_the_right(address):
    with browser(390) as page:
        page.goto(f"{address}notebooks/{STEMS[0]}.html", wait_until="networkidle")
        line = page.wait_for_selector("pre.course-more")
        line.evaluate("e => { e.scrollLeft = e.scrollWidth }")
        page.wait_for_function("e => !e.classList.contains('course-more')", arg=line)
        page.goto(f"{address}index.html")
        assert not page.locator(".secondary-toggle").first.is_visible()


# what a page may weigh, in MB: as sent with gzip, as GitHub Pages sends it
WEIGHTS = {"index.html": 0.8} | {f"notebooks/{stem}.html": 1.5 for stem in STEMS}


class Zipped(Quiet):
    """Sends texts as GitHub Pages does."""

    def send_head(self):
        path = Path(self.translate_path(self.path))
        if path.suffix not in (".html", ".css", ".js", ".svg"):
            return super().send_head()
        data = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        return io.BytesIO(data)


@pytest.mark.slow
@pytest.mark.browser
@IN_THE_BROWSER
@pytest.mark.parametrize("name", WEIGHTS)
def test_a_page_is_light_and_does_not_jump(built, name):
    folder = next(path for path in built if path.name == "search.html").parent
    handler = functools.partial(Zipped, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, browser() as page:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sent = []
        log = page.context.new_cdp_session(page)
        log.send("Network.enable")
        log.on("Network.loadingFinished", lambda event: sent.append(event["encodedDataLength"]))
        page.add_init_script(JUMPS)
        page.goto(f"http://127.0.0.1:{server.server_port}/{name}", wait_until="networkidle")
        assert sum(sent) / 1e6 <= WEIGHTS[name]
        assert page.evaluate("window.jumps") <= 0.02
        server.shutdown()


JUMPS = """window.jumps = 0; new PerformanceObserver(list => {
  for (const jump of list.getEntries()) window.jumps += jump.value;
}).observe({type: 'layout-shift', buffered: true});"""


@pytest.mark.slow
@pytest.mark.browser
@IN_THE_BROWSER
def test_code_is_copied_and_the_verdict_is_behind_the_answer(address):
    with browser() as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(f"{address}notebooks/{STEMS[0]}.html", wait_until="networkidle")
        frame = page.locator(".course-exercise").first
        frame.locator(".course-copy").first.click()
        assert "def normal_logpdf" in page.evaluate("navigator.clipboard.readText()")
        verdict = frame.locator("[role=status]")
        assert verdict.count() == 0 or not verdict.first.is_visible()
        frame.locator(".course-answer > summary").press("Enter")
        assert frame.locator(".course-answer pre").is_visible()
