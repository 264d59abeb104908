"""Dungeon maps: all can be solved, the way is a shortest one, and what is there is drawn."""

import numpy as np
import pytest
import torch
from scipy.ndimage import label

from course_utils.lesson09 import dungeons
from course_utils.lesson09.dungeons import EXIT, START, TILES, WALL


def test_every_map_has_one_start_one_exit_a_rim_of_wall_and_a_way():
    levels = dungeons.sample(200, np.random.default_rng(0)).numpy()
    assert levels.shape == (200, 12, 12) and levels.min() >= 0 and levels.max() < len(TILES)
    for level in levels:
        regions, _ = label(level != WALL)
        assert (level == START).sum() == (level == EXIT).sum() == 1
        assert regions[level == START] == regions[level == EXIT] > 0
        assert not np.concatenate([level[0], level[-1], level[:, 0], level[:, -1]]).any()
    assert len({level.tobytes() for level in levels}) > 195


def test_the_same_generator_makes_the_same_maps():
    first, again = (dungeons.sample(3, np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(first, again)


def test_a_shortest_way_is_one_and_goes_step_by_step():
    for level in dungeons.sample(50, np.random.default_rng(1)).numpy():
        path = dungeons.shortest_path(level)
        assert (
            level[path[0]] == START
            and level[path[-1]] == EXIT
            and all(level[place] != WALL for place in path)
        )
        assert all(
            abs(r - i) + abs(c - j) == 1 for (r, c), (i, j) in zip(path, path[1:], strict=False)
        )
        assert len(path) - 1 == _distance(level)


def _distance(level):
    """By powers of the neighbor relation."""
    reached, steps = level == START, 0
    while not reached[level == EXIT].any():
        grown = reached.copy()
        for axis in (0, 1):
            for shift in (1, -1):
                # the rim is wall, so nothing comes in at the other side
                grown |= np.roll(reached, shift, axis)
        reached, steps = grown & (level != WALL), steps + 1
    return steps


@pytest.mark.parametrize("level", [[[2, 0, 3]], [[2, 1, 1]], [[1, 3, 1]]])
def test_no_way_no_path(level):
    assert dungeons.shortest_path(np.array(level)) == []


def test_a_map_is_drawn_tile_by_tile_with_somebody_in_it():
    level = np.array([[0, 1], [2, 3]])
    picture, walked = dungeons.picture(level), dungeons.picture(level, hero=(0, 1))
    assert picture.shape == (16, 16, 3) and 0 <= picture.min() and picture.max() <= 1
    changed = (picture != walked).any(axis=2)
    assert changed[:8, 8:].any() and not changed[8:].any() and not changed[:, :8].any()
    assert (
        len(
            {
                picture[8 * r : 8 * r + 8, 8 * c : 8 * c + 8].tobytes()
                for r in (0, 1)
                for c in (0, 1)
            }
        )
        == 4
    )


def test_a_sheet_of_maps_needs_alt_text_and_marks_places():
    level = np.array([[2, 1, 3]])
    with pytest.raises(ValueError, match="alt"):
        dungeons.show([level], ["one"], alt=" ")
    fig = dungeons.show(
        [level, level], ["one", "two"], alt="two maps", columns=2, marked=[[], [(0, 1)]]
    )
    assert [len(ax.lines) for ax in fig.axes] == [0, 1] and fig.axes[1].get_title() + fig.axes[
        1
    ].get_title(loc="left")


def test_what_can_be_reached_and_how_many_regions_there_are():
    level = np.array([[2, 1, 0, 4], [0, 0, 0, 1], [3, 0, 1, 1]])
    reached = dungeons.reachable(level, (0, 0)).tolist()
    assert [sum(row) for row in reached] == [2, 0, 0] and dungeons.regions(level) == 3


def test_a_chain_repeats_a_map_that_its_six_neighbors_determine():
    stripes = np.tile([[4, 1, 1, 0]], (3, 1))
    made = dungeons.markov_chain(np.stack([stripes] * 20), 5, np.random.default_rng(0))
    assert made.shape == (5, 3, 4) and (made.numpy() == stripes).all()


def test_a_chain_knows_neighbors_and_draws_again_what_it_drew():
    levels = dungeons.sample(300, np.random.default_rng(6))
    first, again = (dungeons.markov_chain(levels, 50, np.random.default_rng(7)) for _ in range(2))
    assert torch.equal(first, again) and first.dtype == levels.dtype
    pairs = [(x[:, :, 1:] != 0)[x[:, :, :-1] != 0].float().mean() for x in (levels, first)]
    assert abs(pairs[0] - pairs[1]) < 0.1  # how often an open tile follows an open tile


def test_a_report_leaves_out_the_steps_of_a_map_with_two_exits():
    assert np.isnan(dungeons.report([[[3, 2, 1, 3]]])["steps"])


def test_a_report_sees_a_lost_chest_and_a_short_solution():
    good = np.array([[2, 1, 1, 1, 3], [0, 0, 4, 0, 0]])
    lost = np.array([[2, 1, 3, 0, 4], [0, 0, 0, 0, 0]])
    assert dungeons.report([good]) == {"chests": 1.0, "regions": 1.0, "steps": 4.0, "short": 0.0}
    assert dungeons.report([lost]) == {"chests": 0.0, "regions": 2.0, "steps": 2.0, "short": 1.0}
    assert dungeons.lengths_and_openness([good, lost]) == ([4, 2], [0.6, 0.4])


def test_training_maps_are_in_one_piece_with_all_chests():
    report = dungeons.report(dungeons.sample(50, np.random.default_rng(2)))
    assert report["chests"] == report["regions"] == 1
