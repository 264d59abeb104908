"""The website: its reference pages keep up with the lessons, no page is left out, and it builds without a warning."""
import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.lessons import NUMBERS, ROOT, SOURCES, STEMS
from tools import site
from tools.fill import Facts
from tools.source import read

GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^- \*\*(.+?)\*\* \((.+?)\): (.+) Lesson (\d\d)\.$", GLOSSARY, flags=re.M)
TERMS = ", ".join(term.casefold() for term, _, _, _ in ENTRIES)
NOTATION = re.split(r"^## Lesson (\d\d)\n", (ROOT / "docs/notation.md").read_text(encoding="utf-8"), flags=re.M)
NAMED = """generative ai · generative model · conditional generative model · vae · gan · data augmentation · transfer learning
text generation · image generation · ai · lstm · rnn · unsupervised · supervised · semi-supervised · cvae · cgan · generator · discriminator
adversarial · variational inference · latent space · encoder · decoder · normal distribution · gaussian · bernoulli · multinomial
cross-entropy · mean squared error, mse · loss function · gradient descent · sgd · adam · autoencoder · prior · copyright · optimizer
linear regression · learning rate · hyperparameter · epoch · batch · bce · dall·e · deepart · gpt-3 · video script · storyline
style transfer · ide · tensorboard · weights & biases · tensorflow · pytorch · keras · mxnet · dcgan · transformer · transformer-xl
multimodal · ar and vr · reconstruction · density · mass · sampling · bias correction · momentum"""  # as docs/coverage.md lists them
INVENTORY = [term.strip() for line in NAMED.split("\n") for term in line.split(" · ")]
COMMON = {"CPU", "GPU", "OK", "URL", "JSON", "MB", "GB", "PDF", "HTML", "CSV", "DOI", "NOT", "AND", "OR", "ID", "II", "III", "IV"}


@functools.cache
def lesson(number):
    """Prose and code of a lesson, or None."""
    source = next((s for s in SOURCES if s.stem.startswith(number)), None)
    cells = read(source) if source else []
    return source and tuple("\n".join(c.source for c in cells if c.kind == kind) for kind in ("markdown", "code"))


def test_every_line_of_the_glossary_is_an_entry_in_english_and_chinese():
    assert len(ENTRIES) == len(re.findall(r"^- ", GLOSSARY, flags=re.M)) >= 150
    assert not [term for term, chinese, _, _ in ENTRIES if not re.search(r"[\u4e00-\u9fff]", chinese)]
    assert len({term for term, _, _, _ in ENTRIES}) == len(ENTRIES)


def test_the_glossary_is_in_alphabetical_order():
    parts = re.split(r"^## (.*)\n", GLOSSARY, flags=re.M)[1:]
    names = [re.findall(r"^- \*\*(.+?)\*\*", text, flags=re.M) for text in parts[1::2]]
    for heading, own in zip(parts[::2], names):
        assert all(name[0].upper() in heading for name in own)
        assert [name.casefold() for name in own] == sorted(name.casefold() for name in own), heading


def test_every_term_of_the_article_is_in_the_glossary():
    assert not [term for term in INVENTORY if term not in TERMS]


def test_every_abbreviation_of_the_lessons_and_of_the_inventory_is_in_the_glossary():
    texts = [re.sub(r"```.*?```|`[^`]*`|\$[^$]*\$|\]\([^)]*\)|\{\{.*?\}\}", " ", lesson(n)[0], flags=re.S) for n in NUMBERS]
    texts.append("\n".join(re.findall(r"^\| S\S+ \| (.*?) \|", (ROOT / "docs/coverage.md").read_text(encoding="utf-8"), flags=re.M)))
    found = {word.removesuffix("s") for text in texts for word in re.findall(r"\b[A-Z]{2,}s?\b", text)}
    missing = {word for word in found if word.casefold() not in GLOSSARY.casefold()} - COMMON
    assert not missing


@pytest.mark.parametrize("number", NUMBERS)
def test_a_term_is_met_in_the_lesson_that_the_glossary_names(number):
    text = " ".join(lesson(number)).casefold()
    for term, _, said, where in ENTRIES:
        words = [word[:5] for word in re.findall(r"[\w&·.]{3,}", term.casefold()) if word != "and"] or [term.casefold()]
        assert where != number or any(word in text for word in words), term


