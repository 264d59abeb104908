"""The pictures of lesson 08 that the reader can touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots
from course_utils.lesson08 import drawing, newsroom

FOLDER = Path(__file__).parent
SHOWN = 10  # guesses
MATCHES = 12
FACTS = {word for words in newsroom.KINDS.values() for word in words}


def attention(
    tokens: list[str], looks: np.ndarray, expects: dict[str, np.ndarray], vocabulary: list[str]
) -> live.Explorable:
    """A document under the pointer: where each head looks, and what two models expect next.

    looks (heads, T, T) are attention weights; expects holds, by the name of a model, its
    probabilities of the next token (T, V).
    """
    names, T = list(expects), len(tokens)
    hits = [
        [float(live.plain(p[t - 1, vocabulary.index(tokens[t])])) for p in expects.values()]
        for t in range(1, T)
    ]
    bytes_ = np.round(255 * looks).astype(int)  # (heads, T, T)

    def numbers(word: int, head: int) -> dict[str, Any]:
        top = int(np.argmax(bytes_[int(head), int(word) - 1, : int(word)]))
        first, second = hits[int(word) - 1]
        true_word = tokens[int(word)]
        return {"looked": tokens[top], "true_word": true_word, "first": first, "second": second}

    return live.explorable(
        "08.attention",
        FOLDER / "attention.js",
        [
            live.Range("word", 1, T - 1, 1, min(12, T - 1)),
            live.Choice("head", [f"head {i}" for i in range(len(looks))]),
        ],
        "Before “{true_word}” the head looks most at “{looked}”. Probability of that word:"
        f" {names[0]} {{first:.2f}}, {names[1]} {{second:.2f}}.",
        numbers,
        {
            "tokens": tokens,
            "names": names,
            "looks": bytes_,
            "hits": hits,
            "guesses": [_guesses(expects, vocabulary, t, tokens[t + 1]) for t in range(T - 1)],
        },
        _still(tokens, looks[0]),
    )


def writing(
    written: dict[tuple[float, float], tuple[dict[str, float], list[str]]],
) -> live.Explorable:
    """One report and what many are like, by temperature and by the p of top-p: (T, p) -> shares by
    name, and the words of a report.
    """
    temperatures, cuts = (list(dict.fromkeys(key)) for key in zip(*written, strict=True))
    shares = [[live.plain(written[T, p][0]) for p in cuts] for T in temperatures]

    def numbers(temperature: int, cut: int) -> dict[str, float]:
        return shares[temperature][cut]

    start = temperatures.index(1.0)
    return live.explorable(
        "08.writing",
        FOLDER / "writing.js",
        [
            live.Choice("temperature", [f"{T:g}" for T in temperatures], start),
            live.Choice("cut", ["no" if p == 1 else f"p = {p:g}" for p in cuts], label="top-p"),
        ],
        "Share of reports that are fluent {fluent:.2f}, true {true:.2f}, new {new:.2f}, different"
        " {different:.2f}.",
        numbers,
        {
            "temperatures": temperatures,
            "cuts": cuts,
            "shares": shares,
            "texts": [[written[T, p][1] for p in cuts] for T in temperatures],
        },
        drawing.writing({key: shown for key, (shown, _) in written.items()}).figure,
    )


def reports(matches: list[Any], by: dict[str, list[list[str]]]) -> live.Explorable:
    """Reports on the same matches by several writers, to be judged before the facts are shown.
    `by` holds, by the name of a writer, one report per match; only matches of which all reports
    are grammatical are shown.
    """
    rounds = [
        _round(number, matches[i], {name: texts[i] for name, texts in by.items()})
        for number, i in enumerate(_judged(by), 1)
    ]

    def numbers(match: int, check: bool) -> dict[str, Any]:
        marks = [mark for report in rounds[int(match) - 1]["reports"] for mark in report["marks"]]
        return {
            "said": rounds[int(match) - 1]["said"][int(check)],
            "wrong": marks.count(-1) if check else 0,
        }

    return live.explorable(
        "08.reports",
        FOLDER / "reports.js",
        [
            live.Range("match", 1, len(rounds), 1, 1),
            live.Switch("check", label="check the facts"),
        ],
        "{said}",
        numbers,
        rounds,
        drawing.reports(rounds[0]),
    )


def _judged(by: dict[str, list[list[str]]]) -> list[int]:
    """The matches that are shown: all their reports are grammatical, if there are such matches."""
    count = len(next(iter(by.values())))
    fluent = [
        i for i in range(count) if all(newsroom.told(texts[i]) is not None for texts in by.values())
    ]
    return (fluent or list(range(count)))[:MATCHES]


def _round(number: int, match: Any, texts: dict[str, list[str]]) -> dict[str, Any]:
    """One match: its facts, the reports in a random order, and the sentence before and after."""
    order = np.random.default_rng(102 + number).permutation(list(texts)).tolist()
    shown = [
        {"name": name, "words": texts[name], "marks": marks(match, texts[name])} for name in order
    ]
    false = ", ".join(
        f"{letter} ({report['name']}) {report['marks'].count(-1)}"
        for letter, report in zip("ABCDEF", shown, strict=False)
    )
    return {
        "box": match.box[:-1],
        "reports": shown,
        "said": [
            f"Match {number}: {len(shown)} reports. Which of them are true?",
            f"Match {number}. False facts in each report: {false}.",
        ],
    }


def marks(match: Any, words: list[str]) -> list[int]:
    """For each word of a report: 1 for a right fact, -1 for a false one, 0 for any other word."""
    if newsroom.told(words) is None:
        return [0] * len(words)
    right = iter(newsroom.rightly_told(match, words))
    return [(1 if next(right) else -1) if word in FACTS else 0 for word in words]


def story(thing: str, scenes: dict[int, tuple[str, list[tuple[str, int]]]]) -> live.Explorable:
    """A branching story to walk through: scene -> what it says, and where each way leads. No scene
    can be reached on two ways.
    """
    at, numbers_of = drawing.places(scenes), list(scenes)
    parent = {target: scene for scene in scenes for _, target in scenes[scene][1]}
    told: list[dict[str, Any]] = [
        {
            "x": at[scene][0],
            "y": at[scene][1],
            "place": text.split(" : ")[0],
            "text": (text[:1].upper() + text[1:]).replace(" : ", ", "),
            "parent": numbers_of.index(parent.get(scene, numbers_of[0])),
            "ways": [[way, numbers_of.index(target)] for way, target in ways],
            "ending": _ending(text, ways),
        }
        for scene, (text, ways) in scenes.items()
    ]

    def numbers(scene: int) -> dict[str, str]:
        path = [scene]
        while path[0]:
            path.insert(0, told[path[0]]["parent"])
        read = ". ".join(told[i]["text"] for i in path)
        return {"read": read, "ending": told[scene]["ending"]}

    return live.explorable(
        "08.story",
        FOLDER / "story.js",
        [live.Choice("scene", [str(number) for number in scenes])],
        "{read}. {ending}",
        numbers,
        {
            "scenes": told,
            "title": f"find the {thing} before night",
            "deepest": -min(y for _, y in at.values()),
        },
        _still_story(thing, scenes),
    )


def _ending(text: str, ways: list[tuple[str, int]]) -> str:
    if ways:
        return "Where to? " + ", ".join(way for way, _ in ways)
    return "You have won." if "you find" in text else "You have lost."


def _still_story(thing: str, scenes: dict[int, tuple[str, list[tuple[str, int]]]]) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(9, 4.6))
    drawing.story(ax, thing, scenes, [next(iter(scenes))])
    return fig


def _guesses(
    expects: dict[str, np.ndarray], vocabulary: list[str], t: int, true: str
) -> list[list[Any]]:
    """The likeliest next tokens and the true one, with their probability under each model."""
    every = np.stack([p[t] for p in expects.values()])  # (models, V)
    order = list(np.argsort(-every.max(axis=0))[:SHOWN])
    if (at := vocabulary.index(true)) not in order:
        order[-1] = at
    return [[vocabulary[v], *every[:, v].round(3).tolist()] for v in order]


def _still(tokens: list[str], looks: np.ndarray) -> Any:
    word = min(12, len(tokens) - 1)
    weights = looks[word - 1]  # (T,)
    fig, ax = plots.figure(alt="drawn below", size=(8, 3))
    top = np.argsort(-weights)[:8]
    ax.barh([f"{tokens[i]} ({i})" for i in top[::-1]], weights[top[::-1]], color=plots.DATA)
    plots.label(ax, f"what head 0 looks at most before “{tokens[word]}”", "weight")
    return fig
