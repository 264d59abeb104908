"""What an instructor needs, made from the lessons.

docs/workshop/NN/room.md                 predictions to ask a room for, and the wrong answers that
                                         the checks know
docs/workshop/half_day.md, two_days.md   the tables between `<!-- timetable -->` and `<!-- end -->`
docs/workshop/hub.md                     how large a machine, what was measured, links that fetch
                                         the course
docs/instructors.md                      the table of plans

The minutes come from the one-hour plans (a room) and from the builder (one reader alone).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from course_utils.checks import exercises
from tools.predictions import OPTION, QUESTION, YES, told
from tools.render import Facts, filled, minutes
from tools.source import Cell, read

SERVER_MB = 121  # a person's JupyterLab server, beside the kernel
ROW = re.compile(r"^\| (\d+)(?:–(\d+))? \| (.+?) \| (.+) \|$", re.M)


@dataclass(frozen=True)
class Part:
    """A part of a day: a lesson, whole or up to its stop point, or anything else that takes
    minutes.
    """

    minutes: int = 0
    says: str = ""
    lesson: str = ""
    whole: bool = True


def _lessons(*numbers: str) -> list[Part]:
    return [Part(lesson=number) for number in numbers]


BREAK = Part(15, "*break*")
HALF_DAY = [
    Part(10, "Everybody runs `python run.py check`; neighbors help those who are stuck"),
    *_lessons("01"),
    BREAK,
    Part(lesson="02", whole=False),
    *_lessons("04"),
    Part(10, "Each says one thing that they will try; how to go on alone"),
]
FIRST_DAY = [
    Part(15, "Everybody runs `python run.py check`; who is here"),
    *_lessons("01"),
    BREAK,
    *_lessons("02"),
    *_lessons("03"),
    Part(60, "*lunch*"),
    *_lessons("04"),
    BREAK,
    *_lessons("05"),
    Part(30, "A studio section of your choice, in pairs; the build tasks 4.5 or 5.6"),
]
SECOND_DAY = [
    Part(10, "What was left open yesterday"),
    *_lessons("06"),
    BREAK,
    *_lessons("07"),
    *_lessons("08"),
    Part(60, "*lunch*"),
    *_lessons("09"),
    BREAK,
    *_lessons("10"),
    Part(30, "Each pair shows one sample, one number, and says what the number does not tell"),
]
PLANS = {"half_day": [(9 * 60, HALF_DAY)], "two_days": [(9 * 60, FIRST_DAY), (9 * 60, SECOND_DAY)]}


# --- timetables -----------------------------------------------------------------------------------


def rows(root: Path, number: str) -> list[tuple[int, int, str, str]]:
    """Start, end, what and how of each line of a lesson's one-hour plan; empty where there is no
    plan yet.
    """
    plan = root / f"docs/workshop/{number}/plan.md"
    found = ROW.findall(plan.read_text(encoding="utf-8")) if plan.exists() else []
    return [(int(start), int(end or start), what, how) for start, end, what, how in found]


def length(root: Path, part: Part) -> int:
    """Minutes of a part; an hour for a lesson that has no plan yet."""
    plan = rows(root, part.lesson) if part.lesson else []
    if part.lesson and plan and not part.whole:
        return next(start for start, _, what, _ in plan if "Stop point" in what)
    return (plan[-1][1] if plan else 60) if part.lesson else part.minutes


def clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02d}"


def timetable(root: Path, days: list[tuple[int, list[Part]]]) -> str:
    """The table of a plan: when, what, until which stop point, how long alone."""
    lines, facts = [], Facts(root)
    for day, (now, parts) in enumerate(days, 1):
        lines += [f"\n**Day {day}**\n"] if len(days) > 1 else []
        lines += [
            "| from | to | what | stop point, and what to drop if you are late | alone it takes |",
            "|---|---|---|---|---|",
        ]
        for part in parts:
            end = now + length(root, part)
            lines.append(
                f"| {clock(now)} | {clock(end)} | {' | '.join(_cells(root, facts, part, now))} |"
            )
            now = end
    return "\n".join(lines).lstrip("\n") + "\n"


def _cells(root: Path, facts: Facts, part: Part, start: int) -> tuple[str, str, str]:
    if not part.lesson:
        return part.says, "", ""
    source = next((root / "lessons").glob(f"{part.lesson}_*.py"), None)
    title, stop = facts.lessons[part.lesson]["title"].split(":")[0], rows(root, part.lesson)
    if source is None or not stop:
        return f"Lesson {part.lesson}, {title}", "in the making", ""
    at, how = next((begin, how) for begin, _, what, how in stop if "Stop point" in what)
    said = (
        f"at {clock(start + at)}. {how}"
        if part.whole
        else "ends at the stop point of the hour's plan"
    )
    core = minutes(read(source))["core"]
    return f"Lesson {part.lesson}, [{title}]({part.lesson}/plan.md)", said, f"{core} min, core"


def plans(root: Path) -> str:
    """Where each lesson's plan is, and the page that belongs to it."""
    lines = [
        "| lesson | its hour, minute by minute | what to ask, what goes wrong | slides |",
        "|---|---|---|---|",
    ]
    facts = Facts(root)
    for number, about in sorted(facts.lessons.items()):
        for source in (root / "lessons").glob(f"{number}_*.py"):
            lines.append(
                f"| {number} | [{about['title'].split(':')[0]}](workshop/{number}/plan.md) | "
                f"[predictions and wrong answers](workshop/{number}/room.md) | "
                f"[slides]({facts.website}slides/{source.stem}.html) |"
            )
    return "\n".join(lines) + "\n"


