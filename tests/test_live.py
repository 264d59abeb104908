"""Explorables in a browser: they move without Python, and give Python's numbers."""

import json
import math
import random
import re

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from nbconvert import HTMLExporter
from nbformat import v4
from torch.nn import functional as F

from course_utils import live
from course_utils.lesson01 import explorables as lesson01
from course_utils.lesson02 import explorables as lesson02
from course_utils.lesson03 import explorables as lesson03
from course_utils.lesson04 import explorables as lesson04
from course_utils.lesson05 import DigitVAE
from course_utils.lesson05 import explorables as lesson05
from course_utils.lesson06 import explorables as lesson06
from course_utils.lesson07 import explorables as lesson07
from course_utils.lesson07 import floorplans, layout_report, parts
from course_utils.lesson08 import explorables as lesson08
from course_utils.lesson08 import newsroom
from course_utils.lesson09 import dungeons
from course_utils.lesson09 import explorables as lesson09
from course_utils.lesson10 import explorables as lesson10
from course_utils.live import net
from tests.browser import CHROMIUM, browser
from tests.lessons import IN_CI, ROOT
from tools import slides

LARGEST_DATA, LARGEST_ENGINE = 200_000, 30_000  # bytes
INK = np.random.default_rng(0).normal(13, 4, 4000).clip(1)


def latent_map():
    torch.manual_seed(0)
    decoder = DigitVAE(torch.full((784,), 0.2), Z=2, hidden=(256, 128, 64)).decoder
    places = np.random.default_rng(0).normal(size=(300, 2))
    scores = {width: (60 - 9 * width, 5 + width) for width in np.arange(0, 4.5, 0.5)}
    return lesson05.latent_map(decoder, places, np.arange(300) % 10, scores)


def condition():
    torch.manual_seed(0)
    sizes = ((20, 400), (400, 400), (400, 784))
    layers = [part for size in sizes for part in (torch.nn.Linear(*size), torch.nn.SiLU())][:-1]
    scores = {tau: (1 - tau / 9, 40 * (tau - 1) ** 2 + 20) for tau in np.arange(0, 1.6, 0.25)}
    return lesson07.condition(torch.nn.Sequential(*layers), scores)


def plan():
    """Plans of an architect with holes and patches, and as they were."""
    dice, offers = np.random.default_rng(7), {}
    for brief in floorplans.all_briefs():
        if (brief.width, brief.depth) == (26, 22):
            sound = floorplans.make_plans([brief] * 2, dice)
            offers[brief] = list(zip(map(patched, sound, [dice] * 2), sound, strict=True))
    return lesson07.plan(offers, layout_report)


def patched(sheet, dice):
    """A plan with a few squares of other kinds."""
    sheet = sheet.copy()
    for kind in dice.integers(0, floorplans.KINDS, 3):
        row, column = dice.integers(0, 23), dice.integers(0, 27)
        sheet[row : row + 2, column : column + 2] = kind
    return sheet


def bracket():
    torch.manual_seed(1)
    layers = [torch.nn.Linear(8, 64), torch.nn.SiLU(), torch.nn.Linear(64, 6)]
    center, std = (parts.LOW + np.array(parts.HIGH)) / 2, np.array([9, 9, 9, 1.5, 1, 2])
    codes = 3 * torch.randn(20, 6)
    return lesson07.bracket(torch.nn.Sequential(*layers), codes, center, std, fix_part)


def fix_part(part, load, limit):
    """As in the lesson: the first on the way to a safe one that holds, and how far that was."""
    made = (np.array([33, 25, 25, t, 4, 6.5]) for t in np.arange(2.0, 8.0, 0.1))
    for safe in (one for one in made if parts.holds(one, load, limit)):
        way = ((part + share * (safe - part), share) for share in np.linspace(0, 1, 51))
        return next(one for one in way if parts.holds(one[0], load, limit))


