"""The first screen: cards with pictures that lessons made, and with the learner's progress, before
any cell is run.
"""

import json
import re
from pathlib import Path

import jupyterlab
import pytest
from PIL import Image

from course_utils.platform import door, installation, workspace
from course_utils.platform.workspace import cell_id, is_touched, refresh
from tests.lessons import NUMBERS, ROOT, STEMS
from tools.cards import LARGEST, PANELS, draw

INDEX = json.loads((ROOT / "notebooks/index.ipynb").read_text(encoding="utf-8"))


def shown(index):
    [cell] = [c for c in index["cells"] if door.TAG in c["metadata"].get("tags", [])]
    [output] = cell["outputs"]
    return output["data"]["text/html"]


def test_every_lesson_has_a_card_with_a_small_picture():
    assert [about["stem"] for about in door.lessons()] == STEMS and list(PANELS) == NUMBERS
    made = shown(INDEX)
    assert made == door.cards({}, door.lessons())
    for about in door.lessons():
        path = ROOT / "docs/cards" / f"{about['number']}.webp"
        assert path.stat().st_size <= LARGEST and Image.open(path).size == (540, 360)
        assert (ROOT / "notebooks" / door.PICTURES / path.name).resolve() == path
        for said in (f'href="{about["stem"]}.ipynb"', about["question"], about["built"]):
            assert said in made
        assert f"{about['core']} + {about['studio']} minutes" in made and len(about["picture"]) > 30


@pytest.mark.slow
@pytest.mark.parametrize("number", PANELS)
def test_every_card_can_be_drawn_anew(number):
    assert 1_000 < len(draw(number)) <= LARGEST


def test_an_untrusted_notebook_loses_nothing_of_the_cards():
    made = shown(INDEX)
    assert set(re.findall(r"<(\w+)", made)) == {"div", "a", "img", "p", "b"}
    assert set(re.findall(r' (\w+)="', made)) == {"style", "href", "src", "alt", "width", "height"}


def test_the_card_to_go_on_with_is_the_first_that_is_not_done():
    first, second = door.lessons()[:2]
    done = {exercise: "pass" for exercise in first["exercises"]} | {second["exercises"][0]: "pass"}
    made = door.cards(done | {second["exercises"][1]: "fail"}, door.lessons())
    assert made.count(door.STYLES["next"]) == 1 and made.count("Go on here") == 1
    all_ = len(second["exercises"])
    assert re.search(rf"\b1 of {all_} exercises · <b>Go on here", made)
    assert f'width:100%"></div></div></div></div><div style="{door.STYLES["next"]}' in made
    every = {exercise: "pass" for about in door.lessons() for exercise in about["exercises"]}
    assert "here" not in re.findall(r"<b>(.*?)</b>", door.cards(every, door.lessons()))


def test_a_start_puts_the_progress_into_the_index_and_leaves_the_rest(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    refresh(ROOT / "notebooks", tmp_path / "my")
    path = tmp_path / "my/index.ipynb"
    assert json.loads(path.read_text(encoding="utf-8")) == INDEX
    (tmp_path / "progress.json").write_text(json.dumps({"1.1": "pass"}))
    assert refresh(ROOT / "notebooks", tmp_path / "my") == []
    book = json.loads(path.read_text(encoding="utf-8"))
    assert "· <b>Go on here" in shown(book) and not (tmp_path / "my/.history").exists()
    cells = [
        cell | ({"outputs": []} if "outputs" in cell else {})
        for index in (book, INDEX)
        for cell in index["cells"]
    ]
    assert cells[: len(cells) // 2] == cells[len(cells) // 2 :]
    before = path.stat().st_mtime_ns
    assert refresh(ROOT / "notebooks", tmp_path / "my") == []
    assert path.stat().st_mtime_ns == before


def test_a_cell_that_the_learner_changed_keeps_what_it_shows(tmp_path):
    index = json.loads(json.dumps(INDEX))
    [cell] = [c for c in index["cells"] if door.TAG in c["metadata"].get("tags", [])]
    cell |= {"source": "print(1)", "outputs": []}
    (tmp_path / "index.ipynb").write_text(json.dumps(index))
    workspace.show_progress(tmp_path / "index.ipynb")
    assert json.loads((tmp_path / "index.ipynb").read_text()) == index


@pytest.mark.parametrize("stem", STEMS)
def test_at_home_a_lesson_does_not_offer_to_open_itself_elsewhere(stem, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / f"notebooks/{stem}.ipynb").write_bytes(
        (ROOT / f"notebooks/{stem}.ipynb").read_bytes()
    )
    refresh(tmp_path / "notebooks", tmp_path / "my")
    book = json.loads((tmp_path / f"my/{stem}.ipynb").read_text(encoding="utf-8"))
    text = "".join(book["cells"][0]["source"])
    assert text.startswith(f"# {stem[:2]} · ") and "\n\n**" in text and "Colab]" not in text
    assert book["cells"][0]["id"] == cell_id("markdown", text) == book["metadata"]["shipped"][0]
    assert not any(is_touched(cell) for cell in book["cells"])
    assert refresh(tmp_path / "notebooks", tmp_path / "my") == []


def test_jupyterlab_knows_every_setting_that_the_course_gives():
    path = installation.LAB_SETTINGS / "labconfig/default_setting_overrides.json"
    schemas = Path(jupyterlab.__file__).parents[4] / "share/jupyter/lab/schemas"
    for plugin, settings in json.loads(path.read_text(encoding="utf-8")).items():
        schema = schemas / (plugin.replace(":", "/") + ".json")
        assert (
            settings.keys() <= json.loads(schema.read_text(encoding="utf-8"))["properties"].keys()
        )


def test_the_users_own_place_for_settings_comes_first(monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/theirs")
    path = installation.child_environment()["JUPYTER_CONFIG_PATH"].split(":")
    assert path == ["/theirs", str(installation.LAB_SETTINGS)]
