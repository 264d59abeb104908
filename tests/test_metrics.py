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


@pytest.fixture(scope="module")
def digits():
    return data.mnist()


def test_the_shipped_classifier_reads_digits_it_has_not_seen(digits):
    read = metrics.read_digits(digits.x_test)
    assert read.shape == (1000,) and (read == digits.y_test.numpy()).mean() > 0.96
    assert np.array_equal(read, metrics.read_digits(digits.x_test.flatten(1)))


def test_the_yardstick_of_large_digits_orders_crowds_as_the_eye_does(digits):
    generator = torch.Generator().manual_seed(0)
    real = digits.x_train[:1000]
    noisy = (real + 0.3 * torch.randn(real.shape, generator=generator)).clamp(0, 1)
    crowds = (digits.x_test, real, noisy, torch.rand(real.shape, generator=generator))
    distances = [metrics.frechet_digits(crowd) for crowd in crowds]
    assert distances == sorted(distances) and abs(distances[0]) < 1e-3 and distances[1] < 12 and distances[3] > 900


def test_pixels_outside_their_range_are_named():
    for wrong in (torch.full((2, 784), 1.5), torch.full((2, 784), -0.5), torch.full((2, 784), np.nan)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            metrics.digit_features(wrong)


def test_measuring_large_digits_leaves_the_random_numbers_alone():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    metrics._shipped_classifier.cache_clear()
    metrics.read_digits(torch.zeros(2, 784))
    assert torch.equal(before, torch.random.get_rng_state())


def test_precision_and_recall_know_a_narrow_crowd_from_a_wide_one():
    """One mode of two: all fakes are real-looking, half of the real ones are out of reach; the other way round, reversed."""
    rng = np.random.default_rng(0)
    two = np.r_[rng.normal(-10, 1, (200, 2)), rng.normal(10, 1, (200, 2))]
    one = rng.normal(-10, 1, (200, 2))
    precision, recall = metrics.precision_recall(two, one)
    assert precision > 0.9 and recall == pytest.approx(0.5, abs=0.06)
    assert metrics.precision_recall(one, two) == (recall, precision)
    assert metrics.precision_recall(two, two + 1000) == (0, 0) and metrics.precision_recall(two, two) == (1, 1)


def test_the_nearest_copy_of_a_copy_is_at_distance_zero(digits):
    some = digits.x_train[:20]
    assert metrics.nearest_distance(some, digits.x_train) == pytest.approx(0, abs=1e-6)
    far = metrics.nearest_distance(torch.zeros(1, 1, 28, 28), some)
    assert far == pytest.approx(some.flatten(1).norm(dim=1).min().item(), rel=1e-5)