def attention():
    rng, words = np.random.default_rng(1), "a cat sat on the mat and the dog lay on a rug .".split()
    looks = np.tril(rng.dirichlet(np.ones(len(words)), (3, len(words))))
    vocabulary = sorted(set(words))
    expects = {
        name: rng.dirichlet(0.3 * np.ones(len(vocabulary)), len(words)) for name in ("one", "two")
    }
    return lesson08.attention(words, looks, expects, vocabulary)


def writing():
    dice, names = np.random.default_rng(5), ("fluent", "true", "new", "different")
    written = {
        (T, p): (dict(zip(names, dice.random(4).tolist(), strict=True)), ["it", "rained", "."] * 9)
        for T in (0.01, 0.6, 1.0, 1.2, 1.6)
        for p in (1.0, 0.9)
    }
    return lesson08.writing(written)


def reports():
    rng = np.random.default_rng(5)
    matches = [newsroom.a_match(rng) for _ in range(4)]
    return lesson08.reports(
        matches,
        {
            name: [newsroom.report(match, rng) for match in told]
            for name, told in (("rules", matches), ("inventor", matches[::-1]))
        },
    )


def story():
    scenes = {
        1: ("the mill", [("north", 2), ("left", 3)]),
        2: ("the tower : night falls", []),
        3: ("the inn : you take the key", [("inside", 4), ("right", 5)]),
        4: ("the garden : your key opens the chest : you find the crown", []),
        5: ("the cellar : night falls", []),
    }
    return lesson08.story("crown", scenes)


def noise():
    rng, T = np.random.default_rng(2), 100
    schedules = [np.linspace(0.999, 0.01, T), np.cos(np.linspace(0, 1.5, T)) ** 2]
    return lesson09.noise(rng.uniform(-1, 1, (3, 8, 12)), rng.normal(size=(3, 8, 12)), schedules)


def privacy():
    rng, sizes, noises = np.random.default_rng(3), [1, 2, 4], [0.0, 0.5]
    plane = {
        (k, sd): (0.5 + 0.1 * k, 0.6 + k / 11, 0.97 - sd / 9, *rng.exponential(2.5, (2, 50)))
        for k in sizes
        for sd in noises
    }
    return lesson10.privacy(sizes, noises, plane)


def watermark():
    rng = np.random.default_rng(4)
    library = {(s, r): rng.integers(0, 9, (20, 101)) for s in (0.0, 1.0, 2.0) for r in (0.0, 0.5)}
    return lesson10.watermark(library, rng.random((9, 9)) < 0.6, list("abcdefghi"), 0.5)


def pairs():
    rng = np.random.default_rng(5)
    z, x, luck = rng.random(300), rng.normal(0, 2, 300), rng.random(300)
    curves = [(s * np.linspace(-2, 2, 12), s * x) for s in np.linspace(0, 1, 11)]
    return lesson02.pairs(z, np.sort(x), x, luck, curves)


EXPLORABLES = {
    "01.bins": lambda: lesson01.bins(np.random.default_rng(0)),
    "01.fit": lambda: lesson01.fit(INK),
    "02.directions": lesson02.directions,
    "02.pairs": pairs,
    "03.valley": lesson03.valley,
    "04.gap": lesson04.gap,
    "05.map": latent_map,
    "06.distances": lesson06.distances,
    "06.gan": lesson06.gan,
    "06.pull": lesson06.pull,
    "07.bracket": bracket,
    "07.condition": condition,
    "07.plan": plan,
    "08.attention": attention,
    "08.reports": reports,
    "08.story": story,
    "08.writing": writing,
    "09.noise": noise,
    "09.paths": lesson09.paths,
    "09.walk": lambda: lesson09.walk(dungeons.sample(3, np.random.default_rng(6))),
    "10.privacy": privacy,
    "10.watermark": watermark,
}
needs_browser = pytest.mark.skipif(CHROMIUM is None and not IN_CI, reason="there is no Chromium")
PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><body>{}</body></html>'
RESET = """([name, values]) => {
    const root = document.querySelector(`[data-explorable="${name}"]`);
    root.slice = 0;
    root.set(values); // drawn in the next frame, before what asks for that frame later
    return new Promise(requestAnimationFrame);
}"""
STATE = """([name, values]) => {
    const root = document.querySelector(`[data-explorable="${name}"]`);
    const says = root.querySelector(".says");
    root.slice = 1000; // work that takes frames is done in one
    root.set(values);
    return new Promise(done => {
        const look = () => root.hasAttribute("data-busy") ? requestAnimationFrame(look)
            : done([root.numbers, says.textContent]);
        requestAnimationFrame(look);
    });
}"""


