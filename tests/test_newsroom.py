"""The little town's writers: entropy exact, every report true, scripts and stories valid."""

import json
import math

import numpy as np
import pytest

from course_utils.lesson08 import newsroom
from course_utils.lesson08.newsroom import END, RULES, START, VOCABULARY

MATCH = newsroom.Match("harbour", "3", "mill", "1", "ada", "rainy")
REPORT = (
    "on a rainy day harbour met mill : 3 to 1 . late ada struck . the singer of the fans sings"
    ' outside . " this game was famous " , said ada .'
)


@pytest.fixture(scope="module")
def documents():
    rng = np.random.default_rng(0)
    return [newsroom.document(rng) for _ in range(1500)]


def test_the_weights_of_every_rule_add_up_to_one():
    assert all(math.isclose(sum(weight for weight, _ in options), 1) for options in RULES.values())


def test_the_entropy_is_what_sampling_finds(documents):
    bits = [-newsroom.log2_probability(words) for words in documents]
    tokens = [len(words) - 1 for words in documents]
    error = np.std(bits) / np.sqrt(len(bits)) / np.mean(tokens)
    assert abs(sum(bits) / sum(tokens) - newsroom.entropy()) < 4 * error


def test_the_entropy_of_a_small_rule_is_its_formula():
    bits, words = newsroom.choice("PLACE")
    assert words == 1 and math.isclose(bits, -sum(p * math.log2(p) for p in (0.3, 0.3, 0.2, 0.2)))


def test_no_report_can_be_written_in_two_ways(documents):
    assert all(len(list(newsroom.readings(words[8:-1]))) == 1 for words in documents)


def test_every_report_is_grammatical_and_true(documents):
    for words in documents:
        match = newsroom.facts_of(words)
        assert (
            match and newsroom.told(words[8:-1]) and all(newsroom.rightly_told(match, words[8:-1]))
        )


def test_documents_use_the_vocabulary_which_begins_with_padding_start_and_end(documents):
    assert VOCABULARY[:3] == [newsroom.PAD, START, END] and len(set(VOCABULARY)) == len(VOCABULARY)
    assert {word for words in documents for word in words} <= set(VOCABULARY)


def test_nearly_all_documents_are_different(documents):
    assert len({" ".join(words) for words in documents}) > 0.99 * len(documents)


def test_a_false_report_is_still_grammatical():
    words = REPORT.replace("ada", "bela").split()
    assert newsroom.told(words) == (
        ("weather", "rainy"),
        ("home", "harbour"),
        ("away", "mill"),
        ("home_goals", "3"),
        ("away_goals", "1"),
        ("scorer", "bela"),
        ("scorer", "bela"),
    )
    assert newsroom.rightly_told(MATCH, words) == [True] * 5 + [False] * 2


@pytest.mark.parametrize(
    "old, new",
    [
        ("sings", "sing"),
        (" . late", " late"),
        ("ada struck", "mill struck"),
        ("said ada .", "said ada"),
    ],
)
def test_a_broken_report_is_not_grammatical(old, new):
    assert newsroom.told(REPORT.split()) and newsroom.told(REPORT.replace(old, new).split()) is None


def test_what_the_newspaper_cannot_have_printed_has_no_probability():
    words = [START, *MATCH.box, *REPORT.split(), END]
    assert newsroom.log2_probability(words) > -100
    for wrong in (
        words[:-1],
        words[1:],
        [START, *MATCH.box, *REPORT.replace("ada", "bela").split(), END],
        [START, *MATCH._replace(away="harbour").box, *REPORT.split(), END],
    ):
        assert newsroom.log2_probability(wrong) == -math.inf


def test_facts_about_a_broken_report_are_refused():
    with pytest.raises(ValueError, match="told"):
        newsroom.rightly_told(MATCH, ["harbour"])


@pytest.mark.parametrize(
    "home, away, result", [("3", "1", "win"), ("2", "2", "draw"), ("1", "5", "loss")]
)
def test_the_result_follows_from_the_goals(home, away, result):
    assert MATCH._replace(home_goals=home, away_goals=away).result == result


