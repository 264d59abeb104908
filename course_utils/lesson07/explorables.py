"""The pictures of lesson 07 that the reader can touch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from course_utils import live, plots
from course_utils.lesson07 import floorplans, parts, plan_drawing
from course_utils.lesson07.floorplans import CELL, CHOICES, KINDS, LIVING, NAMES, Brief

FOLDER = Path(__file__).parent
RANK, SHOWN = 40, 40
HOW = ("as the model drew it", "as the program repaired it", "as you drew it")
TOOLS = ("move a wall", *(f"paint: {name}" for name in (*NAMES[1:], NAMES[0])))
RULES = {
    "constraints": ("rooms", "areas", "closed", "doors", "reachable"),
    "brief": ("outline", "bedrooms", "living", "entrance"),
    "comfort": ("daylight", "width", "hall"),
}


def condition(decoder: Any, scores: dict[float, tuple[float, float]]) -> live.Explorable:
    """Forty digits for one condition, decoded in the page. scores: temperature -> control and FD.

    `decoder` takes a latent code and a one-hot digit, side by side.
    """
    import torch

    weight = next(decoder.parameters())
    rng, Z = np.random.default_rng(7), weight.shape[1] - 10
    codes = rng.normal(size=(SHOWN, Z)).round(3)
    shares = rng.random(600)
    digits, rows = rng.integers(0, 10, 600), np.arange(600)
    c = np.zeros((600, 10))  # every other one halfway to the next digit, or so
    c[rows, digits] = 1
    c[rows[::2], digits[::2]] -= shares[::2]
    c[rows[::2], (digits[::2] + 1) % 10] += shares[::2]
    examples = np.hstack([1.2 * rng.normal(size=(600, Z)), c])
    layers, decode = live.weights(decoder, torch.as_tensor(examples), RANK)
    temperatures = sorted(scores)

    def numbers(digit: int, mix: float, temperature: float) -> dict[str, float]:
        c = np.zeros(10)
        c[digit] += 1 - mix
        c[(digit + 1) % 10] += mix
        rows = np.hstack([temperature * codes, np.tile(c, (SHOWN, 1))])
        ink = 1 / (1 + np.exp(-decode(rows)))
        control, fd = scores[min(temperatures, key=lambda tau: abs(tau - temperature))]
        return {"ink": 100 * float(ink.mean()), "control": control, "fd": fd}

    step = temperatures[1] - temperatures[0]
    return live.explorable(
        "07.condition",
        FOLDER / "condition.js",
        [
            live.Choice("digit", [str(d) for d in range(10)], 7, "condition"),
            live.Range("mix", 0, 1, 0.1, 0, "share of the next digit"),
            live.Range("temperature", temperatures[0], temperatures[-1], step, 1),
        ],
        "Condition {digit:.0f}, share of the next digit {mix:.1f}, temperature {temperature:.2f}:"
        " {ink:.0f}% ink. Over all digits, control is {control:.2f} and FD {fd:.0f}.",
        numbers,
        {
            "layers": layers,
            "codes": codes,
            "temperatures": temperatures,
            "scores": [scores[tau] for tau in temperatures],
        },
        _still(decode(np.hstack([codes, np.tile(np.eye(10)[7], (SHOWN, 1))])[:20])),
    )


def plan(
    offers: Mapping[Brief, Sequence[tuple[np.ndarray, np.ndarray]]],
    report: Callable[[Any], Mapping[str, bool]],
) -> live.Explorable:
    """A floor plan to repair by hand, and every rule that it breaks.

    offers: brief -> plans of the model, each with what the program made of it; briefs of one width
    and depth, every combination of the others. report: the five constraints.
    """
    import torch

    house = next(iter(offers))
    options = bedroom_counts, sides, doors = CHOICES[2:]

    def asked(bedrooms: int, living: int, entrance: int) -> Brief:
        wishes = bedroom_counts[bedrooms], sides[living], doors[entrance]
        return Brief(house.width, house.depth, *wishes)

    def numbers(
        bedrooms: int,
        living: int,
        entrance: int,
        variant: int,
        shown: int,
        tool: int = 0,
        cells: str = "",
    ) -> dict[str, Any]:
        brief = asked(bedrooms, living, entrance)
        raw, repaired = offers[brief][variant]
        sheet = (raw, repaired, _sheet(cells) if cells else raw)[shown]
        rules = {
            **report(torch.as_tensor(sheet)),
            **floorplans.brief_report(sheet, brief),
            **floorplans.comfort_report(sheet),
            "hall": floorplans.all_onto_hall(sheet),
        }
        areas = {f"area_{k}": float((sheet == k).sum() * CELL**2) for k in range(LIVING, KINDS)}
        plural = "bedroom" if brief.bedrooms == 1 else "bedrooms"
        return {
            **{rule: bool(rules[rule]) for some in RULES.values() for rule in some},
            **areas,
            "kept": sum(map(bool, rules.values())),
            "broken": ", ".join(rule for rule, holds in rules.items() if not holds) or "nothing",
            "changed": int((sheet != raw).sum()),
            "by_repair": int((repaired != raw).sum()),
            "asked": f"{brief.bedrooms} {plural}, living room {brief.living}, front door"
            f" {brief.entrance}",
            "how": HOW[shown],
            "pointed": "",
            "cells": _text(sheet),
        }

    def unlike_a_good_start(place: tuple[int, int, int, int]) -> tuple[int, ...]:
        """A good start breaks two constraints and nothing else, and is near to its repair."""
        found = numbers(*place, 0)
        broken = {group: sum(not found[r] for r in rules) for group, rules in RULES.items()}
        others = broken["brief"] + broken["comfort"]
        return abs(broken["constraints"] - 2), others, found["by_repair"]

    variants = len(offers[house])
    counts = [range(len(some)) for some in options]
    places = [(b, side, door, v) for b, side, door, v in product(*counts, range(variants))]
    bedrooms, living, entrance, variant = start = min(places, key=unlike_a_good_start)
    return live.explorable(
        "07.plan",
        FOLDER / "plan.js",
        [
            live.Choice("bedrooms", [str(n) for n in options[0]], bedrooms),
            live.Choice("living", options[1], living, "living room"),
            live.Choice("entrance", options[2], entrance, "front door"),
            live.Choice("variant", [str(i + 1) for i in range(variants)], variant),
            live.Choice("shown", HOW, 0, "plan"),
            live.Choice("tool", TOOLS, 0, "pointer"),
            live.Button("again", "start again", {"shown": 0}),
        ],
        "{asked}, {how}: {kept:.0f} of 12 rules hold (walls are not among them); broken: {broken}."
        " {changed:.0f} cells differ from the model's plan; the program's repair changed"
        " {by_repair:.0f}.{pointed}",
        numbers,
        {
            "kinds": NAMES,
            "minArea": floorplans.MIN_AREA,
            "habitable": floorplans.HABITABLE,
            "glass": floorplans.WINDOW,
            "clear": floorplans.CLEAR,
            "house": {"width": house.width, "depth": house.depth},
            "choices": options,
            "groups": RULES,
            "tools": TOOLS,
            "shown": HOW,
            "plans": {
                "".join(map(str, place)): [
                    _text(one) for one in offers[asked(*place[:3])][place[3]]
                ]
                for place in places
            },
        },
        _still_plan(offers[asked(*start[:3])][variant][0]),
    )


def bracket(
    decoder: Any,
    codes: Any,
    center: Any,
    std: Any,
    repair: Callable[[np.ndarray, float, float], tuple[np.ndarray, float] | None],
) -> live.Explorable:
    """A bracket for a load and a mass limit, to be changed by hand, and what it uses of what is
    allowed.

    `decoder` takes a latent code, of which `codes` has some, and the brief near 0, side by side;
    it gives measures around `center` in units of `std`. repair(part, load, limit): one that
    holds, and how far it is away, or None.
    """
    import torch

    codes, center, std = (np.array(live.plain(a)) for a in (codes, center, std))
    examples = torch.as_tensor(np.hstack([codes, np.zeros((len(codes), 2))]))
    layers, decode = live.weights(decoder, examples, RANK)
    names = parts.Bracket._fields

    def numbers(
        load: float, limit: float, variant: int, design: int, **measures: float
    ) -> dict[str, Any]:
        scaled = [(load - 160) / 80, (limit - 55) / 26]
        part = decode([[*codes[int(variant) - 1], *scaled]])[0] * std + center
        how = HOW[design]
        if design == 1:
            found = repair(part, load, limit)
            part, how = (found[0], how) if found else (part, f"{HOW[0]}, for no repair is known")
        elif design == 2:
            part = np.array([measures[name] for name in names])
        used = parts.check(part, load, limit)
        failed = [
            f"{name} {f'{u:.0%}' if u < 9.995 else 'over 999%'}"
            for name, u in used.items()
            if u > 1
        ]
        return {
            **used,
            **dict(zip(names, map(float, part), strict=True)),
            "how": how,
            "grams": parts.mass(part),
            "met": len(used) - len(failed),
            "failed": ", ".join(failed) or "nothing",
        }

    steps = (0.5, 0.5, 0.5, 0.1, 0.1, 0.1)
    brief = {"load": 200, "limit": 50, "variant": 1}
    start = numbers(**brief, design=0)
    return live.explorable(
        "07.bracket",
        FOLDER / "bracket.js",
        [
            live.Choice("design", HOW, 0),
            live.Range("load", 20, 300, 10, brief["load"], unit=" N"),
            live.Range("limit", 10, 100, 2, brief["limit"], "mass limit", " g"),
            live.Range("variant", 1, len(codes), 1, brief["variant"]),
            *(
                live.Range(name, low, high, step, start[name], unit=" mm")
                for name, low, high, step in zip(names, parts.LOW, parts.HIGH, steps, strict=True)
            ),
            live.Button("again", "start again", {"design": 0}),
        ],
        "A bracket for {load:.0f} N and at most {limit:.0f} g, {how}: {width:.1f} by {height:.1f}"
        " by {depth:.1f} mm, {thickness:.1f} mm thick, {grams:.1f} g. {met:.0f} of 8 requirements"
        " are met; broken: {failed}.",
        numbers,
        {
            "layers": layers,
            "codes": codes,
            "center": center,
            "std": std,
            "designs": HOW,
            "density": parts.DENSITY,
            "modulus": parts.MODULUS,
            "stress": parts.STRESS,
            "deflection": parts.DEFLECTION,
            "pullOut": parts.PULL_OUT,
            "bendFactor": parts.BEND_FACTOR,
        },
        _still_bracket([start[name] for name in names], brief["load"], brief["limit"]),
    )


def _text(sheet: np.ndarray) -> str:
    """A plan as the digits of its kinds."""
    return "".join(map(str, np.asarray(sheet).ravel().tolist()))


def _sheet(text: str) -> np.ndarray:
    return np.array([*map(int, text)]).reshape(floorplans.HEIGHT, floorplans.WIDTH)


def _still_plan(sheet: np.ndarray) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(5, 4.4))
    plan_drawing.draw(sheet, ax, labels=False)
    return fig


def _still_bracket(measures: Sequence[float], load: float, limit: float) -> Any:
    fig, axes = plots.figure(1, 3, alt="drawn below", size=(7.7, 3.4))
    report = parts.check(measures, load, limit)
    used = "\n".join(f"{name:<10}{u:5.0%}{' !' * (u > 1)}" for name, u in report.items())
    parts.draw(parts.Bracket(*measures), axes, notes=f"used:\n{used}")
    return fig


def _still(logits: np.ndarray) -> Any:
    fig, ax = plots.figure(alt="drawn below", size=(5, 1.5))
    plots.images(1 / (1 + np.exp(-logits)), ax, columns=10, title="digits for the condition 7")
    return fig