# --- what to ask, what goes wrong -----------------------------------------------------------------


def room(root: Path, source: Path) -> str:
    """The page of one lesson: its predictions by heading, its exercises with every wrong answer
    that is known.
    """
    facts, number = Facts(root), source.stem[:2]
    cells, known = read(source), exercises(int(number))
    parts = [
        f"# Lesson {number} with a class: predictions, and wrong answers",
        (
            "Made from the lesson and its checks by `python -m tools`; the hour itself is in the "
            "[plan](plan.md)."
        ),
        "## Predictions to ask the class for",
        (
            "Ask before anybody runs the cell, and let people commit: hands, paper, or a neighbor."
            " The right option is bold; the notebook says what each of the others would have meant."
        ),
    ]
    parts += predictions(cells, facts)
    parts += [
        "## Wrong answers that the checks know",
        (
            "Each line is the hint that a learner sees after making this mistake. If a hint is not"
            " enough, ask about what it names: *which number should come out here, if you work it"
            " out by hand?*"
        ),
    ]
    for exercise in known.values():
        parts += [
            f"### {exercise.id} `{exercise.name}`",
            "\n".join(f"- {escaped(mutant.hint)}" for mutant in exercise.mutants.values()),
        ]
    return "\n\n".join(parts) + "\n"


def predictions(cells: list[Cell], facts: Facts) -> list[str]:
    """Each prediction of a lesson: the heading it stands under, what one has to know, the question,
    and the options.
    """
    found, heading, known = [], "At the start", ""
    for cell in cells:
        if cell.kind == "markdown" and not cell.tagged("help"):
            text = re.sub(r"<details>.*?</details>", "", cell.source, flags=re.S)
            titles = re.findall(r"^#{2,3} (?!Exercise)(.+)$", text, flags=re.M)
            heading = (titles or [heading])[-1].strip()
            for asked in QUESTION.finditer(text):
                said = f"{told(text[: asked.start()], known)}\n  **{' '.join(asked[1].split())}**"
                stop = "" if heading[-1] in "?!" else "."
                listed = f"- *{heading}{stop}* {said}\n{_options(text[asked.end() :])}"
                found.append(filled(listed, facts, {"header": ""}))
            known = told(text, known)
    return found


def _options(text: str) -> str:
    """What can be voted for, the right option bold."""
    lines = []
    for option in OPTION.finditer(text):
        said = f"{option['letter']}: {' '.join(option['text'].split())}"
        lines.append(f"  - **{said}**" if option["means"].startswith(YES) else f"  - {said}")
    return "\n".join(lines)


