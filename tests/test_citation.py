"""CITATION.cff says what pyproject.toml says."""

import tomllib

import yaml

from tests.lessons import ROOT


def test_the_citation_names_this_version_address_and_licenses():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert (cited["version"], cited["repository-code"]) == (
        project["version"],
        project["urls"]["Repository"],
    )
    assert " AND ".join(cited["license"]) == project["license"]
    assert cited["title"] == (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[
        0
    ].removeprefix("# ")