# pixels of the smallest letters
LETTERS = """svgs => Math.min(...svgs.map(svg => parseFloat(getComputedStyle(svg).fontSize)
    * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width))"""
# words that reach beyond their picture
OUTSIDE = """[...document.querySelectorAll("svg[role=img]")].flatMap(svg => {
    const frame = svg.getBoundingClientRect();
    return [...svg.querySelectorAll("text")].filter(text => {
        const box = text.getBoundingClientRect();
        return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1);
    }).map(text => text.textContent);
})"""


@pytest.fixture(scope="module")
def made():
    return {name: make() for name, make in EXPLORABLES.items()}


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    """A page with all explorables, each twice, as after a cell that ran again."""
    file = tmp_path_factory.mktemp("live") / "page.html"
    copies = "".join(2 * made[name].html for name in made)
    file.write_text(PAGE.format(copies), encoding="utf-8")
    with browser(800, 700) as page:
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto(file.as_uri())
        yield page


def states(explorable, count=20):
    """Random values of all controls, on their steps."""
    dice = random.Random(0)
    for _ in range(count):
        values = {}
        for control in explorable.controls:
            if isinstance(control, live.Range):
                steps = round((control.high - control.low) / control.step)
                values[control.name] = round(control.low + control.step * dice.randint(0, steps), 9)
            elif isinstance(control, live.Choice):
                values[control.name] = dice.randrange(len(control.options))
            elif isinstance(control, live.Switch):
                values[control.name] = dice.random() < 0.5
            elif isinstance(control, live.Train):
                values[control.name] = dice.randint(0, 8)
        yield values


@needs_browser
@pytest.mark.browser
@pytest.mark.parametrize("name", EXPLORABLES)
def test_the_page_gives_the_numbers_of_python(name, made, page):
    anew = {c.name: 0 for c in made[name].controls if isinstance(c, live.Train)}
    for values in states(made[name]):
        if anew:
            page.evaluate(RESET, [name, values | anew])
        numbers, sentence = page.evaluate(STATE, [name, values])
        due = made[name].numbers(**values)
        assert numbers.keys() == due.keys()
        for key, value in due.items():
            if isinstance(value, str):
                continue  # words of a story that numbers tell too
            assert math.isclose(numbers[key], value, rel_tol=1e-3, abs_tol=1e-3), (values, key)
        assert sentence and not any(sign in sentence for sign in ("{", "NaN", "…"))
    assert page.said == []


@needs_browser
@pytest.mark.browser
@pytest.mark.parametrize("name", EXPLORABLES)
def test_a_picture_moves_by_pointer_and_by_keyboard(name, page):
    root = page.locator(f'[data-explorable="{name}"]').first
    said = root.locator(".says")
    before = said.text_content()
    root.locator("input[type=range], select").first.focus()
    keys = ("ArrowRight", "ArrowRight", "ArrowLeft")
    moved = set()
    for key in 2 * keys:
        page.keyboard.press(key)
        page.wait_for_timeout(50)
        moved.add(said.text_content())
    assert len(moved | {before}) > 1
    for picture in root.locator("svg[role=img]").all():
        assert said.text_content() == picture.get_attribute("aria-label")
    for word in root.locator(".words.touchable span").all()[3:5]:
        word.hover()
    page.wait_for_timeout(50)
    assert said.text_content() not in moved or root.locator(".words.touchable").count() == 0
    if root.locator("svg.touchable").count() == 0:
        return
    picture = root.locator("svg.touchable").first
    picture.scroll_into_view_if_needed()
    box, before = picture.bounding_box(), said.text_content()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.71 * box["width"], box["y"] + 0.63 * box["height"], steps=4)
    page.mouse.up()
    page.wait_for_timeout(50)
    assert said.text_content() != before
    assert page.said == []