def escaped(text: str) -> str:
    """A hint as Markdown shows it: letter by letter, but for what stands in backquotes."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        p if p.startswith("`") else re.sub(r"([*_<\[\]$\\{}|~])", r"\\\1", p) for p in parts
    )


# --- the hub --------------------------------------------------------------------------------------


def memory(root: Path, people: int = 40, cores: int = 8) -> str:
    """What a room needs for each lesson: memory, and processor time if everybody runs everything
    once.
    """
    lines = [
        (
            f"| lesson | a kernel at its peak | {people} people at once | {people} people,"
            f" everything run once, {cores} processors |"
        ),
        "|---|---|---|---|",
    ]
    for stem, budget in sorted(Facts(root).budgets.items()):
        gigabytes, wait = (
            people * (budget["peak_mb"] + SERVER_MB) / 1000,
            people * budget["seconds"] / cores / 60,
        )
        lines.append(
            f"| {stem[:2]} | {budget['peak_mb']} MB | {gigabytes:.0f} GB | {wait:.1f} minutes of"
            " waiting |"
        )
    return "\n".join(lines) + "\n"


def measured(root: Path) -> str:
    """What the last run of `python -m tools measure hub` found, in a paragraph."""
    found = json.loads((root / "tools/measure/hub.json").read_text(encoding="utf-8"))
    errors = f"{len(found['errors'])} errors" if found["errors"] else "no error"
    return (
        f"{found['users']} people at once, each with a server and a kernel of their own, ran lesson"
        f" {found['lesson'][:2]} to its end on one machine with {found['cores']} processors that"
        f" others used too (`python -m tools measure hub {found['lesson'][:2]} --users"
        f" {found['users']}`): {found['finished']} of {found['users']} finished, with {errors}."
        f" Half of them had their server after {found['seconds_to_a_server']} seconds and the"
        f" lesson done after {found['seconds_for_the_lesson']} more. With shared pages divided, a"
        f" kernel took {found['kernel_mb']} MB and a server {found['server_mb']}.\n"
    )


def pullers(root: Path) -> str:
    """A link for the index and one for each lesson that exists, for a hub whose address is still to
    be put in.
    """
    from urllib.parse import quote

    address = Facts(root).repository
    name = address.rsplit("/", 1)[1]
    stems = [
        "index",
        *(source.stem for source in sorted((root / "lessons").glob("[0-9][0-9]_*.py"))),
    ]
    start = f"https://HUB/hub/user-redirect/git-pull?repo={quote(address, safe='')}&branch=main"
    links = (
        f"{start}&urlpath={quote(f'lab/tree/{name}/notebooks/{stem}.ipynb', safe='')}"
        for stem in stems
    )
    return "```\n" + "\n".join(links) + "\n```\n"


# --- files ----------------------------------------------------------------------------------------


def targets(root: Path) -> dict[Path, str]:
    """Every file that this makes, with its text."""
    folder = root / "docs/workshop"
    if not folder.is_dir():
        return {}
    rooms = {
        folder / f"{source.stem[:2]}/room.md": room(root, source)
        for source in sorted((root / "lessons").glob("[0-9][0-9]_*.py"))
    }
    return rooms | {
        folder / "hub.md": with_parts(
            folder / "hub.md",
            {"memory": memory(root), "measured": measured(root), "links": pullers(root)},
        ),
        root / "docs/instructors.md": with_parts(
            root / "docs/instructors.md", {"plans": plans(root)}
        ),
        **{
            folder / f"{name}.md": with_parts(
                folder / f"{name}.md", {"timetable": timetable(root, days)}
            )
            for name, days in PLANS.items()
        },
    }


def with_parts(path: Path, parts: dict[str, str]) -> str:
    """A page with what stands between `<!-- NAME -->` and `<!-- end -->` replaced."""
    text = path.read_text(encoding="utf-8")
    for name, new in parts.items():
        before, marker, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        text = before + marker + new + end + after
    return text
