"""The first option that a reader opens counts, in their browser only."""

import pytest

from course_utils.live.choices import SCRIPT
from tests.browser import CHROMIUM, browser
from tests.lessons import IN_CI
from tools import predictions

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not IN_CI, reason="Chromium is not installed"),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "page.html"
    options = "- A: no\n  - Since it is not.\n- B: yes\n  - **Yes.** It is.\n"
    asked = "**Predict.** Question {}?\n\n" + options
    folds = "".join(predictions.folded(asked.format(i), "04") for i in range(3))
    script = SCRIPT.read_text(encoding="utf-8")
    path.write_text(
        f'<p class="course-tally"></p>{folds}<script>{script}</script><script>{script}</script>'
    )
    return path


def test_the_first_choice_is_kept_and_counted(path):
    with browser() as page:
        page.goto(path.as_uri())
        tally = page.locator(".course-tally")
        assert tally.inner_text() == "You have made no prediction yet."
        for fold in (0, 1, 3):  # the wrong one first, which stays; then the right one of another
            page.locator("summary").nth(fold).press("Enter")
        told = "You were right about 1 of 2 predictions; most often wrong in lesson 04."
        page.wait_for_function("told => document.body.innerText.includes(told)", arg=told)
        page.reload()
        assert tally.inner_text() == told


def test_a_frame_without_storage_opens_its_options_all_the_same(path):
    with browser() as page:
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_content('<iframe sandbox="allow-scripts"></iframe>')
        page.evaluate(
            "html => { document.querySelector('iframe').srcdoc = html }", path.read_text()
        )
        frame = page.frame_locator("iframe")
        frame.locator("summary").nth(1).click()
        assert frame.get_by_text("It is.").first.is_visible() and errors == []
