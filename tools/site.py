"""Make the website: `python -m tools site [--execute [NN ...]] [--out FOLDER]`, without a network.

It needs `pip install -c constraints.txt -e ".[test,site]"`.

docs/_build/executed   the solved notebooks with all they showed; --execute runs those whose code
                       changed since
docs/_build/source     the pages: docs/, and the blank notebooks with the outputs of the solved ones
docs/_build/html       the site, built without a warning or not at all; slides/ beside its pages

A page of a lesson shows what the course's answers lead to, and leaves the answers where the
notebook has them: in the last rung of the help. Sliders need a kernel; in their place stands a line
that names them, above the same picture at several settings.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import html
import importlib.util
import io
import re
import shutil
import sys
from pathlib import Path

import nbformat

from course_utils.live import choices
from tools import finish, grammar, home
from tools.build import ROOT
from tools.render import Facts
from tools.run_lesson import environment
from tools.source import Mistakes

EXECUTED, SOURCE, SITE = "docs/_build/executed", "docs/_build/source", "docs/_build/html"
PICTURE = re.compile(
    r'<img alt="([^"]*)" src="data:image/png;base64,([^"]+)" width="(\d+)" height="(\d+)"[^>]*>'
)
# a link of a page to a lesson, with a heading as JupyterLab names it
LESSON = re.compile(r"\]\((?:\.\./)+notebooks/(\d\d_\w+\.ipynb)([^)]*)\)")
# the cell that a lesson's code begins with
IMPORTS = re.compile(r"(?:import|from) .*\bdevice = runtime\.setup\(seed=\d+\)", re.S)
WIDGET = "application/vnd.jupyter.widget-view+json"
CHINESE = re.compile(r"[\u4e00-\u9fff][\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]*")
RAN = (
    "This page shows a run of the notebook in which every exercise was answered. Each exercise is"
    " as a learner gets it; the course's answer, and what its check says, are folded below it."
)
INSTALL = 'Run: python -m pip install -c constraints.txt -e ".[test,site]"'
# pages that the side bar shows below the page for instructors
ROOMS = "\n```{toctree}\n:hidden:\n:glob:\n\nworkshop/*\nworkshop/*/*\n```\n"
NOT_RUN = "This page was built without running the notebook, so it shows no pictures."


# Running the lessons.


def code_of(book: nbformat.NotebookNode) -> str:
    """A hash of a notebook's code, to tell whether its outputs are still its own. The set-up cell
    shows nothing.
    """
    code = [
        c.source
        for c in book.cells
        if c.cell_type == "code" and "setup" not in c.metadata.get("tags", [])
    ]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()


def executed(root: Path, stem: str) -> nbformat.NotebookNode | None:
    """The solved notebook with all its outputs, if it was run as it is now."""
    path = root / EXECUTED / f"{stem}.ipynb"
    if not path.exists():
        return None
    ran, now = nbformat.read(path, 4), nbformat.read(root / f"solutions/{stem}.ipynb", 4)
    return ran if code_of(ran) == code_of(now) else None


def execute(root: Path, stem: str) -> None:
    """Run one solved notebook and keep everything it shows. Raises Mistakes."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    book = nbformat.read(root / f"solutions/{stem}.ipynb", 4)
    client = NotebookClient(
        book,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": str(root / "solutions")}},
    )
    try:
        with environment(COURSE_PROFILE="cpu", OMP_NUM_THREADS="1"):
            client.execute()
    except CellExecutionError as error:
        raise Mistakes(f"solutions/{stem}.ipynb: a cell failed:\n{error}") from None
    (root / EXECUTED).mkdir(parents=True, exist_ok=True)
    nbformat.write(book, root / EXECUTED / f"{stem}.ipynb")


def refresh(root: Path, numbers: list[str]) -> None:
    """Run these lessons, or all, where their code changed since the last run. Raises Mistakes."""
    for stem in stems(root):
        if (not numbers or stem[:2] in numbers) and executed(root, stem) is None:
            print(f"running {stem}", flush=True)
            execute(root, stem)


