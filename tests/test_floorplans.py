"""Floor plans: what the careful architect draws holds, dice rarely do, and a drawing shows what the
plan says.
"""

import numpy as np
import pytest

from course_utils import plots
from course_utils.lesson07 import exercises
from course_utils.lesson07 import floorplans as fp
from course_utils.lesson07.plan_drawing import draw


def rates(plans):
    reports = [exercises.report_by_walking(plan) for plan in plans]
    return {key: np.mean([report[key] for report in reports]) for key in reports[0]}, np.mean(
        [all(r.values()) for r in reports]
    )


@pytest.fixture(scope="module")
def briefs():
    return fp.all_briefs()


def test_there_are_108_briefs_and_each_is_a_condition_of_its_own(briefs):
    rows = fp.brief_vectors(briefs)
    assert len(briefs) == 108 and rows.shape == (108, 13)
    assert (rows.sum(axis=1) == 5).all() and len(np.unique(rows, axis=0)) == 108


def test_a_brief_that_no_plan_covers_is_refused_and_says_which_part():
    with pytest.raises(ValueError, match="bedrooms of a brief can be 1, 2, 3; this one is 7"):
        fp.brief_vectors([fp.Brief(24, 20, 7, "north", "west")])


def test_every_plan_of_the_architect_holds_for_every_brief(briefs):
    plans = fp.make_plans(briefs, np.random.default_rng(0))
    assert plans.shape == (108, fp.HEIGHT, fp.WIDTH) and rates(plans)[1] == 1


def test_the_architect_s_rooms_have_daylight_and_width(briefs):
    plans = fp.make_plans(briefs, np.random.default_rng(8))
    assert all(all(fp.comfort_report(plan).values()) for plan in plans)
    assert all(
        all(fp.brief_report(plan, b).values()) for plan, b in zip(plans, briefs, strict=True)
    )


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("outline", {"width": 26}),
        ("bedrooms", {"bedrooms": 3}),
        ("living", {"living": "south"}),
        ("entrance", {"entrance": "east"}),
    ],
)
def test_a_plan_for_another_brief_breaks_the_part_that_differs(part, other):
    brief = fp.Brief(24, 20, 2, "north", "west")
    plan = fp.make_plans([brief._replace(**other)], np.random.default_rng(9))[0]
    assert not fp.brief_report(plan, brief)[part]


def test_a_room_within_other_rooms_is_dark_and_a_corridor_is_narrow():
    plan = np.pad(np.full((9, 12), fp.WALL), 1)
    plan[2:9, 2:12] = fp.LIVING
    assert fp.comfort_report(plan) == {"daylight": True, "width": True}
    plan[4:7, 4:9] = fp.WALL
    plan[5, 5:8] = fp.BEDROOM
    assert fp.comfort_report(plan) == {"daylight": False, "width": False}


def test_a_repair_with_comfort_makes_light_and_wide_rooms_even_from_noise(briefs):
    from course_utils.lesson07.repairing import repair

    rng = np.random.default_rng(10)
    for brief in briefs[::27]:
        plan = repair(rng.random((fp.KINDS, fp.HEIGHT, fp.WIDTH)), brief, rng, comfort=True)
        assert all(fp.comfort_report(plan).values())
        assert all(exercises.report_by_walking(plan).values())


def test_the_architect_keeps_to_the_brief(briefs):
    for brief, plan in zip(briefs, fp.make_plans(briefs, np.random.default_rng(1)), strict=True):
        rows, columns = np.nonzero(plan)
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (brief.depth, brief.width)
        assert {int(k) for k in np.unique(plan) if k >= fp.LIVING} == set(brief.rooms)
        north = np.argwhere(plan == fp.LIVING).mean(0)[0] < np.argwhere(plan == fp.HALL).mean(0)[0]
        assert north == (brief.living == "north")
        assert (
            plan[:, 1 if brief.entrance == "west" else brief.width] == fp.DOOR
        ).sum() == fp.DOOR_CELLS
        assert fp.all_onto_hall(plan)


