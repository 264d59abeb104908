"""The course's public address is one setting: nothing spells another, and a command rewrites
whatever did.
"""

import shutil

import pytest

from tests.lessons import ROOT
from tools import address
from tools.render import Facts

OLD = Facts(ROOT).repository.removeprefix("https://github.com/")
LINKS = """[Colab](https://colab.research.google.com/github/{0}/blob/main/notebooks/index.ipynb)
[Binder](https://mybinder.org/v2/gh/{0}/main?urlpath=lab%2Ftree%2Fnotebooks%2Findex.ipynb)
[hub](https://HUB/hub/user-redirect/git-pull?repo=https%3A%2F%2Fgithub.com%2F{1}&branch=main)
git clone https://github.com/{0}.git
      with: {{repository: {0}, path: course}}
[site](https://{2})
"""


def links(pair: str) -> str:
    owner, name = pair.split("/")
    return LINKS.format(pair, f"{owner}%2F{name}", f"{owner}.github.io/{name}")


@pytest.fixture
def copy(tmp_path):
    """A small course: the setting, one page of links, and one built notebook."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ("lessons", "solutions", "notebooks"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "lessons/lessons.toml", tmp_path / "lessons")
    (tmp_path / "lessons/01_tiny.py").write_text(
        '# %% [markdown]\n# {{header}}\n\n# %% tags=["setup"]\n# set-up\n', encoding="utf-8"
    )
    (tmp_path / "page.md").write_text(
        links(OLD) + "[other](https://github.com/pytorch/pytorch)\n", encoding="utf-8"
    )
    assert address.main(["--root", str(tmp_path)]) == 0
    return tmp_path


def test_nothing_in_the_course_spells_another_address(capsys):
    assert address.main(["--check"]) == 0, capsys.readouterr().out


def test_the_readme_and_every_notebook_are_looked_at():
    seen = set(address.files(ROOT))
    assert {
        ROOT / "README.md",
        ROOT / "notebooks/01_distributions.ipynb",
        ROOT / "grading/examples/shards.yml",
    } <= seen
    assert all(".venv" not in path.parts for path in seen)


@pytest.mark.parametrize("line", range(LINKS.count("\n")))
@pytest.mark.parametrize("other", ["somebody/" + OLD.split("/")[1], "somebody/another-name"])
def test_every_way_to_spell_another_address_is_found(line, other):
    text = links(other).split("\n")[line]
    found = address.spelled(text, OLD.split("/")[1])
    # a plain link to another repository is not ours to judge
    known = line < 3 or other.endswith(OLD.split("/")[1])
    assert found == ({other} if known else set())


@pytest.mark.parametrize("new", ["somebody/another-name", "some-body/" + OLD.split("/")[1]])
def test_a_new_address_is_written_everywhere_and_a_second_time_changes_nothing(copy, new, capsys):
    assert address.main([f"https://github.com/{new}", "--root", str(copy)]) == 0
    page = (copy / "page.md").read_text(encoding="utf-8")
    assert page == links(new) + "[other](https://github.com/pytorch/pytorch)\n"
    assert f'Repository = "https://github.com/{new}"' in (copy / "pyproject.toml").read_text(
        encoding="utf-8"
    )
    notebook = (copy / "notebooks/01_tiny.ipynb").read_text(encoding="utf-8")
    assert notebook.count(new) == 3 and OLD not in notebook
    capsys.readouterr()
    assert address.main(["--check", "--root", str(copy)]) == 0
    assert (
        address.main(["--root", str(copy)]) == 0
        and capsys.readouterr().out == "one address everywhere\n"
    )


def test_a_setting_changed_by_hand_is_followed(copy):
    address.set_address(copy, "https://github.com/a/b")
    assert address.main(["--check", "--root", str(copy)]) == 1
    assert address.main(["--root", str(copy)]) == 0
    assert (copy / "page.md").read_text(encoding="utf-8").startswith(links("a/b"))


def test_what_is_no_address_is_refused(copy, capsys):
    assert address.main(["http://example.com/x", "--root", str(copy)]) == 2
    assert "https://github.com/OWNER/NAME" in capsys.readouterr().err
