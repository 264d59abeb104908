"""What is done to the website after Sphinx: the theme's icons without the theme's megabytes, a
description and a card for each page, a map of the site, and a page for an address that is none.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

from course_utils.platform import door

ICONS = "_static/scripts/fontawesome.js"
SCRIPT = re.compile(r'<script[^>]*src="[^"]*scripts/fontawesome\.js[^"]*"></script>')
# how the theme's file holds an icon: width, height, aliases, its code, its path
ICON = r'"?{}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"\]'
# names of the theme that say something else than what is written beside them
MISNAMED = re.compile(
    r'(<button[^>]*class="[^"]*search-button-field[^"]*"[^>]*?) aria-label="[^"]*"'
    r'|(<summary) aria-label="Toggle hidden content"'
)
# the theme's arrow in the menu, without a name and with one
NAMELESS = '<summary><span class="toctree-toggle"'
NAMED = '<summary aria-label="More pages"><span class="toctree-toggle"'
LONGEST = 160  # letters of a description


def finish(out: Path, site: str) -> None:
    """Finish the site in the folder `out`, which will be published at the address `site`."""
    pages = sorted(p for p in out.rglob("*.html") if "_static" not in p.parts)
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    slim_icons(out, list(texts.values()))
    for page, text in texts.items():
        text = MISNAMED.sub(lambda m: m[1] or m[2], SCRIPT.sub("", text))
        text = text.replace(NAMELESS, NAMED)
        head = _head(page.relative_to(out), text, site)
        page.write_text(text.replace("</head>", f"{head}</head>", 1), encoding="utf-8")
    shown = [p.relative_to(out).as_posix() for p in pages if p.stem not in ("search", "genindex")]
    entries = "".join(f"<url><loc>{site}{name}</loc></url>\n" for name in shown)
    start = '<?xml version="1.0" encoding="UTF-8"?>\n'
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    (out / "sitemap.xml").write_text(f'{start}<urlset xmlns="{space}">\n{entries}</urlset>\n')
    (out / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {site}sitemap.xml\n")
    (out / "404.html").write_text(NOT_FOUND.replace("SITE", site), encoding="utf-8")


def slim_icons(out: Path, pages: list[str]) -> None:
    """Put the icons that pages use into the style sheet, and leave out the script with all of
    them. Raises ValueError for an icon that the script lacks.
    """
    every = (out / ICONS).read_text(encoding="utf-8")
    used = set(
        re.findall(r"\bfa-[a-z-]+", " ".join(re.findall(r'<i class="([^"]*)"', " ".join(pages))))
    )
    rules = []
    for name in sorted(used - {"fa-solid", "fa-regular", "fa-brands", "fa-lg", "fa-fw"}):
        found = re.search(ICON.format(re.escape(name[3:])), every)
        if found is None:
            raise ValueError(f"the theme has no icon {name}")
        width, height, path = found.groups()
        drawn = (
            f"%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'%3E"
            f"%3Cpath d='{path}'/%3E%3C/svg%3E"
        )
        rules.append(f'.{name}{{--icon:url("data:image/svg+xml,{drawn}")}}')
    with open(out / "_static/site.css", "a", encoding="utf-8") as file:
        file.write(
            "/* Icons: Font Awesome Free, CC BY 4.0, https://fontawesome.com/license/free */\n"
        )
        file.write("\n".join(rules) + "\n")
    for path in (out / "_static/scripts").glob("fontawesome.js*"):
        path.unlink()


def _head(page: Path, text: str, site: str) -> str:
    """A page's description, and what is shown where somebody links to it."""
    title = re.search(r"<title>(.*?)</title>", text, flags=re.S)
    name = " ".join((title[1] if title else "").split())
    said = html.escape(description(page, text))
    address = (
        f"{site}{'' if page.name == 'index.html' and len(page.parts) == 1 else page.as_posix()}"
    )
    picture = f"{site}_static/social.png"
    tags = {"type": "website", "title": name, "description": said, "url": address, "image": picture}
    lines = [f'<meta name="description" content="{said}">']
    lines += [f'<meta property="og:{key}" content="{value}">' for key, value in tags.items()]
    lines += ['<meta name="twitter:card" content="summary_large_image">']
    return "\n".join([*lines, f'<link rel="canonical" href="{address}">', ""])


def description(page: Path, text: str) -> str:
    """What a page is about: a lesson's question and what it builds, or the page's first words."""
    for about in door.lessons():
        if page.stem == about["stem"]:
            return f"{about['question']} You build {about['built']}."
    article = text.partition("<article")[2].partition("</article>")[0]
    paragraphs = (
        " ".join(html.unescape(re.sub(r"<[^>]+>", "", found)).split())
        for found in re.findall(r"<p>(.*?)</p>", article, flags=re.S)
    )
    words = next((found for found in paragraphs if len(found) > 40), "Generative AI, a course.")
    return words if len(words) <= LONGEST else words[:LONGEST].rsplit(" ", 1)[0] + " ..."


NOT_FOUND = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>No such page</title><link rel="icon" href="data:,"><style>
:root { color-scheme: light dark; }
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; }
</style></head><body><main><h1>There is no page at this address</h1>
<p>It may have moved: the lessons have changed their names before. Go to
<a href="SITE">the course's first page</a>, or <a href="SITEsearch.html">search for it</a>.</p>
</main></body></html>
"""
