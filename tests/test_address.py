"""The course's public address is one setting, and a command writes it wherever a page names it.
That no other one is left anywhere is tested on a copy of the whole course, in test_make.py.
"""

import shutil

import pytest

from tests.lessons import ROOT
from tools import address, make, pages
from tools.render import Facts

OLD = Facts(ROOT).repository.removeprefix(pages.GITHUB)
NEW = ["somebody/another-name", "some-body/" + OLD.split("/")[1], "a/b.c"]
LINKS = """[Colab](https://colab.research.google.com/github/{0}/blob/main/notebooks/index.ipynb)
[Binder](https://mybinder.org/v2/gh/{0}/main?urlpath=lab%2Ftree%2Fnotebooks%2Findex.ipynb)
git clone https://github.com/{0}.git
      with: {{repository: {0}, path: course}}
![tests](https://github.com/{0}/actions/workflows/test.yml/badge.svg)
[site](https://{1})
"""
OURS_WHOEVER_WROTE_THEM = 4  # the first lines
OTHER = "[other](https://github.com/pytorch/pytorch), github.com/actions/checkout\n"


def links(pair: str) -> str:
    return LINKS.format(*pages.spellings(pair))


@pytest.fixture
def copy(tmp_path):
    """A small course: the setting, one page of links, and one built notebook."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "CITATION.cff", tmp_path)
    (tmp_path / "lessons").mkdir()
    shutil.copy(ROOT / "lessons/lessons.toml", tmp_path / "lessons")
    (tmp_path / "lessons/01_tiny.py").write_text(
        '# %% [markdown]\n# {{header}}\n\n# %% tags=["setup"]\n# set-up\n', encoding="utf-8"
    )
    (tmp_path / "page.md").write_text(links(OLD) + OTHER, encoding="utf-8")
    assert address.main([], tmp_path) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == links(OLD) + OTHER
    return tmp_path


@pytest.mark.parametrize("new", NEW)
def test_a_new_address_is_written_everywhere_and_a_second_time_changes_nothing(copy, new, capsys):
    assert address.main([f"https://github.com/{new}"], copy) == 0
    assert (copy / "page.md").read_text(encoding="utf-8") == links(new) + OTHER
    for name in ("pyproject.toml", "CITATION.cff"):
        text = (copy / name).read_text(encoding="utf-8")
        assert f'"https://github.com/{new}"' in text and OLD not in text
    notebook = (copy / "notebooks/01_tiny.ipynb").read_text(encoding="utf-8")
    assert notebook.count(new) == 3 and OLD not in notebook
    capsys.readouterr()
    assert address.main([], copy) == 0 and "wrote" not in capsys.readouterr().out


def test_a_setting_changed_by_hand_is_noticed_and_followed(copy, capsys):
    address.set_address(copy, "https://github.com/a/b")
    assert make.main(["--check"], copy) == 1
    assert "out of date: page.md: python -m tools\n" in capsys.readouterr().out
    assert make.main([], copy) == 0
    assert (copy / "page.md").read_text(encoding="utf-8") == links("a/b") + OTHER


@pytest.mark.parametrize("line", range(OURS_WHOEVER_WROTE_THEM))
@pytest.mark.parametrize("other", NEW)
def test_a_launch_link_of_another_fork_becomes_ours(line, other):
    text = links(other).split("\n")[line]
    assert pages.with_address(text, OLD, OLD) == links(OLD).split("\n")[line]


def test_what_is_no_address_is_refused(copy, capsys):
    assert address.main(["http://example.com/x"], copy) == 2
    assert "https://github.com/OWNER/NAME" in capsys.readouterr().err