@needs_browser
@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("name, high", [("06.gan", 2000), ("09.paths", 1000)])
def test_training_can_only_start_again_once_it_has_ended(name, high, page):
    root = page.locator(f'[data-explorable="{name}"]').first
    root.evaluate("(root, high) => { root.slice = 2000; root.set({rounds: high}); }", high)
    page.wait_for_function(
        "([root, high]) => root.numbers.rounds === high",
        arg=[root.element_handle(), high],
        timeout=180_000,
    )
    run, one, again = root.locator("span > button").all()[:3]
    assert run.is_disabled() and one.is_disabled()
    again.click()
    page.wait_for_function("root => root.numbers.rounds === 0", arg=root.element_handle())
    assert not run.is_disabled() and not one.is_disabled()


@needs_browser
@pytest.mark.browser
@pytest.mark.parametrize("name", ["06.gan", "09.paths"])
def test_a_network_trains_pauses_and_starts_again_and_takes_a_drawing(name, page):
    root = page.locator(f'[data-explorable="{name}"]').first
    page.evaluate(RESET, [name, {"rounds": 0}])
    reached = "root => root.numbers.rounds"
    root.evaluate("root => { root.slice = 10; }")
    run, one, again = root.locator("span > button").all()[:3]
    run.click()
    page.wait_for_function("root => root.numbers.rounds > 3", arg=root.element_handle())
    run.click()
    page.wait_for_timeout(100)
    rounds = root.evaluate(reached)
    assert "train" in run.text_content()
    one.click()
    page.wait_for_function(
        "([root, rounds]) => root.numbers.rounds > rounds && !root.hasAttribute('data-busy')",
        arg=[root.element_handle(), rounds],
    )
    assert root.evaluate(reached) == rounds + 1
    assert not run.is_disabled() and not again.is_disabled()
    again.click()
    page.wait_for_function("root => root.numbers.rounds === 0", arg=root.element_handle())
    sheet = root.locator("svg.touchable").first
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"], steps=3)
    page.mouse.up()
    chosen = "root => root.querySelector('select').selectedOptions[0].text === 'your drawing'"
    page.wait_for_function(chosen, arg=root.element_handle())
    assert page.said == []


def press(page, box, places):
    """Drag over the page through places, as shares of a box."""
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


@needs_browser
@pytest.mark.browser
def test_every_rule_follows_a_plan_that_is_edited_by_pointer_and_by_keys(made, page):
    root, dice = page.locator('[data-explorable="07.plan"]').first, random.Random(1)
    start = {c.name: c.start for c in made["07.plan"].controls if hasattr(c, "start")}
    sheet, seen = root.locator("svg.touchable"), set()
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    for i in range(20):
        values = start | {"tool": dice.randrange(11), "shown": 0 if i % 5 == 0 else 2}
        page.evaluate(STATE, ["07.plan", values])
        if i % 2:
            press(page, box, [(dice.uniform(0.15, 0.9), dice.uniform(0.1, 0.8)) for _ in range(2)])
        else:
            sheet.focus()
            for key in (" ", *dice.choices(("ArrowUp", "ArrowDown", "ArrowLeft"), k=9), " "):
                page.keyboard.press(key)
        numbers, _ = page.evaluate(STATE, ["07.plan", {}])
        due = made["07.plan"].numbers(**values | {"shown": 2, "cells": numbers["cells"]})
        assert {k: v for k, v in numbers.items() if k not in ("pointed", "how")} == {
            k: v for k, v in due.items() if k not in ("pointed", "how")
        }
        seen.add(numbers["cells"])
    assert len(seen) > 15
    root.get_by_role("button", name="start again").click()
    numbers, _ = page.evaluate(STATE, ["07.plan", {}])
    assert numbers["changed"] == 0 and page.said == []


