"""The version is written once, and CITATION.cff names the latest release of the changelog."""

import re
import tomllib

import yaml
from packaging.version import Version

from course_utils import __version__
from tests.lessons import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def releases():
    """Version and date of every release, the latest first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(r"^## (\d\S*) - (\d{4}-\d\d-\d\d)$", text, flags=re.M)


def test_the_version_is_written_once_in_the_form_that_pip_reads():
    """That a built course carries it is seen in test_colab.py."""
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]
    assert SETTINGS["tool"]["setuptools"]["dynamic"] == {
        "version": {"attr": "course_utils.__version__"}
    }
    assert str(Version(__version__)) == __version__


def test_the_changelog_has_the_latest_release_first_and_room_for_the_next():
    versions = [Version(version) for version, _ in releases()]
    assert versions == sorted(versions, reverse=True) and versions[0] <= Version(__version__)
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", text, flags=re.M)[0] == "Unreleased"


def test_the_citation_names_the_latest_release_this_address_and_the_licenses():
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)
    assert (CITATION["version"], CITATION["date-released"]) == releases()[0]
    assert Version(__version__).is_prerelease or CITATION["version"] == __version__
    assert CITATION["repository-code"] == PROJECT["urls"]["Repository"]
    assert " AND ".join(CITATION["license"]) == PROJECT["license"]
    title = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[0]
    assert CITATION["title"] == title.removeprefix("# ")