def test_scripts_are_json_add_up_and_are_true():
    rng = np.random.default_rng(1)
    for _ in range(200):
        words = newsroom.script(rng)
        match, film = newsroom.facts_of(words), json.loads(" ".join(words[8:-1]))
        assert set(film) == {"title", "seconds", "scenes"} and 2 <= len(film["scenes"]) <= 4
        assert film["seconds"] == sum(scene["seconds"] for scene in film["scenes"])
        assert film["scenes"][0]["shot"] == "wide" and all(
            scene["shot"] in newsroom.SHOTS for scene in film["scenes"]
        )
        told = newsroom.said(film["title"], [scene["say"] for scene in film["scenes"]])
        assert told and all(getattr(match, kind) == word for kind, word in told)


@pytest.mark.parametrize(
    ("title", "line", "told"),
    [
        ("harbour against mill", "ada struck early .", [("scorer", "ada")]),
        (" harbour against mill ", "we ran faster than mill", [("home", "mill")]),
        ("harbour against mill", "ada struck", None),
        ("harbour and mill", "ada struck early .", None),
        ("harbour against ada", "ada struck early .", None),
    ],
)
def test_what_a_film_says_is_read_line_by_line(title, line, told):
    facts = newsroom.said(title, [line])
    assert facts == (told and [("home", "harbour"), ("away", "mill"), *told])


def test_a_telling_document_ends_with_its_scorer_and_has_a_noun_between_subject_and_verb():
    words = [START, *MATCH.box, *REPORT.split(), END]
    quoted = REPORT.replace("singer of the fans", "singer")
    assert newsroom.is_telling(words) is False  # two nouns only
    longer = REPORT.replace("singer of the fans", "singer of the baker of the fans").split()
    assert newsroom.is_telling([START, *MATCH.box, *longer, END])
    assert not newsroom.is_telling([START, *MATCH.box, *quoted.split(), END])


def test_stories_lead_on_to_every_scene_and_can_be_won_and_lost():
    rng = np.random.default_rng(2)
    for _ in range(300):
        thing, scenes = newsroom.read_story(newsroom.story(rng))
        targets = [target for _, ways in scenes.values() for _, target in ways]
        assert sorted(targets) == list(range(2, len(scenes) + 1))
        assert newsroom.SCENES[0] <= len(scenes) <= newsroom.SCENES[1]
        assert len({text.split(" : ")[0] for text, _ in scenes.values()}) == len(scenes)
        walks = list(newsroom.walks(scenes))
        won = [walk for walk in walks if f"you find the {thing}" in scenes[walk[-1]][0]]
        assert len(won) == 1 and len(walks) > 1
        assert any("you take the key" in scenes[scene][0] for scene in won[0][1:-1])
        assert all("night falls" in scenes[w[-1]][0] for w in walks if w not in won)


HEAD = "find the crown before night :"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "find the crown before night",
        "find the crown : 1 the mill . north > 2 . 2 the tower . night falls .",
        f"{HEAD} 1 1 the mill .",
        f"{HEAD} north > 2 . 1 the mill .",
        f"{HEAD} 1 the mill . 1 the tower .",
    ],
)
def test_what_is_not_written_like_a_story_is_none(text):
    assert newsroom.read_story([START, *text.split(), END]) is None


def test_a_way_to_nowhere_is_read_as_it_stands_and_ends_no_walk():
    words = f"{HEAD} 1 the mill . north > 9 . left > 2 . 2 the tower . night falls .".split()
    thing, scenes = newsroom.read_story([START, *words, END])
    assert thing == "crown" and scenes == {
        1: ("the mill", [("north", 9), ("left", 2)]),
        2: ("the tower : night falls", []),
    }
    assert list(newsroom.walks(scenes)) == [[1, 2]]


def test_a_walk_in_a_circle_comes_to_an_end():
    scenes = {1: ("the mill", [("north", 2)]), 2: ("the tower", [("south", 1)])}
    assert list(newsroom.walks(scenes)) == []