@needs_browser
@pytest.mark.browser
def test_a_wall_that_is_dragged_takes_from_one_room_and_gives_to_another(made, page):
    """The repaired plan is an architect's: there every wall between two rooms is straight."""
    root = page.locator('[data-explorable="07.plan"]').first
    values = {"tool": 0, "shown": 1, "bedrooms": 2, "living": 1, "entrance": 0, "variant": 0}
    before, _ = page.evaluate(STATE, ["07.plan", values])
    cells = np.array([*map(int, before["cells"])]).reshape(26, 30)
    row, column = next(
        (r, c) for r, c in np.argwhere(cells[:, 3:] == floorplans.WALL) + (0, 3)
        if min(cells[r, c - 1], cells[r, c + 1]) >= floorplans.BEDROOM
    )  # fmt: skip
    west, east = (f"area_{cells[row, column + side]}" for side in (-1, 1))
    root.locator("svg.touchable").focus()
    for key, times in (
        ("ArrowUp", 30),
        ("ArrowLeft", 30),
        ("ArrowDown", row),
        ("ArrowRight", column),
    ):
        for _ in range(times):
            page.keyboard.press(key)
    for key in (" ", "ArrowRight", " "):
        page.keyboard.press(key)
    after, _ = page.evaluate(STATE, ["07.plan", {}])
    given = after[west] - before[west]
    assert given > 1 and before[east] - after[east] == given
    others = {k for k in before if k.startswith("area")} - {west, east}
    assert all(after[k] == before[k] for k in others) and after["closed"] and after["reachable"]


@needs_browser
@pytest.mark.browser
def test_a_bracket_is_dragged_by_its_corner_and_is_the_readers_then(made, page):
    root = page.locator('[data-explorable="07.bracket"]').first
    start = {c.name: c.start for c in made["07.bracket"].controls if hasattr(c, "start")}
    before, _ = page.evaluate(STATE, ["07.bracket", start])
    handle = root.locator(".handle").first
    handle.scroll_into_view_if_needed()
    x, y = (handle.bounding_box()[k] + 5 for k in "xy")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 12, y + 15, steps=3)
    page.mouse.up()
    after, sentence = page.evaluate(STATE, ["07.bracket", {}])
    assert after["width"] < before["width"] and after["height"] < before["height"]
    assert after["depth"] == before["depth"] and "as you drew it" in sentence
    due = made["07.bracket"].numbers(
        **start | {"design": 2} | {k: after[k] for k in parts.Bracket._fields}
    )
    assert all(
        math.isclose(after[k], v, rel_tol=1e-3)
        for k, v in due.items()
        if k not in ("how", "failed")
    )
    page.evaluate(STATE, ["07.bracket", {"design": 0}])
    back, _ = page.evaluate(STATE, ["07.bracket", {"design": 2}])
    assert back == after and page.said == []


@pytest.fixture(scope="module")
def phone(made, page):
    """Some of them on a phone, and a finger that goes from a place by so many pixels."""
    context = page.context.browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    phone, space = context.new_page(), '<p style="height: 500px">'
    head = '<meta name="viewport" content="width=device-width">'
    names = ("01.bins", "02.directions", "06.gan", "07.plan", "08.story")
    phone.set_content(PAGE.format(head + space.join(made[name].html for name in names) + space))
    wire = context.new_cdp_session(phone)

    def finger(x, y, across=0.0, along=0.0):
        for share in (0, 0.25, 0.5, 0.75, 1):
            at = [{"x": x + share * across, "y": y + share * along}]
            kind = "touchMove" if share else "touchStart"
            wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
        phone.wait_for_timeout(150)  # a finger that rests leaves no momentum
        wire.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        phone.wait_for_timeout(100)

    phone.finger = finger
    yield phone
    context.close()