def test_plans_depend_on_the_generator_alone_and_differ(briefs):
    once, again, other = (
        fp.make_plans(briefs[:20], np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert (once == again).all() and (once != other).any()


def test_anything_is_repaired_into_a_valid_plan_of_the_brief_s_rooms(briefs):
    from course_utils.lesson07.repairing import repair

    rng = np.random.default_rng(6)
    plans = [
        repair(rng.random((fp.KINDS, fp.HEIGHT, fp.WIDTH)), brief, rng) for brief in briefs[::27]
    ]
    assert rates(plans)[1] == 1


def test_a_stretched_plan_meets_its_brief_and_comes_from_another_outline(briefs):
    rng = np.random.default_rng(11)
    known = [brief for brief in briefs if brief[:2] != (26, 22)]
    plans, asked = fp.make_plans(known, rng), [b for b in briefs if b[:2] == (26, 22)] * 3
    made = fp.stretched_plans(asked, known, plans, rng)
    assert made.shape == (36, fp.HEIGHT, fp.WIDTH) and made.dtype == plans.dtype
    assert all(all(fp.brief_report(p, b).values()) for p, b in zip(made, asked, strict=True))
    found, valid = rates(made)
    assert found["rooms"] == found["closed"] == found["reachable"] == 1 and valid > 0.6
    assert len({plan.tobytes() for plan in made}) > 20
    with pytest.raises(ValueError):  # a plan of the same outline is not stretched
        fp.stretched_plans(known[:1], known[:1], plans[:1], rng)


def test_dice_make_walls_and_doors_that_work_and_rooms_that_do_not(briefs):
    found, valid = rates(fp.dice_plans(briefs * 5, np.random.default_rng(5)))
    assert found["rooms"] == found["closed"] == found["doors"] == 1 and found["areas"] < 0.1
    assert 0.01 < valid < 0.08


@pytest.mark.slow
def test_the_bar_of_the_build_task_is_twice_what_dice_reach(briefs):
    _, valid = rates(fp.dice_plans((briefs * 186)[:20_000], np.random.default_rng(6)))
    assert abs(valid - exercises.DICE) < 0.005


def test_boxes_are_cut_with_one_line_of_wall_between():
    for across in (True, False):
        a, b = fp.Box(2, 3, 10, 12).cut(4, across)
        assert a.height * a.width + b.height * b.width == 10 * 12 - (12 if across else 10)
        assert len(fp.shared_walls(a, b)) == len(fp.shared_walls(b, a)) == (12 if across else 10)


def test_boxes_that_only_touch_at_a_corner_share_no_wall():
    assert fp.shared_walls(fp.Box(2, 2, 3, 3), fp.Box(6, 6, 3, 3)) == []


def test_a_door_between_rooms_is_found_either_way_and_only_where_it_is():
    plan = np.zeros((3, 7), dtype=int)
    plan[1] = [1, fp.LIVING, fp.DOOR, fp.BATH, fp.WALL, fp.HALL, 1]
    for sheet in (plan, plan.T):
        assert fp.door_between(sheet, fp.LIVING, fp.BATH) and fp.door_between(
            sheet, fp.BATH, fp.LIVING
        )
        assert not fp.door_between(sheet, fp.BATH, fp.HALL)


def test_a_wall_or_a_door_is_between_any_two_rooms_or_is_missed():
    plan = np.zeros((3, 7), dtype=int)
    plan[1] = [1, fp.LIVING, fp.DOOR, fp.BATH, fp.WALL, fp.HALL, 1]
    for gap in (2, 4):
        torn = plan.copy()
        torn[1, gap] = torn[1, gap - 1]
        for turn in (np.asarray, np.transpose):
            assert fp.all_walled(turn(plan)) and not fp.all_walled(turn(torn))


def test_architect_and_dice_put_walls_between_rooms(briefs):
    for make in (fp.make_plans, fp.dice_plans):
        assert all(map(fp.all_walled, make(briefs, np.random.default_rng(12))))


def test_every_room_opens_onto_the_hall_or_the_plan_is_told_from_those_where_it_does():
    plan = np.zeros((3, 9), dtype=int)
    plan[1] = [1, fp.LIVING, fp.DOOR, fp.HALL, fp.DOOR, fp.BATH, fp.WALL, 1, 1]
    through = np.where(plan == fp.HALL, fp.KITCHEN, plan)
    walled = plan.copy()
    walled[1, 4] = fp.WALL
    for turn in (np.asarray, np.transpose):
        assert fp.all_onto_hall(turn(plan))
        assert not fp.all_onto_hall(turn(walled)) and not fp.all_onto_hall(turn(through))


def test_a_drawing_writes_areas_and_dimensions_and_one_arc_a_door(briefs):
    from matplotlib.patches import Arc

    plan = fp.make_plans([fp.Brief(24, 20, 2, "south", "west")], np.random.default_rng(7))[0]
    ax = draw(plan, alt="a plan")
    text = " ".join(t.get_text() for t in ax.texts)
    assert "12.00 m" in text and "10.00 m" in text
    assert (
        f"{(plan == fp.LIVING).sum() * fp.CELL**2:.1f} m²" in text
        and "bedroom 3" not in text.replace("\n", " ")
    )
    # five rooms at the hall, and the front door
    assert sum(isinstance(patch, Arc) for patch in ax.patches) == 6


@pytest.mark.parametrize("seed", range(3))
def test_anything_can_be_drawn_even_noise_and_an_empty_sheet(seed):
    noise = np.random.default_rng(seed).integers(0, fp.KINDS, (fp.HEIGHT, fp.WIDTH))
    for plan in (noise, np.zeros_like(noise), np.full_like(noise, fp.DOOR)):
        fig, ax = plots.figure(alt="noise")
        draw(plan, ax)
        fig.canvas.draw()


def test_a_drawing_of_its_own_needs_an_alt_text():
    with pytest.raises(ValueError, match="alt"):
        draw(np.zeros((fp.HEIGHT, fp.WIDTH), dtype=int))
