"""The lessons as a learner meets them: index, Run All on the blank, a wrong and a right answer, a
slider that moves.
"""

import os

import pytest

from tests.browser import CHROMIUM, Page, browser, copy_of_the_course, lab
from tests.lessons import IN_CI

if CHROMIUM is None and IN_CI:
    raise RuntimeError("Chromium is missing, and in CI that is a failure: .ci/run installs it")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(os.name == "nt", reason="the copy of the course needs symbolic links"),
]

WRONG = """def normal_logpdf(x, mu, var):
    return -0.5 * np.log(2 * np.pi * var**2) - (x - mu) ** 2 / (2 * var**2)"""
RIGHT = """def normal_logpdf(x, mu, var):
    return -0.5 * np.log(2 * np.pi * var) - (x - mu) ** 2 / (2 * var)"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder, config = (
        copy_of_the_course(tmp_path_factory.mktemp("course")),
        tmp_path_factory.mktemp("jupyter"),
    )
    with lab(folder, config) as where:
        yield where


@pytest.fixture
def page(address):
    with browser() as page:
        yield Page(page, address)


def test_the_lab_opens_on_the_index(page):
    page.page.goto(page.address.format("/"), wait_until="domcontentloaded")
    page.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    # the learner is in my/
    page.page.locator(".jp-DirListing-item", has_text="01_distributions.ipynb").wait_for()
    # before any cell is run: the picture, ten cards, and where to begin
    page.page.wait_for_function(
        "n => [...document.querySelectorAll('.jp-Notebook img')].filter(i => i.naturalWidth)"
        ".length === n",
        arg=11,
    )
    assert page.page.locator(".jp-OutputArea b", has_text="Start here").count() == 1
    assert page.page.get_by_text("notified about official Jupyter news").count() == 0
    assert page.page.get_by_text("Last Modified").count() == 0, "names have the whole width"
    page.page.locator(".jp-OutputArea a", has_text="01 Probability distributions").click()
    page.page.locator(".jp-Notebook h1", has_text="01 · Probability distributions").wait_for(
        timeout=60_000
    )


def test_a_learner_works_through_lesson_01(page):
    page.open("my/01_distributions.ipynb")
    page.run_all()
    assert page.page.get_by_text("Error displaying widget").count() == 0
    assert page.page.get_by_text("Open in Colab").count() == 0
    setup = page.page.locator(".jp-CodeCell").first
    assert "Set-up" in setup.inner_text() and "import" not in setup.inner_text()
    assert "not answered yet" in page.cell('check("1.1"').locator(".jp-OutputArea").inner_text()

    page.write_and_run("def normal_logpdf", WRONG)
    verdict = page.run('check("1.1"')
    assert "not yet" in verdict and "squared once more" in verdict
    page.write_and_run("def normal_logpdf", RIGHT)
    # without a mouse: out of the editor, down to the check, run it
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("Control+Enter")
    page.cell('check("1.1"').get_by_text("public checks pass").wait_for(timeout=30_000)

    move_an_explorable(page, "01.fit")
    images = every_image_is_described(page)
    assert images >= 12 and page.errors == [] and page.outside == []


MOVED = {  # an explorable that lives in the page, or the first slider of a cell that asks Python
    "02_losses": "02.directions",
    "03_optimizers": "03.valley",
    "04_autoencoder_to_vae": "04.gap",
    "06_gan": "06.distances",
    "07_conditional_and_design": "07.condition",
    "08_sequences": "08.attention",
    "09_images_and_maps": "caption_sliders = widgets.explore",
    "10_medicine_and_safety": "10.watermark",
}


# nbval runs every blank lesson too, and lesson 01 above shows what only a browser shows
@pytest.mark.slow
@pytest.mark.parametrize("stem, name", MOVED.items())
def test_a_blank_lesson_runs_to_its_end_and_its_picture_moves(page, stem, name):
    page.open(f"my/{stem}.ipynb")
    page.run_all()
    assert page.page.get_by_text("Error displaying widget").count() == 0
    (move_a_slider if "widgets" in name else move_an_explorable)(page, name)
    assert every_image_is_described(page) >= 5 and page.errors == [] and page.outside == []


def move_an_explorable(page, name):
    """By mouse and by keyboard on its first slider: its sentence must change, without Python."""
    root = page.page.locator(f'.jp-OutputArea [data-explorable="{name}"]').first
    slider, said = root.locator("input[type=range]").first, root.locator(".says")
    before = said.text_content()
    slider.scroll_into_view_if_needed()
    changed = "([said, before]) => said.textContent !== before"
    box = slider.bounding_box()
    slider.click(position={"x": 0.2 * box["width"], "y": box["height"] / 2})
    page.page.wait_for_function(changed, arg=[said.element_handle(), before])
    # keys are the slider's, not the notebook's: arrows select no cell, D twice deletes none
    cells = "[...document.querySelectorAll('.jp-Notebook .jp-Cell')].map(cell => cell.className)"
    held = page.page.evaluate(cells)
    for key in ("Home", "ArrowRight", "ArrowUp"):
        before = said.text_content()
        page.page.keyboard.press(key)
        page.page.wait_for_function(changed, arg=[said.element_handle(), before])
    page.page.keyboard.press("d")
    page.page.keyboard.press("d")
    assert page.page.evaluate(cells) == held
    assert root.locator(".still").count() == 0


def move_a_slider(page, text):
    """One step to the right on the first slider of a cell: the picture and its description must
    change.
    """
    cell = page.cell(text)
    picture = cell.locator(".widget-html img").first
    before = picture.get_attribute("src"), picture.get_attribute("alt")
    cell.locator(".jp-InputPrompt").first.click()
    # from the cell to its first slider, as somebody without a mouse: past the cell's own buttons
    for _ in range(15):
        page.page.keyboard.press("Tab")
        if "noUi-handle" in page.page.evaluate("document.activeElement.className"):
            break
    page.page.keyboard.press("ArrowRight")
    page.page.wait_for_function(
        "([cell, src]) => cell.querySelector('.widget-html img').src !== src",
        arg=[cell.element_handle(), before[0]],
        timeout=30_000,
    )
    assert picture.get_attribute("alt") != before[1]


def every_image_is_described(page):
    """Asserts an alt text on every picture. -> how many there are"""
    images = page.page.locator(".jp-OutputArea img")
    assert all(images.nth(i).get_attribute("alt") for i in range(images.count()))
    return images.count()