def touched(phone, name, nth, path):
    """Whether a finger on a panel changed the numbers, and whether it scrolled the page. `path` is
    where it starts, as shares of the panel or "handle", and how many pixels it goes."""
    sheet = phone.locator(f'[data-explorable="{name}"] svg.touchable').nth(nth)
    sheet.evaluate("node => node.scrollIntoView({block: 'center'})")
    look = """name => [
        JSON.stringify(document.querySelector(`[data-explorable="${name}"]`).numbers), scrollY]"""
    phone.wait_for_timeout(300)
    start, way = path
    box = (sheet.locator(".handle") if start == "handle" else sheet).bounding_box()
    x, y = (0.5, 0.5) if start == "handle" else start
    before, top = phone.evaluate(look, name)
    phone.finger(box["x"] + x * box["width"] + 9, box["y"] + y * box["height"] + 9, *way)
    after, new_top = phone.evaluate(look, name)
    return after != before, new_top != top


SWIPE, ASIDE, TAP = (6, -120), (-90, 4), (0, 0)


@needs_browser
@pytest.mark.browser
@pytest.mark.parametrize(
    "name, nth, start, way, changed, scrolled",
    [
        ("02.directions", 0, (0.9, 0.6), SWIPE, False, True),  # a curve
        ("02.directions", 0, (0.9, 0.6), ASIDE, True, False),
        ("02.directions", 0, (0.3, 0.6), TAP, True, False),
        ("02.directions", 1, (0.9, 0.8), SWIPE, False, True),  # a map with a point
        ("02.directions", 1, (0.9, 0.8), ASIDE, False, False),
        ("02.directions", 1, (0.9, 0.8), TAP, True, False),
        ("02.directions", 1, "handle", SWIPE, True, False),
        ("01.bins", 1, (0.9, 0.2), SWIPE, False, True),  # an edge
        ("01.bins", 1, "handle", (-40, -90), True, False),
        ("08.story", 0, (0.6, 0.5), SWIPE, False, True),  # places to go to
        ("06.gan", 0, (0.6, 0.5), SWIPE, True, False),  # a sheet to draw on
        ("07.plan", 0, (0.5, 0.3), SWIPE, True, False),
    ],
)
def test_a_finger_scrolls_unless_it_taps_or_drags_what_can_be_dragged(
    name, nth, start, way, changed, scrolled, phone
):
    if name == "07.plan":
        phone.evaluate(STATE, [name, {"tool": 2}])
    assert touched(phone, name, nth, (start, way)) == (changed, scrolled)


@needs_browser
@pytest.mark.browser
def test_controls_on_a_phone_are_as_large_as_a_finger(phone):
    heights = phone.locator(".explorable input[type=range], .explorable button").evaluate_all(
        "nodes => nodes.map(node => [node.localName, node.getBoundingClientRect().height])"
    )
    assert min(h for kind, h in heights if kind == "input") >= 32
    assert min(h for kind, h in heights if kind == "button") >= 40
    slider = phone.locator('[data-explorable="02.directions"] input').first
    slider.scroll_into_view_if_needed()
    before, box = slider.input_value(), slider.bounding_box()
    phone.finger(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2 + 12)
    assert slider.input_value() != before and box["width"] > 300


GRADIENTS = """([sizes, activation, loss]) => {
    const net = network(sizes, activation, randomNumbers(8).uniform);
    const y = net.forward(randomNumbers(9).normals(64 * sizes[0]));
    const due = randomNumbers(10).normals(y.length);
    const n = y.length;
    const slopes = {game: v => -sigmoid(-v) / n, squared: (v, i) => 2 * (v - due[i]) / n};
    const inputs = net.backward(y.map(slopes[loss]));
    return [[...inputs], ...net.layers.flatMap(layer => layer.grads.map(g => [...g]))];
}"""


