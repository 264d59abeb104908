"""A little town's newspaper, written by weighted rules: a corpus of lesson 08 whose entropy is
known exactly.

A match has six facts. The rules turn them into a report: they choose the words, the facts fill the
blanks. So every fact that a report tells is right (crowds and opinions are made up), and how many
bits of choice are in it can be worked out by hand.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

TEAMS = ("harbour", "mill", "castle", "forest", "river", "bridge", "market", "chapel")
PLAYERS = ("ada", "bela", "carl", "dora", "emil", "fanny", "georg", "hedy", "ivan", "julia")
WEATHER = ("rainy", "sunny", "windy", "snowy", "foggy")
GOALS = ("1", "2", "3", "4", "5")
RESULTS = ("loss", "draw", "win")  # of the home team
PAD, START, END = "<pad>", "<start>", "<end>"

# A rule is a weight and what it writes: CAPITALS are further rules, {braces} blanks for facts, all
# else words.
RULES = {
    "REPORT": [(1.0, "OPENING GOAL CROWD VOICE")],
    "OPENING": [
        (0.3, "a DEGREE {result} for {home} against {away} , {home_goals} to {away_goals} ."),
        (0.3, "on a {weather} day {home} met {away} : {home_goals} to {away_goals} ."),
        (0.2, "{home} {home_goals} , {away} {away_goals} : a DEGREE {result} ."),
        (0.2, "{weather} weather , and a {result} for {home} : {home_goals} to {away_goals} ."),
    ],
    "DEGREE": [
        (0.25, "nasty"),
        (0.2, "deserved"),
        (0.15, "strange"),
        (0.15, "famous"),
        (0.15, "lucky"),
        (0.1, "quiet"),
    ],
    "GOAL": [
        (0.4, "{scorer} SCORED WHEN ."),
        (0.3, "WHEN {scorer} SCORED ."),
        (0.3, "WHEN came {scorer} and SCORED ."),
    ],
    "SCORED": [
        (0.3, "scored"),
        (0.2, "struck"),
        (0.15, "shone"),
        (0.15, "danced"),
        (0.1, "flew"),
        (0.1, "tripped"),
    ],
    "WHEN": [(0.25, "early"), (0.25, "late"), (0.2, "then"), (0.15, "unseen"), (0.15, "again")],
    "CROWD": [(0.5, "the ONE DOES MANNER ."), (0.5, "the MANY DO MANNER .")],
    "ONE": [(0.45, "PERSON"), (0.55, "PERSON of the OTHERS")],
    "MANY": [(0.45, "PEOPLE"), (0.55, "PEOPLE of the OTHERS")],
    "OTHERS": [
        (0.35, "PERSON"),
        (0.35, "PEOPLE"),
        (0.15, "PERSON of the LAST"),
        (0.15, "PEOPLE of the LAST"),
    ],
    "LAST": [(0.5, "PERSON"), (0.5, "PEOPLE")],
    "PERSON": [
        (0.2, "coach"),
        (0.15, "keeper"),
        (0.15, "mayor"),
        (0.1, "singer"),
        (0.1, "baker"),
        (0.1, "referee"),
        (0.1, "captain"),
        (0.1, "doctor"),
    ],
    "PEOPLE": [
        (0.2, "fans"),
        (0.15, "players"),
        (0.15, "children"),
        (0.1, "drummers"),
        (0.1, "cousins"),
        (0.1, "farmers"),
        (0.1, "guests"),
        (0.1, "pupils"),
    ],
    "DOES": [
        (0.2, "sings"),
        (0.2, "dances"),
        (0.15, "smiles"),
        (0.15, "waits"),
        (0.1, "cries"),
        (0.1, "whistles"),
        (0.1, "sleeps"),
    ],
    "DO": [
        (0.2, "sing"),
        (0.2, "dance"),
        (0.15, "smile"),
        (0.15, "wait"),
        (0.1, "cry"),
        (0.1, "whistle"),
        (0.1, "sleep"),
    ],
    "MANNER": [
        (0.25, "tonight"),
        (0.25, "outside"),
        (0.2, "all night"),
        (0.15, "in the PLACE"),
        (0.15, "at the PLACE"),
    ],
    "PLACE": [(0.3, "station"), (0.3, "square"), (0.2, "inn"), (0.2, "museum")],
    "VOICE": [(0.6, '{away} said : " SAYING " .'), (0.4, '" SAYING " , said {scorer} .')],
    "SAYING": [
        (0.35, "we WERE than {home}"),
        (0.35, "I NEVER saw a DEGREE THING"),
        (0.3, "this THING was DEGREE"),
    ],
    "WERE": [(0.4, "ran faster"), (0.3, "wanted more"), (0.3, "slept better")],
    "NEVER": [(0.5, "never"), (0.3, "rarely"), (0.2, "once")],
    "THING": [(0.25, "game"), (0.25, "team"), (0.2, "crowd"), (0.15, "ball"), (0.15, "summer")],
}
KINDS = {
    "home": TEAMS,
    "away": TEAMS,
    "home_goals": GOALS,
    "away_goals": GOALS,
    "scorer": PLAYERS,
    "weather": WEATHER,
    "result": RESULTS,
}
VOCABULARY = [
    PAD,
    START,
    END,
    *sorted(
        {
            word
            for options in RULES.values()
            for _, text in options
            for word in text.split()
            if word not in RULES and "{" not in word
        }
        | {":"}
        | {word for words in KINDS.values() for word in words}
    ),
]
BITS_OF_FACTS = math.log2(
    len(TEAMS) * (len(TEAMS) - 1) * len(GOALS) ** 2 * len(PLAYERS) * len(WEATHER)
)


class Match(NamedTuple):
    """The facts of one game, all of them words."""

    home: str
    home_goals: str
    away: str
    away_goals: str
    scorer: str
    weather: str

    @property
    def result(self) -> str:
        """ "win", "draw" or "loss" of the home team."""
        difference = int(self.home_goals) - int(self.away_goals)
        return RESULTS[1 + (difference > 0) - (difference < 0)]

    @property
    def box(self) -> list[str]:
        """The seven words that stand before the report."""
        return [*self, ":"]


def a_match(rng: np.random.Generator) -> Match:
    """Facts drawn evenly: two different teams, goals, who scored, the weather."""
    home, away = rng.choice(len(TEAMS), 2, replace=False)
    goals = rng.integers(len(GOALS), size=2)
    return Match(
        TEAMS[home],
        GOALS[goals[0]],
        TEAMS[away],
        GOALS[goals[1]],
        PLAYERS[rng.integers(len(PLAYERS))],
        WEATHER[rng.integers(len(WEATHER))],
    )


def report(match: Match, rng: np.random.Generator, symbol: str = "REPORT") -> list[str]:
    """A report that the rules write about a match: words, without the box and without the end."""
    if symbol.startswith("{"):
        return [getattr(match, symbol[1:-1])]
    if symbol not in RULES:
        return [symbol]
    text = RULES[symbol][bisect_right(_ends(symbol), rng.random())][1]
    return [word for part in text.split() for word in report(match, rng, part)]


@cache
def _ends(symbol: str) -> list[float]:
    """Where the pieces of a strip of length one end, one for each way to apply a rule."""
    ends = np.cumsum([weight for weight, _ in RULES[symbol]])
    return (ends / ends[-1]).tolist()


def document(rng: np.random.Generator) -> list[str]:
    """What a reader of the corpus sees: start, the facts of a new match, their report, end."""
    match = a_match(rng)
    return [START, *match.box, *report(match, rng), END]


@cache
def choice(symbol: str = "REPORT") -> tuple[float, float]:
    """Bits of choice in what a rule writes, and how many words it writes, both on average.

    H(A) = sum of p·(-log2 p + H of the parts), and lengths likewise: exact because no two ways of
    applying the rules give the same words (Cover & Thomas 2006, chapter 2: the chain rule of
    entropy).
    """
    if symbol not in RULES:
        return 0.0, 1.0
    bits = words = 0.0
    for weight, text in RULES[symbol]:
        parts = [choice(part) for part in text.split()]
        bits += weight * (sum(part[0] for part in parts) - math.log2(weight))
        words += weight * sum(part[1] for part in parts)
    return bits, words


def entropy() -> float:
    """Bits per token of a document: facts and report, over box, report and end; start is given."""
    bits, words = choice()
    return (BITS_OF_FACTS + bits) / (7 + words + 1)


def readings(
    words: list[str], symbols: tuple[str, ...] = ("REPORT",), at: int = 0
) -> Iterator[tuple[float, tuple]]:
    """Every way in which the rules could have written these words, blanks filled with any word of
    the right kind.

    Yields log2 of the probability of the choices made, and the blanks as (kind of fact, word) in
    order.
    """
    if not symbols:
        if at == len(words):
            yield 0.0, ()
    elif symbols[0] in RULES:
        for weight, text in RULES[symbols[0]]:
            for bits, told in readings(words, (*text.split(), *symbols[1:]), at):
                yield bits + math.log2(weight), told
    elif at < len(words):
        kind = symbols[0].strip("{}")
        if symbols[0] == words[at]:
            yield from readings(words, symbols[1:], at + 1)
        elif kind != symbols[0] and words[at] in KINDS[kind]:
            for bits, told in readings(words, symbols[1:], at + 1):
                yield bits, ((kind, words[at]), *told)


def told(words: list[str]) -> tuple[tuple[str, str], ...] | None:
    """What a report tells, as (kind of fact, word); None if the rules could not have written it: it
    is not grammatical.
    """
    return next((facts for _, facts in readings(words)), None)


def rightly_told(match: Match, words: list[str]) -> list[bool]:
    """Which of the facts that a grammatical report tells agree with the match. Raises ValueError
    for other words.
    """
    facts = told(words)
    if facts is None:
        raise ValueError("this is no grammatical report: ask `told` first, which is then None")
    return [getattr(match, kind) == word for kind, word in facts]


def agrees_with_itself(words: list[str]) -> bool:
    """Whether a grammatical report could be about some match: no fact is told in two ways, no team
    plays against itself, and the result follows from the goals.
    """
    facts = told(words) or ()
    match = dict(facts)
    if not match or any(match[kind] != word for kind, word in facts):
        return False
    home, away = int(match["home_goals"]), int(match["away_goals"])
    result = RESULTS[1 + (home > away) - (home < away)]
    return match["home"] != match.get("away") and match.get("result", result) == result


def is_telling(words: list[str]) -> bool:
    """Whether a document shows what attention is for: a scorer comes last, and the verb must agree
    with a noun that is not next to it.
    """
    plural = {word: kind == "PEOPLE" for kind in ("PERSON", "PEOPLE") for _, word in RULES[kind]}
    nouns = [plural[word] for word in words if word in plural]
    return len(nouns) == 3 and nouns[0] != nouns[-1] and words[-3] in PLAYERS


def facts_of(words: list[str]) -> Match | None:
    """The facts at the head of a document; None if it does not begin with six facts of the right
    kinds and a colon.
    """
    if len(words) < 8 or words[0] != START or words[7] != ":":
        return None
    match = Match(*words[1:7])
    return match if all(word in KINDS[kind] for kind, word in match._asdict().items()) else None


def log2_probability(words: list[str]) -> float:
    """log2 of the probability of a whole document, start to end; minus infinity if the newspaper
    cannot have printed it.
    """
    match, text = facts_of(words), words[8:-1]
    if match is None or match.home == match.away or words[-1] != END:
        return -math.inf
    if told(text) is None or not all(rightly_told(match, text)):
        return -math.inf
    return math.log2(sum(2**bits for bits, _ in readings(text))) - BITS_OF_FACTS


# --------------------------------------------------------------------------------------------------

SHOTS = ("wide", "crowd", "replay", "interview")
LONGEST_SCENE = 9  # seconds
LINES = ("OPENING", "GOAL", "SAYING")  # what is said in the first scene, the second, all others


def script(rng: np.random.Generator) -> list[str]:
    """The script of a short film: the facts of a new match as in `document`, then the tokens of a
    JSON text: joined by spaces, `json.loads` reads them.

    Two to four scenes; the first is wide, the scenes' seconds add up to the seconds of the whole,
    and whatever is said about the match is right.
    """
    match, seconds = a_match(rng), rng.integers(2, LONGEST_SCENE + 1, size=rng.integers(2, 5))
    scenes = []
    for number, length in enumerate(seconds):
        shot = SHOTS[0] if number == 0 else SHOTS[rng.integers(1, len(SHOTS))]
        said = report(match, rng, LINES[min(number, 2)])
        scenes += [
            ",",
            *f'{{ "shot" : "{shot}" , "seconds" : {length} , "say" : " '.split(),
            *said,
            '"',
            "}",
        ]
    title = f'" {match.home} against {match.away} "'
    return [
        START,
        *match.box,
        *f'{{ "title" : {title} , "seconds" : {sum(seconds)} , "scenes" : ['.split(),
        *scenes[1:],
        "]",
        "}",
        END,
    ]


def said(title: str, lines: list[str]) -> list[tuple[str, str]] | None:
    """The facts told in a film's title and lines, as (kind of fact, word); None if one of them is
    not grammatical.
    """
    names = title.split()
    if len(names) != 3 or names[1] != "against" or not {names[0], names[2]} <= {*TEAMS}:
        return None
    facts = [("home", names[0]), ("away", names[2])]
    for line in lines:
        ways = (way for symbol in LINES for _, way in readings(line.split(), (symbol,)))
        if (way := next(ways, None)) is None:
            return None
        facts += way
    return facts


# --------------------------------------------------------------------------------------------------

PLACES = (
    "mill",
    "harbour",
    "castle",
    "forest",
    "chapel",
    "cellar",
    "tower",
    "garden",
    "station",
    "library",
)
WAYS = ("north", "south", "upstairs", "downstairs", "inside", "outside", "left", "right")
THINGS = ("lantern", "letter", "violin", "crown", "map", "kite")
SCENES = (5, 7)  # fewest and most scenes of a story
TAKEN = "you take the key ."
FOUND, LOST = "your key opens the chest . you find the {} .", "night falls ."  # how it may end

# scene -> what it says, and where each way leads
Story = dict[int, tuple[str, list[tuple[str, int]]]]


def story(rng: np.random.Generator) -> list[str]:
    """A branching story as words: what is sought, then numbered scenes with at most two ways on.

    Every scene is at a place of its own and can be reached from scene 1, and every way leads to a
    later scene. One end has the chest with what is sought, and the key to it lies on the way there;
    at all other ends night falls.
    """
    count, thing = int(rng.integers(SCENES[0], SCENES[1] + 1)), THINGS[rng.integers(len(THINGS))]
    leads, parent = _tree(count, rng)
    way_to = {end: _way_to(end, parent) for end, targets in leads.items() if not targets}
    chest = int(rng.choice([end for end, way in way_to.items() if len(way) > 2]))
    key = int(rng.choice(way_to[chest][1:-1]))
    places = rng.permutation(PLACES)[:count]
    words = [START, "find", "the", thing, "before", "night", ":"]
    for (scene, targets), place in zip(leads.items(), places, strict=True):
        words += [str(scene), "the", str(place), "."]
        words += TAKEN.split() if scene == key else []
        ways = rng.choice(len(WAYS), len(targets), replace=False)
        for way, target in zip(ways, targets, strict=True):
            words += [WAYS[way], ">", str(target), "."]
        if not targets:
            words += (FOUND.format(thing) if scene == chest else LOST).split()
    return [*words, END]


def _tree(count: int, rng: np.random.Generator) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Scenes 1 to `count`, each but the first reached from one before it, two from scene 1 and at
    most two from each other: where each scene leads, and where it is reached from.
    """
    leads: dict[int, list[int]] = {scene: [] for scene in range(1, count + 1)}
    parent = {}
    for scene in range(2, count + 1):
        free = [other for other in range(1, scene) if len(leads[other]) < 2]
        parent[scene] = 1 if scene <= 3 else int(rng.choice(free))
        leads[parent[scene]].append(scene)
    return leads, parent


