"""How soon an explorable answers: milliseconds from an input to the painted frame, in Chromium.

Each lesson's code runs in the smoke profile, and what its explorables put into the notebook is
moved in a page of its own, 1366 pixels wide. Those that train are measured once more while they
do. A frame comes sixty times a second, so that an answer waits for 8 ms on average. The CPU
milliseconds of the page's thread for each answer do not depend on what else the machine does.
"""

from __future__ import annotations

import re
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from tools.build import ROOT
from tools.measure import record, recorded
from tools.run_lesson import environment, lessons
from tools.source import read

FILE = Path("tools/measure/live.json")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
INPUTS = 120
MOVE = """async inputs => {
    const root = document.querySelector("[data-explorable]");
    const controls = [...root.querySelectorAll("input, select")];
    const painted = () => new Promise(done => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => done(performance.now());
        channel.port2.postMessage(null);
    }));
    const wait = () => new Promise(done => setTimeout(done, 20 + 30 * Math.random()));
    const spent = [];
    for (let i = 0; i < inputs; i++) {
        const control = controls[i % controls.length];
        const share = Math.random();
        await wait();
        const start = performance.now();
        if (control.type === "range") {
            control.value = +control.min + share * (control.max - control.min);
        } else if (control.type === "checkbox") control.checked = !control.checked;
        else control.selectedIndex = Math.floor(share * control.options.length);
        control.dispatchEvent(new Event("input"));
        spent.push(await painted() - start);
    }
    return spent;
}"""


def shown(source: Path) -> Iterator[tuple[str, str]]:
    """The name and the HTML of every explorable of a lesson, run in the smoke profile."""
    from nbclient import NotebookClient

    code = [
        nbformat.v4.new_code_cell(c.solved)
        for c in read(source)
        if c.kind == "code" and "solved" not in c.tags
    ]
    book = nbformat.v4.new_notebook(cells=code)
    resources = {"metadata": {"path": str(ROOT)}}
    with environment(OMP_NUM_THREADS="1", COURSE_PROFILE="smoke"):
        NotebookClient(book, timeout=900, kernel_name="python3", resources=resources).execute()
    for cell in book.cells:
        for output in cell.outputs:
            page = output.get("data", {}).get("text/html", "")
            if name := re.match(r'<div class="explorable" data-explorable="([^"]+)"', page):
                yield name[1], page


@contextmanager
def opened(html: str, width: int = 1366) -> Iterator[Any]:
    """An explorable in a page of its own, in Chromium, once it has drawn itself."""
    from playwright.sync_api import sync_playwright

    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": width, "height": 900})
        page.set_content(f"<!doctype html><body>{html}</body>")
        page.wait_for_function("!document.querySelector('[data-busy]')", timeout=120_000)
        yield page
        chromium.close()


def measured(pages: dict[str, str]) -> list[dict[str, Any]]:
    """A row for every explorable, and one more for each that trains."""
    rows = []
    for name, html in pages.items():
        with opened(html) as page:
            rows.append(_row(name, page, len(html)))
            if '"kind":"train"' in html:
                page.locator("button", has_text="train").click()
                rows.append(_row(f"{name}, training", page, len(html)))
    return rows


def _row(name: str, page: Any, size: int) -> dict[str, Any]:
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _busy(client)
    spent = page.evaluate(MOVE, INPUTS)
    row = {
        "median_ms": statistics.median(spent),
        "p95_ms": statistics.quantiles(spent, n=20)[-1],
        "cpu_ms": 1000 * (_busy(client) - before) / INPUTS,
    }
    return {"name": name, **{key: round(ms, 1) for key, ms in row.items()}, "bytes": size}


def _busy(client: Any) -> float:
    """CPU seconds that the page's thread has spent on tasks."""
    metrics = client.send("Performance.getMetrics")["metrics"]
    return next(m["value"] for m in metrics if m["name"] == "TaskDuration")


def stale(root: Path) -> list[str]:
    """The lessons that were measured and have another figure in JavaScript since."""
    known = recorded(root / FILE)
    figures = {n: {f.stem for f in (root / f"course_utils/lesson{n}").glob("*.js")} for n in known}
    return [n for n, rows in known.items() if figures[n] - {row["name"][3:] for row in rows}]


def main(which: str = "") -> int:
    rows = recorded(ROOT / FILE)
    for source in lessons(ROOT, which):
        rows[source.stem[:2]] = measured(dict(shown(source)))
        for row in rows[source.stem[:2]]:
            print(row["name"], f"p95 {row['p95_ms']} ms, CPU {row['cpu_ms']} ms", flush=True)
    record(ROOT / FILE, rows)
    return 0