# From a notebook to a page.


def lesson_page(root: Path, stem: str, pictures: Path) -> nbformat.NotebookNode:
    """The blank notebook with the outputs of the solved one; pictures become files in the folder
    `pictures`.
    """
    page, ran = nbformat.read(root / f"notebooks/{stem}.ipynb", 4), executed(root, stem)
    solved = ran or nbformat.read(root / f"solutions/{stem}.ipynb", 4)
    widgets = (
        solved.metadata.get("widgets", {})
        .get("application/vnd.jupyter.widget-state+json", {})
        .get("state", {})
    )
    outputs = dict(zip(_keys(solved), solved.cells, strict=True))
    for key, cell in zip(_keys(page), page.cells, strict=True):
        # JupyterLab's names of headings keep their capitals, a page's do not
        if cell.cell_type == "markdown":
            text = re.sub(r"\]\(#([^)]+)\)", lambda m: f"](#{m[1].lower()})", cell.source)
            cell.source = grammar.marked(text)
        else:
            shown = [_shown(output, widgets, pictures, stem) for output in outputs[key].outputs]
            cell.outputs = [output for output in shown if output]
            cell.execution_count = None
        if "setup" in cell.metadata.get("tags", []):
            cell.outputs = []  # the site keeps choices by a script of its own
            cell.metadata.tags.append("hide-cell")
            cell.metadata.mystnb = {"code_prompt_show": "Show the set-up"}
        elif IMPORTS.fullmatch(cell.source):
            cell.outputs = []  # the device
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-cell"]
            cell.metadata.mystnb = {"code_prompt_show": "Show the imports"}
    answers = {
        tag.split(":")[1]: cell.source
        for cell in solved.cells
        for tag in cell.metadata.get("tags", [])
        if tag.startswith("exercise:")
    }
    grammar.framed(page.cells, answers)
    page.cells.insert(
        1, nbformat.v4.new_markdown_cell(f":::{{note}}\n{RAN if ran else NOT_RUN}\n:::")
    )
    page.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
    return page


def _keys(book: nbformat.NotebookNode) -> list[str]:
    """What a cell is called in both notebooks: its exercise, whose cells differ, or the set-up, or
    its id.
    """
    tags = [
        [t for t in c.metadata.get("tags", []) if t.startswith(("exercise:", "setup"))]
        for c in book.cells
    ]
    return [own[0] if own else cell.id for own, cell in zip(tags, book.cells, strict=True)]