def _way_to(scene: int, parent: dict[int, int]) -> list[int]:
    """The scenes from scene 1 to this one."""
    way = [scene]
    while way[0] in parent:
        way.insert(0, parent[way[0]])
    return way


def read_story(words: list[str]) -> tuple[str, Story] | None:
    """What is sought, and the scenes of a story, from its words; None if it is not written like
    one.
    """
    head = [START, "find", "the", None, "before", "night", ":"]
    if len(words) < 10 or words[-1] != END:
        return None
    if any(want not in (None, word) for want, word in zip(head, words, strict=False)):
        return None
    scenes: Story = {}
    for sentence in " ".join(words[7:-1]).split(" ."):
        part = sentence.split()
        if len(part) == 3 and part[0].isdecimal() and part[1] == "the":
            if int(part[0]) in scenes:
                return None
            scenes[int(part[0])] = (f"the {part[2]}", [])
        elif len(part) == 3 and part[1] == ">" and part[2].isdecimal() and scenes:
            scenes[list(scenes)[-1]][1].append((part[0], int(part[2])))
        elif part and scenes:
            last = list(scenes)[-1]
            scenes[last] = (f"{scenes[last][0]} : {' '.join(part)}", scenes[last][1])
        elif part:
            return None
    return (words[3], scenes) if 1 in scenes else None


def walks(scenes: Story) -> Iterator[list[int]]:
    """Every walk from scene 1 to an end, as long as no scene comes twice."""
    ahead = [[1]]
    while ahead:
        walk = ahead.pop()
        targets = [target for _, target in scenes[walk[-1]][1]]
        on = [target for target in targets if target in scenes and target not in walk]
        if not targets:
            yield walk
        ahead += [[*walk, target] for target in on]