@pytest.mark.parametrize("number, table", list(zip(NOTATION[1::2], NOTATION[2::2])), ids=NOTATION[1::2])
def test_every_symbol_is_used_in_its_lesson(number, table):
    if lesson(number) is None:
        pytest.skip(f"lesson {number} is in the making")
    prose, code = lesson(number)
    formulas = re.sub(r"\s|\\,", "", " ".join(re.findall(r"\$+([^$]+)\$+", prose))).replace(r"\|", r"\Vert")
    rows = re.findall(r"^\| \$(.+?)\$ \| (?:`(\w+)` )?\| (.+?) \| (.*?) ?\|$", table, flags=re.M)
    assert len(rows) == len(re.findall(r"^\| ", table, flags=re.M)) - 1 >= 4  # all but the head
    for symbol, name, _, _ in rows:
        assert re.sub(r"\s|\\,", "", symbol) in formulas, symbol
        assert not name or re.search(rf"\b{name}\b", code), name


def test_the_front_page_lists_every_lesson_and_every_page():
    text = site.index(ROOT, (ROOT / "docs/index.md").read_text(encoding="utf-8"), Facts(ROOT))
    listed = re.findall(r"^\w+$", text, flags=re.M)
    assert "notebooks/*" in text and all(f"](notebooks/{stem}.ipynb)" in text for stem in STEMS)
    assert sorted(listed) == sorted(p.stem for p in (ROOT / "docs").glob("*.md") if p.stem != "index")
    assert "workshop/*" in (ROOT / "docs/instructors.md").read_text(encoding="utf-8")


def test_links_out_of_docs_lead_to_the_repository():
    facts = Facts(ROOT)
    made = site.linked("[a](../grading/x.yml) [b](../../run.py) [c](grading.md)", site.Path("grading.md"), facts)
    assert made == f"[a]({facts.repository}/blob/main/grading/x.yml) [b](../../run.py) [c](grading.md)"
    deep = site.linked("[a](../grading.md) [b](../../run.py)", site.Path("workshop/x.md"), facts)
    assert deep == f"[a](../grading.md) [b]({facts.repository}/blob/main/run.py)"


@pytest.mark.parametrize("stem", STEMS[:1])
def test_a_page_shows_what_the_answers_lead_to_and_not_the_answers(stem, tmp_path, monkeypatch):
    solved = nbformat.read(ROOT / f"solutions/{stem}.ipynb", 4)
    slider = {"_view_name": "FloatSliderView", "description": "mean", "min": 4.0, "max": 20.0}
    state = {"box": {"state": {"children": ["IPY_MODEL_s"]}}, "s": {"state": slider}, "bar": {"state": {"children": []}}}
    solved.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    cell = next(c for c in solved.cells if "widgets.explore" in c.source)
    views = [nbformat.v4.new_output("display_data", {site.WIDGET: {"model_id": name}}) for name in ("box", "bar")]
    picture = nbformat.v4.new_output("display_data", {"text/html": f'<img alt="Three bells." src="data:image/png;base64,{pixel}">'})
    cell.outputs = [*views, nbformat.v4.new_output("stream", name="stderr", text="50%"), picture]
    monkeypatch.setattr(site, "executed", lambda root, stem: solved)
    page = site.lesson_page(ROOT, stem, tmp_path)
    made = next(c for c in page.cells if "widgets.explore" in c.source)
    assert len(made.outputs) == 2 and "mean</strong> (4 to 20)" in made.outputs[0].data["text/html"]
    name = next(tmp_path.glob("*.png")).name
    assert f'<img alt="Three bells." src="../_static/pictures/{name}" width="1" height="1"' in made.outputs[1].data["text/html"]
    blank = [c.source for c in nbformat.read(ROOT / f"notebooks/{stem}.ipynb", 4).cells if c.cell_type == "code"]
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


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx_book_theme") is None, reason='needs pip install -e ".[site]"')
def test_the_site_builds_without_a_warning_and_loads_nothing_from_outside(tmp_path):
    offline = ["unshare", "-rn"] if shutil.which("unshare") and os.environ.get("COURSE_OFFLINE") else []
    built = subprocess.run([*offline, sys.executable, "-m", "tools.site", "--out", str(tmp_path / "html")], cwd=ROOT,
                           capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-3000:]
    pages = list((tmp_path / "html").rglob("*.html"))
    assert {f"{stem}.html" for stem in STEMS} <= {page.name for page in pages}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|link|iframe|audio)\b[^>]*\b(?:src|href)=\"(?:https?:)?//", text), page
        assert not re.findall(r"<img(?![^>]*\balt=\"[^\"]+\")[^>]*>", text), page
    assert json.dumps(sorted(p.name for p in (tmp_path / "html").iterdir())).count("searchindex.js") == 1
