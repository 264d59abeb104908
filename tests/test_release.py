"""`python -m tools release` on a copy of the repository: what it writes, and what it refuses."""

import datetime
import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.lessons import ROOT, STEMS
from tools import release

TODAY = datetime.date.today().isoformat()
MADE_FROM = ("course_utils", "docs", "grading", "lessons", "notebooks", "solutions", "tools")
NEWS = "\n## Unreleased\n\n### Changed\n\n- **Exercise 7.4** now refuses a constant.\n"
AS_AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")


def git(folder, *arguments):
    done = subprocess.run(
        ["git", *AS_AUTHOR, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it is")


@pytest.fixture
def small(tmp_path):
    """The files that carry a version, between 2026.1 and 2026.2, with a commit and a tag."""
    (tmp_path / "course_utils").mkdir()
    for name in ("course_utils/__init__.py", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path / name)
    set_version(tmp_path, "2026.2.dev0")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n" + NEWS + "\n## 2026.1 - 2026-11-24\n\n- All.\n", encoding="utf-8"
    )
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    git(tmp_path, "tag", "v2026.1")
    return tmp_path


def set_version(folder, version):
    path = folder / "course_utils/__init__.py"
    text = re.sub(release.VERSION, version, path.read_text(encoding="utf-8"), flags=re.M)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def made(monkeypatch):
    """How `python -m tools` is started, without doing it; `made.code` is how it ends."""

    class Made(list):
        code = 0

    calls, real = Made(), subprocess.run

    def run(command, **options):
        if command[0] == "git":
            return real(command, **options)
        calls.append((command[1:], options["cwd"]))
        return subprocess.CompletedProcess(command, calls.code)

    monkeypatch.setattr(release.subprocess, "run", run)
    return calls


def test_a_release_is_written_everywhere_and_nothing_is_committed(small, made, capsys):
    before = git(small, "log", "--oneline"), git(small, "tag")
    assert release.main(["2026.2"], small) == 0
    assert '\n__version__ = "2026.2"' in (small / "course_utils/__init__.py").read_text()
    changelog = (small / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog.startswith(
        "# Changelog\n" + NEWS.replace("\n\n###", f"\n\n## 2026.2 - {TODAY}\n\n###")
    )
    assert changelog.endswith("\n## 2026.1 - 2026-11-24\n\n- All.\n")
    citation = yaml.safe_load((small / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["date-released"]) == ("2026.2", TODAY)
    assert made == [(["-m", "tools"], small)]
    printed = capsys.readouterr().out
    assert 'git commit -am "Release 2026.2"' in printed and "git tag -a v2026.2 " in printed
    assert "python -m tools release 2026.3.dev0" in printed
    assert (git(small, "log", "--oneline"), git(small, "tag")) == before


def test_the_next_version_is_opened_without_a_date(small, made, capsys):
    set_version(small, "2026.2")
    commit(small)
    assert release.main(["2026.3.dev0"], small) == 0
    assert git(small, "status", "--porcelain") == " M course_utils/__init__.py\n"
    assert made and 'git commit -am "Open 2026.3.dev0"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "version", ["2026", "v2026.2", "2026.02", "2026.2rc1", "2026.2.1.1", "next", ""]
)
def test_what_is_no_version_is_refused(small, made, capsys, version):
    assert release.main([version], small) == 1 and made == []
    assert "is not a version: write 2026.2" in capsys.readouterr().err


def changed(folder):
    (folder / "CITATION.cff").write_text("changed", encoding="utf-8")


def untracked(folder):
    (folder / "new.py").write_text("", encoding="utf-8")


def without_news(folder):
    path = folder / "CHANGELOG.md"
    empty = "## Unreleased\n\n### Changed\n<!-- a line\n\n- and an example -->\n"
    text = path.read_text(encoding="utf-8").replace(NEWS, empty)
    path.write_text(text, encoding="utf-8")
    commit(folder)


def without_section(folder):
    (folder / "CHANGELOG.md").write_text("# Changelog\n", encoding="utf-8")
    commit(folder)


def with_tag(folder):
    git(folder, "tag", "v2026.2")


@pytest.mark.parametrize(
    ("change", "version", "reason"),
    [
        (changed, "2026.2", "since the last commit: commit or stash"),
        (untracked, "2026.2", "since the last commit: commit or stash"),
        (with_tag, "2026.2", "the tag v2026.2 exists already"),
        (None, "2026.1.5", "2026.1.5 is not newer than 2026.2.dev0"),
        (None, "2026.2.dev0", "2026.2.dev0 is not newer than 2026.2.dev0"),
        (without_news, "2026.2", "nothing under Unreleased"),
        (without_section, "2026.2", "nothing under Unreleased"),
    ],
)
def test_a_release_that_cannot_be_is_refused_and_nothing_is_written(
    small, made, capsys, change, version, reason
):
    if change:
        change(small)
    before = git(small, "status", "--porcelain"), git(small, "diff")
    assert release.main([version], small) == 1 and made == []
    message = capsys.readouterr().err
    assert reason in message and message.count("\n") == 1
    assert (git(small, "status", "--porcelain"), git(small, "diff")) == before


def test_a_folder_without_git_is_refused(tmp_path, made, capsys, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert release.main(["2026.2"], tmp_path) == 1
    assert "not a git repository" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["CITATION.cff", "the notebooks"])
def test_a_release_that_fails_on_its_way_says_how_to_take_it_back(small, made, capsys, name):
    if name == "CITATION.cff":
        (small / name).write_text("title: none\n", encoding="utf-8")
        commit(small)
    made.code = int(name != "CITATION.cff")
    assert release.main(["2026.2"], small) == 1
    assert "`git checkout .` takes back" in capsys.readouterr().err
    git(small, "checkout", ".")
    assert git(small, "status", "--porcelain") == ""


def test_the_notebooks_of_a_release_install_its_tag(tmp_path):
    """The whole command, on a copy of everything that notebooks are made from."""
    for name in MADE_FROM:
        ignored = shutil.ignore_patterns("__pycache__", "_build")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy(path, tmp_path)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    command = [sys.executable, "-m", "tools", "release", "2999.1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for stem in STEMS:
        text = (tmp_path / f"notebooks/{stem}.ipynb").read_text(encoding="utf-8")
        assert "/archive/refs/tags/v2999.1.zip" in text and "heads/main.zip" not in text
        assert json.loads(text)["metadata"]["course"] == {"version": "2999.1"}
