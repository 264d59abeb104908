"""Lesson 02's own world: the network that it trains as a black box, and its tables of pixels."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from course_utils.lesson02 import networks, tables, worlds

X = np.linspace(-2, 2, 300)


def squared(y, out):
    return (y - out[:, 0]) ** 2


def gaussian(y, out):
    return out[:, 1] + 0.5 * ((y - out[:, 0]) * np.exp(-out[:, 1])) ** 2


@pytest.mark.parametrize(("loss", "outputs"), [(squared, 1), (gaussian, 2)])
def test_the_gradient_of_the_network_is_that_of_its_loss(loss, outputs):
    shapes = [(networks.HIDDEN,), (networks.HIDDEN,), (networks.HIDDEN, outputs), (outputs,)]
    flat = np.random.default_rng(0).normal(size=sum(int(np.prod(shape)) for shape in shapes))

    def part(i):
        return lambda flat: networks._value_and_gradient(flat, loss, X, np.sin(X), shapes)[i]

    assert check_grad(part(0), part(1), flat) < 1e-5


def test_a_network_follows_a_curve_beyond_its_own_unit():
    network = networks.fit(squared, 100 * X, 50 + 3 * np.sin(X), 1, np.random.default_rng(1))
    assert np.abs(network(100 * X)[:, 0] - 50 - 3 * np.sin(X)).max() < 0.3


def test_a_network_finds_a_standard_deviation_that_grows():
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 1, 2000)
    found = networks.fit(gaussian, x, rng.normal(0, 1 + 2 * x), 2, rng)(np.array([0.1, 0.9]))
    assert np.exp(found[:, 1]) == pytest.approx([1.2, 2.8], rel=0.15)


def test_a_pixel_is_predicted_from_what_was_read_before_it():
    x = np.zeros((1, 28, 28))
    x[0, 10, 10] = 1
    seen_by = np.argwhere(tables.patterns(x, 12)[0])
    assert len(seen_by) == 12 and all((r, c) > (10, 10) for r, c in seen_by)
    assert tables.patterns(x, 1)[0, 10, 11] == 1  # the nearest neighbor is the one to the left


def test_tables_count_every_pixel_once():
    x = (np.random.default_rng(3).random((7, 28, 28)) < 0.3).astype(float)
    seen, inked = tables.count(x, 5)
    assert (seen.sum(0) == 7).all() and np.allclose(inked.sum(0), x.sum(0))
    theta = np.where(seen > 0, inked / np.maximum(seen, 1), 0.5)
    assert tables.probabilities(x[:1], theta, 5).shape == (1, 28, 28)


def test_samples_follow_their_table():
    theta = np.full((2, 28, 28), 0.2)
    theta[1] = 0.7  # ink after ink
    x = tables.sample(theta, 1, 400, np.random.default_rng(4))
    after = x[:, :, 1:][x[:, :, :-1] == 1].mean(), x[:, :, 1:][x[:, :, :-1] == 0].mean()
    assert after == pytest.approx((0.7, 0.2), abs=0.02)


def test_surroundings_are_what_was_read_around_a_pixel():
    x = np.zeros((1, 28, 28))
    x[0, 10:20, 10:20] = 1
    calm, border, change = (where[0] for where in tables.surroundings(x).values())
    assert border[10, 11] and border[15, 10] and border[20, 15]  # known from the line above
    assert calm[15, 15] and calm[5, 5] and (calm.astype(int) + border + change == 1).all()
    assert np.argwhere(change).tolist() == [[10, 10]]  # the ink begins, unannounced


def test_rides_follow_the_truth():
    km, minutes = worlds.rides(20_000, np.random.default_rng(5))
    mean, log_std = worlds.truth(km)
    noise = (minutes - mean) / np.exp(log_std)
    for part in (noise[km < 6], noise[km > 6]):
        assert (part.mean(), part.std()) == (pytest.approx(0, abs=0.03), pytest.approx(1, abs=0.03))
