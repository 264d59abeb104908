"""Distances between crowds of pictures: zero on itself, growing with harm, blind to order, right where a formula exists."""
import numpy as np
import pytest
import torch

from course_utils import data, metrics


@pytest.fixture(scope="module")
def real():
    return (data.digits8().x_test.flatten(1) > 0.5).float()


def test_a_crowd_is_at_no_distance_from_itself_in_any_order():
    a = np.random.default_rng(0).normal(size=(300, 5))
    assert abs(metrics.frechet(a, a)) < 1e-6 and abs(metrics.frechet(a, a[::-1])) < 1e-6


def test_it_is_the_closed_form_for_independent_gaussians():
    """|m1 - m2|² + sum (s1 - s2)², for clouds whose sample moments are exact."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(400, 3))
    z = (z - z.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(z, rowvar=False))).T  # mean 0, covariance I
    a, b = z * [1, 2, 3] + [0, 1, 0], z * [2, 2, 0.5]
    assert metrics.frechet(a, b) == pytest.approx(1 + 1 + 6.25, rel=1e-5)
    assert metrics.frechet(a, b) == pytest.approx(metrics.frechet(b, a), rel=1e-6)


def test_it_grows_with_noise_and_when_classes_are_missing(real):
    generator = torch.Generator().manual_seed(0)
    flips = [metrics.frechet_digits8((real + (torch.rand(real.shape, generator=generator) < p)) % 2) for p in (0.0, 0.05, 0.2)]
    assert flips[0] < 1e-6 < flips[1] < flips[2]
    labels = data.digits8().y_test
    assert metrics.frechet_digits8(real[labels < 5]) > 1.0 > metrics.frechet_digits8(real[::2])


def test_measuring_leaves_the_random_numbers_alone_and_is_repeatable(real):
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    metrics._digit8_classifier.cache_clear()
    with torch.no_grad():
        first = metrics.frechet_digits8(real[:300])
    metrics._digit8_classifier.cache_clear()
    assert first == metrics.frechet_digits8(real[:300]) and torch.equal(before, torch.random.get_rng_state())


def test_the_classifier_can_read(real):
    read = metrics._digit8_classifier()(real.double()).argmax(1)
    assert (read == data.digits8().y_test).float().mean() > 0.9