@needs_browser
@pytest.mark.browser
@pytest.mark.parametrize(
    ("sizes", "activation", "loss"),
    [
        ([2, 24, 24, 1], "relu", "game"),
        ([16, 32, 32, 32, 2], "silu", "squared"),
        ([3, 5, 4, 2], "relu", "squared"),
    ],
)
def test_gradients_in_the_page_are_those_of_pytorch(sizes, activation, loss, page):
    script = (ROOT / "course_utils/live/net.js").read_text(encoding="utf-8")
    in_page = page.evaluate(
        f"asked => {{ {script}; return ({GRADIENTS})(asked) }}", [sizes, activation, loss]
    )
    model = net.network(sizes, activation, net.RandomNumbers(8))
    x = torch.tensor(net.RandomNumbers(9).normals(64 * sizes[0])).reshape(64, -1).requires_grad_()
    y = model(x)
    if loss == "game":
        F.softplus(-y).mean().backward()
    else:
        due = torch.tensor(net.RandomNumbers(10).normals(y.numel())).reshape(y.shape)
        F.mse_loss(y, due).backward()
    by_torch = [x.grad, *(parameter.grad for parameter in model.parameters())]
    assert len(in_page) == len(by_torch) and max(abs(g).max() for g in by_torch) > 0.01
    for ours, theirs in zip(in_page, by_torch, strict=True):
        assert np.allclose(ours, theirs.flatten(), rtol=0, atol=1e-4 * abs(theirs).max())


@needs_browser
@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 800, 1366])
def test_nothing_is_cut_off_at_any_width_nor_is_a_control_without_a_name(width, page):
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    names = page.locator(".explorable input, .explorable select").evaluate_all(
        "nodes => nodes.map(node => node.labels[0].textContent.trim())"
    )
    assert names and all(names)
    assert page.locator("svg[role=img]").evaluate_all(LETTERS) >= 9
    assert page.evaluate(OUTSIDE) == []


def test_a_still_is_closed_or_the_notebook_would_show_it_a_second_time(made):
    before = plt.get_fignums()
    lesson02.directions()
    assert plt.get_fignums() == before


@needs_browser
@pytest.mark.browser
def test_an_output_lives_in_a_sandboxed_frame_and_is_a_still_without_scripts(made, page, tmp_path):
    inner = made["01.fit"].html.replace("&", "&amp;").replace('"', "&quot;")
    file = tmp_path / "frame.html"
    frames = "".join(
        f'<iframe sandbox="{sandbox}" width="700" height="400" srcdoc="{inner}"></iframe>'
        for sandbox in ("allow-scripts", "")
    )
    file.write_text(PAGE.format(frames), encoding="utf-8")
    other = page.context.browser.new_page()
    other.goto(file.as_uri())
    other.wait_for_timeout(300)
    alive, dead = other.frames[1:]
    assert "nats" in alive.locator(".says").text_content()
    assert alive.locator(".still").count() == 0
    assert "nats" in dead.locator(".still img").get_attribute("alt")
    other.close()


@needs_browser
@pytest.mark.browser
def test_it_moves_in_an_html_export_and_on_a_slide(made, page, tmp_path):
    output = v4.new_output("display_data", {"text/html": made["06.distances"].html})
    cell = v4.new_code_cell("explorables.distances()", outputs=[output])
    pages = {
        "export": HTMLExporter().from_notebook_node(v4.new_notebook(cells=[cell]))[0],
        "slides": slides.page("06", [*slides.shown(cell), "<h2>The next</h2>"]),
    }
    for name, text in pages.items():
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
        other = page.context.browser.new_page()
        other.route(re.compile("^https?:"), lambda route: route.abort())
        other.goto((tmp_path / f"{name}.html").as_uri())
        said = other.locator(".says")
        before = said.text_content()
        other.locator("input[type=range]").first.focus()
        other.keyboard.press("ArrowRight")
        other.wait_for_function(
            "before => document.querySelector('.says').textContent !== before", arg=before
        )
        assert said.is_visible()
        other.close()


CONTRAST = """background => {
    const luminance = text => {
        const [r, g, b] = text.match(/[\\d.]+/g).map(v => text.startsWith("rgb") ? v / 255 : +v)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    const paper = luminance(background);
    const words = ".explorable svg text, .explorable .says, .explorable label";
    return [...document.querySelectorAll(words)]
        .filter(node => node.textContent.trim()).map(node => {
            const style = getComputedStyle(node);
            const ink = luminance(node.matches("svg *") ? style.fill : style.color);
            return [Math.max(ink, paper) / Math.min(ink, paper), node.textContent];
        }).sort((a, b) => a[0] - b[0])[0];
}"""