def _shown(
    output: nbformat.NotebookNode, widgets: dict, pictures: Path, stem: str
) -> nbformat.NotebookNode | None:
    """An output as a page without a kernel can show it, or None."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None  # progress bars
    data = output.get("data", {})
    if WIDGET in data:
        named = _sliders(widgets, data[WIDGET]["model_id"])
        return _html(named) if named else None  # other widgets are progress bars
    if list(data) == ["text/plain"] and re.match(r"<(Axes|Figure)", data["text/plain"]):
        return None  # what a drawing call returns; the figure is an output of its own
    if "text/html" in data:
        output.data = {
            "text/html": PICTURE.sub(lambda m: filed(m, pictures, stem), data["text/html"])
        }
    return output


def _html(text: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("display_data", {"text/html": text})


def _sliders(widgets: dict, model: str) -> str:
    """A line that names the sliders in a box of widgets, or "" if it has none."""
    box = widgets.get(model, {}).get("state", {})
    inside = [
        widgets[child.removeprefix("IPY_MODEL_")]["state"] for child in box.get("children", [])
    ]
    sliders = [
        f"<strong>{html.escape(s['description'])}</strong>"
        + (f" ({s['min']:g} to {s['max']:g})" if "min" in s else "")
        for s in inside
        if ("min" in s and s.get("_view_name") != "ProgressView")
        or s.get("_view_name") == "DropdownView"
    ]
    if not sliders:
        return ""
    names = ", ".join(sliders[:-1]) + " and " * (len(sliders) > 1) + sliders[-1]
    return (
        f'<p class="course-sliders">In the notebook you move this picture with {names}. '
        "Here it is drawn at several settings.</p>"
    )


def filed(
    found: re.Match[str], pictures: Path, stem: str, seen: str = "../_static/pictures"
) -> str:
    """The picture that `PICTURE` found as a file of its own, saved as small as it gets; the element
    that shows it on a page from where the folder `pictures` is `seen`; a wide one leads there.
    """
    from PIL import Image

    alt, code, width, height = found.groups()
    name = f"{stem[:2]}-{hashlib.sha256(code.encode()).hexdigest()[:12]}.png"
    if not (pictures / name).exists():
        Image.open(io.BytesIO(base64.b64decode(code))).save(pictures / name, optimize=True)
    wide = ' class="wide"' if int(width) > 700 else ""
    shown = (
        f'<img alt="{alt}" src="{seen}/{name}" width="{width}" height="{height}"{wide}'
        ' loading="lazy">'
    )
    return f'<a class="course-full" href="{seen}/{name}">{shown}</a>' if wide else shown


# The whole site.


def stems(root: Path) -> list[str]:
    """The lessons that are built, in order."""
    return sorted(path.stem for path in (root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def stage(root: Path, source: Path) -> None:
    """Write the Sphinx project: pages, settings, pictures, MathJax. Anything else in the folder
    goes away.
    """
    shutil.rmtree(source, ignore_errors=True)
    pictures, facts = source / "_static/pictures", Facts(root)
    pictures.mkdir(parents=True)
    for stem in stems(root):
        write(
            source / f"notebooks/{stem}.ipynb", nbformat.writes(lesson_page(root, stem, pictures))
        )
    for path in sorted((root / "docs").rglob("*.md")):
        inside = path.relative_to(root / "docs")
        if inside.parts[0] != "_build":
            text = filled(root, path.read_text(encoding="utf-8"), pictures)
            rooms = ROOMS if inside == Path("instructors.md") else ""
            write(source / inside, linked(text, inside, facts) + rooms)
    for path in (root / "docs/conf.py", *(root / "docs").glob("*.png")):
        shutil.copy(path, source)
    for name in ("site.css", "site.js", "icon.svg", "social.png"):
        shutil.copy(root / "docs" / name, source / "_static")
    shutil.copytree(root / "docs/cards", source / "_static/cards")
    shutil.copy(choices.SCRIPT, source / "_static")
    copy_mathjax(source / "_static/mathjax")


def filled(root: Path, text: str, pictures: Path) -> str:
    """A page with what it asks for in double braces: the cards of the lessons, the pages that no
    list names.

    A line that ends with the number of a lesson leads there.
    """
    named = set(
        re.findall(r"^\w+$", (root / "docs/index.md").read_text(encoding="utf-8"), flags=re.M)
    ) | {"index"}
    cards = home.cards(
        {stem: executed(root, stem) for stem in stems(root)},
        lambda page, stem: PICTURE.sub(
            lambda m: filed(m, pictures, stem, "_static/pictures"), page
        ),
    )
    known = {
        "lessons": f"`````{{raw}} html\n{cards}\n`````",
        "other pages": "\n".join(sorted({p.stem for p in (root / "docs").glob("*.md")} - named)),
    }
    text = re.sub(r"\{\{(.*?)\}\}", lambda m: known.get(m[1], m[0]), text)
    pages = {stem[:2]: f"[Lesson {stem[:2]}](notebooks/{stem}.ipynb)." for stem in stems(root)}
    return re.sub(r"Lesson (\d\d)\.$", lambda m: pages.get(m[1], m[0]), text, flags=re.M)


def _lowered(anchor: str) -> str:
    """JupyterLab's name of a heading as a page has it."""
    return re.sub(r"[^#\w-]", "", anchor).lower()


