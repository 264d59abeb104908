"""Long runs that were shipped: their scripts are those that made them."""

import numpy as np
import pytest

from course_utils import data
from tests.lessons import ROOT
from tools.measure import studies

NAMES = studies.names()


def test_every_study_was_run_and_every_file_has_a_script():
    assert NAMES == sorted(path.stem for path in (ROOT / studies.FILE).glob("*.npz"))


@pytest.mark.parametrize("name", NAMES)
def test_a_study_belongs_to_its_script(name):
    found = data.study(name)
    assert str(found["script"]) == studies.script_hash(name), (
        f"run it again: python -m tools measure study {name}"
    )
    assert found["cpu_seconds"] > 0 and str(found["torch"])


def test_an_unknown_study_is_named():
    with pytest.raises(ValueError, match="no study 'nothing'"):
        data.study("nothing")


def test_running_a_study_ships_what_it_found(tmp_path, monkeypatch, capsys):
    (tmp_path / "tiny.py").write_text("")
    monkeypatch.setattr(studies, "SCRIPTS", tmp_path)
    monkeypatch.setattr(studies, "FILE", tmp_path / "out")
    monkeypatch.setattr(
        studies.importlib,
        "import_module",
        lambda name: type("tiny", (), {"run": lambda: {"a": [1, 2]}}),
    )
    assert (
        studies.names() == ["tiny"]
        and studies.main("tiny") == 0
        and "tiny" in capsys.readouterr().out
    )
    with np.load(tmp_path / "out/tiny.npz") as archive:
        assert archive["a"].tolist() == [1, 2] and str(archive["script"]) == studies.script_hash(
            "tiny"
        )


def test_lesson_09_says_what_the_five_painters_did():
    found = data.study("painters")
    text = (ROOT / "lessons/09_images_and_maps.py").read_text(encoding="utf-8")
    said = " ".join(text.replace("\n#", "").split())

    def percent(share):  # as the lesson prints it
        return round(100 * float(f"{share:.2f}"))

    one, three = (list(found["w"]).index(w) for w in (1, 3))
    for name in ("green triangle", "blue circle"):
        shares = found[name][:, one]
        assert f"{percent(shares.min())} to {percent(shares.max())}% of the {name}s" in said
    most = percent(found["clean, unclipped"][:, three].max())
    assert f"at most {most}% are clean at $w = 3$" in said
