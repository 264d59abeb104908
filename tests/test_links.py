"""The link check: what counts as gone, and, where Sphinx is installed, that links are found whole
and followed, on a server of this machine.
"""

import importlib.util
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.lessons import ROOT
from tools import links, site

NOT_FOUND = "404 Client Error: Not Found for url: https://a.org/b"
REFUSED = "403 Client Error: Forbidden for url: https://a.org/404b"


def link(status, info=""):
    return {"status": status, "info": info, "uri": "https://a.org/b", "filename": "page.md"}


@pytest.mark.parametrize(
    ("status", "info", "verdict"),
    [
        ("working", "", "ok"),
        ("redirected", "https://a.org/c", "ok"),
        ("ignored", "", "ok"),
        ("local", "", "ok"),
        ("broken", NOT_FOUND, "gone"),
        ("broken", "410 Client Error: Gone for url: https://a.org/b", "gone"),
        ("broken", "Anchor 'section' not found", "gone"),
        ("broken", REFUSED, "unclear"),
        ("broken", "429 Client Error: Too Many Requests", "unclear"),
        ("broken", "Failed to resolve 'a.org'", "unclear"),
        ("timeout", "timed out", "unclear"),
    ],
)
def test_a_page_that_is_gone_counts_and_a_server_that_refuses_does_not(status, info, verdict):
    assert links.verdict(link(status, info)) == verdict


def test_the_report_names_what_does_not_work_and_fails_for_what_is_gone(capsys):
    assert links.report([link("working"), link("broken", REFUSED)]) == 0
    assert f"unclear: https://a.org/b ({REFUSED}), in page.md" in capsys.readouterr().out
    assert links.report([link("broken", NOT_FOUND)]) == 1
    assert "gone: https://a.org/b" in capsys.readouterr().out


def test_without_sphinx_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(site.importlib.util, "find_spec", lambda name: None)
    assert links.main([]) == 2 and site.INSTALL in capsys.readouterr().err


class Pages(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response({"/there": 200, "/gone": 404, "/b_(c)": 200}.get(self.path, 403))
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = HTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


@pytest.mark.skipif(bool(site.lacking()), reason="needs pip install -e '.[test,site]'")
def test_links_are_found_whole_and_followed(server, tmp_path):
    source = tmp_path / "source"
    site.write(source / "conf.py", 'extensions = ["myst_nb"]\nnb_execution_mode = "off"\n')
    text = (
        "[a]({0}/there), ({0}/gone). [b](<{0}/b_(c)>), <{0}/gone>. <{0}/refused> [h](https://HUB/x)"
    )
    site.write(source / "index.md", f"# Page\n\n{text.format(server)}\n")
    verdicts = {
        link["uri"].removeprefix(server): (link["status"], links.verdict(link))
        for link in links.follow(source, tmp_path / "out", links.IGNORED[:1])
    }
    assert verdicts == {
        "/there": ("working", "ok"),
        "/b_(c)": ("working", "ok"),
        "/gone": ("broken", "gone"),
        "/refused": ("broken", "unclear"),
        "https://HUB/x": ("ignored", "ok"),
    }


@pytest.mark.skipif(bool(site.lacking()), reason="needs pip install -e '.[test,site]'")
def test_the_site_and_the_pages_beside_it_are_looked_through(tmp_path):
    links.stage(ROOT, tmp_path)
    names = {path.name for path in tmp_path.rglob("*") if path.suffix in (".md", ".ipynb")}
    assert {"README.md", "mnist5k.md", "glossary.md", "01_distributions.ipynb"} <= names
    assert importlib.util.find_spec("sphinx.builders.linkcheck")