def with_anchors(text: str) -> str:
    """The glossary with an anchor for each term, and a row of its letters below its first words."""
    text = re.sub(
        r"^- (\*\*(.+?)\*\*)",
        lambda m: f'- <span id="{_lowered(m[2].replace(" ", "-"))}"></span>{m[1]}',
        text,
        flags=re.M,
    )
    letters = re.findall(r"^## (.+)$", text, flags=re.M)
    row = " · ".join(f"[{name}](#{_lowered(name.replace(' ', '-'))})" for name in letters)
    return text.replace("\n## ", f"\n{row}\n\n## ", 1)


def linked(text: str, page: Path, facts: Facts) -> str:
    """A page of docs/ with its links out of docs/ led to the repository's public address, and its
    Chinese marked as such.
    """
    text = CHINESE.sub(r'<span lang="zh-Hans">\g<0></span>', text)
    if page.name == "glossary.md":
        text = with_anchors(text)
    text = LESSON.sub(lambda m: f"](notebooks/{m[1]}{_lowered(m[2])})", text)
    above = re.compile(r"\]\(" + re.escape("../" * len(page.parts)) + r"(?!\.\./)([^)]+)\)")
    return above.sub(lambda m: f"]({facts.repository}/blob/main/{m[1]})", text)


def mathjax() -> Path | None:
    """Where the installed package has MathJax's files; None without the package."""
    package = importlib.util.find_spec("mathjax")
    if package is None or package.submodule_search_locations is None:
        return None
    return Path(package.submodule_search_locations[0]) / "static/mathjax/es5"


def copy_mathjax(to: Path) -> None:
    """MathJax and its fonts, so that formulas need no network. Raises Mistakes without them."""
    files = mathjax()
    if files is None:
        raise Mistakes(lacking())
    to.mkdir(parents=True)
    shutil.copy(files / "tex-chtml.js", to)
    shutil.copytree(files / "output/chtml/fonts/woff-v2", to / "output/chtml/fonts/woff-v2")


def build(root: Path, source: Path, out: Path) -> int:
    """Run Sphinx; a warning is an error. -> exit code"""
    from sphinx.cmd.build import build_main

    shutil.rmtree(out, ignore_errors=True)
    facts = Facts(root)
    code = build_main(
        [
            "-W",
            "--keep-going",
            "-q",
            "-b",
            "html",
            "-d",
            str(source.parent / "doctrees"),
            "-D",
            f"html_theme_options.repository_url={facts.repository}",
            str(source),
            str(out),
        ]
    )
    if code == 0:
        finish.finish(out, facts.website)
    return code


def lacking() -> str:
    """A sentence that names the packages that are not installed, or ""."""
    needed = ("mathjax", "myst_nb", "sphinx_book_theme")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    return f"{', '.join(missing)}: not installed. {INSTALL}" if missing else ""


def size(folder: Path) -> float:
    """Megabytes in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def write(path: Path, text: str) -> None:
    """A file of the Sphinx project, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def main(arguments: list[str]) -> int:
    from tools import slides  # they show what this module ran

    parser = argparse.ArgumentParser(
        prog="python -m tools site", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument(
        "--execute",
        nargs="*",
        metavar="NN",
        help="first run the lessons whose code changed; all, or these",
    )
    parser.add_argument(
        "--out", type=Path, default=None, help=f"where the site goes (default: {SITE})"
    )
    options = parser.parse_args(arguments)
    out = options.out or ROOT / SITE
    if lacking():
        print(lacking(), file=sys.stderr)
        return 2
    try:
        if options.execute is not None:
            refresh(ROOT, options.execute)
        stage(ROOT, ROOT / SOURCE)
    except Mistakes as mistakes:
        print(mistakes, file=sys.stderr)
        return 1
    code = build(ROOT, ROOT / SOURCE, out)
    slides.write_all(out / "slides")
    print(
        (
            f"{out}/index.html: {size(out):.1f} MB"
            if code == 0
            else "the site has warnings, see above"
        ),
        flush=True,
    )
    return code