@needs_browser
@pytest.mark.browser
@pytest.mark.parametrize(
    "paper, ink", [("rgb(255, 255, 255)", "black"), ("rgb(17, 17, 17)", "white")]
)
def test_all_words_can_be_read_on_light_and_on_dark_pages_and_all_pictures_have_names(
    paper, ink, page
):
    page.evaluate(
        "([paper, ink]) => Object.assign(document.body.style, {background: paper, color: ink})",
        [paper, ink],
    )
    contrast, words = page.evaluate(CONTRAST, paper)
    assert contrast >= 4.5, words
    names = page.locator(".explorable [role=img]").evaluate_all(
        "nodes => nodes.map(n => n.getAttribute('aria-label'))"
    )
    assert names and all(names)
    assert all(page.locator(".explorable button").all_text_contents())


@pytest.mark.parametrize(
    ("x", "bend", "least"), [(1.0, 0, (0.0, 0.01)), (1.0, 1, (0.69, 0.76)), (-1.4, 1, (0.0, 0.05))]
)
def test_the_gap_closes_for_a_gaussian_posterior_and_costs_log_two_for_two_modes(x, bend, least):
    numbers = lesson04.gap().numbers
    gaps = [
        numbers(x=x, mean=mean, sigma=sigma, bend=bend)["gap"]
        for mean in np.arange(-2, 2.01, 0.1)
        for sigma in np.arange(0.1, 1.51, 0.05)
    ]
    assert least[0] <= min(gaps) <= least[1]


def test_the_true_word_is_among_the_guesses_though_it_is_rare():
    vocabulary = [str(i) for i in range(30)]
    p = np.tile(np.linspace(1, 2, 30) / 45, (3, 1))
    made = lesson08.attention(["5", "0", "9"], np.ones((1, 3, 3)) / 3, {"a": p, "b": p}, vocabulary)
    held = json.loads(made.html.split('type="application/json">')[1].split("</script>")[0])
    assert [rows[-1][0] for rows in held["data"]["guesses"]] == ["0", "9"]


def test_false_facts_are_marked_and_a_report_that_is_no_report_is_not():
    match = newsroom.Match("harbour", "3", "mill", "1", "ada", "rainy")
    words = newsroom.report(match, np.random.default_rng(0))
    wrong = ["carl" if word == "ada" else word for word in words]
    right, lies = lesson08.marks(match, words), lesson08.marks(match, wrong)
    assert set(right) == {0, 1} and sum(right) == len(newsroom.told(words))
    assert [a for a, b in zip(words, lies, strict=True) if b < 0] == ["ada"] * words.count("ada")
    assert lesson08.marks(match, ["ada", "ada"]) == [0, 0]


def test_data_cannot_end_the_script_and_unknown_numbers_are_refused(tmp_path):
    script = tmp_path / "f.js"
    script.write_text("() => () => ({})", encoding="utf-8")

    def made(words="moved to {x:.1f}", data=None):
        return live.explorable(
            "t", script, [live.Range("x", 0, 1, 0.1, 0)], words, lambda x: {}, data
        )

    assert "</script><b>" not in made(data={"a": "</script><b>"}).html
    with pytest.raises(ValueError, match="score"):
        made("{score:.2f}")
    assert repr(made()) == "moved to 0.0"


def test_the_engine_and_the_data_stay_small(made):
    engine = sum(
        (ROOT / "course_utils/live" / name).stat().st_size
        for name in ("live.js", "live.css", "net.js")
    )
    assert engine <= LARGEST_ENGINE
    for name, explorable in made.items():
        held = explorable.html.split('type="application/json">')[1].split("</script>")[0]
        assert len(held) <= LARGEST_DATA, name


def test_the_still_is_not_shown_again_below_its_cell():
    from matplotlib import pyplot

    from course_utils.lesson03 import explorables

    before = pyplot.get_fignums()
    assert "data:image/png" in explorables.valley().html and pyplot.get_fignums() == before
