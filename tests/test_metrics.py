"""Distances between sets of pictures: zero on itself, growing with harm, blind to order, right
where a formula exists.
"""

import numpy as np
import pytest
import torch
from scipy import ndimage, optimize
from sklearn.neighbors import NearestNeighbors

from course_utils import data, metrics


@pytest.fixture(scope="module")
def real():
    return (data.digits8().x_test.flatten(1) > 0.5).float()


def test_a_set_is_at_no_distance_from_itself_in_any_order():
    a = np.random.default_rng(0).normal(size=(300, 5))
    assert abs(metrics.frechet(a, a)) < 1e-6 and abs(metrics.frechet(a, a[::-1])) < 1e-6


def test_it_is_the_closed_form_for_independent_gaussians():
    """|m1 - m2|² + sum (s1 - s2)², for clouds whose sample moments are exact."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(400, 3))
    # mean 0, covariance I
    z = (z - z.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(z, rowvar=False))).T
    a, b = z * [1, 2, 3] + [0, 1, 0], z * [2, 2, 0.5]
    assert metrics.frechet(a, b) == pytest.approx(1 + 1 + 6.25, rel=1e-5)
    assert metrics.frechet(a, b) == pytest.approx(metrics.frechet(b, a), rel=1e-6)


def test_it_grows_with_noise_and_when_classes_are_missing(real):
    generator = torch.Generator().manual_seed(0)
    flips = [
        metrics.frechet_digits8((real + (torch.rand(real.shape, generator=generator) < p)) % 2)
        for p in (0.0, 0.05, 0.2)
    ]
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
    assert first == metrics.frechet_digits8(real[:300]) and torch.equal(
        before, torch.random.get_rng_state()
    )


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


def test_the_yardstick_of_large_digits_orders_sets_as_the_eye_does(digits):
    generator = torch.Generator().manual_seed(0)
    real = digits.x_train[:1000]
    noisy = (real + 0.3 * torch.randn(real.shape, generator=generator)).clamp(0, 1)
    samples = (digits.x_test, real, noisy, torch.rand(real.shape, generator=generator))
    distances = [metrics.frechet_digits(images) for images in samples]
    assert (
        distances == sorted(distances)
        and abs(distances[0]) < 1e-3
        and distances[1] < 12
        and distances[3] > 900
    )


def test_pixels_outside_their_range_are_named():
    for wrong in (
        torch.full((2, 784), 1.5),
        torch.full((2, 784), -0.5),
        torch.full((2, 784), np.nan),
    ):
        with pytest.raises(ValueError, match="between 0 and 1"):
            metrics.digit_features(wrong)


def test_measuring_large_digits_leaves_the_random_numbers_alone():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    metrics._shipped_classifier.cache_clear()
    metrics.read_digits(torch.zeros(2, 784))
    assert torch.equal(before, torch.random.get_rng_state())


def test_precision_and_recall_know_a_narrow_set_from_a_wide_one():
    """One mode of two: all fakes are real-looking, half of the real ones are out of reach; the
    other way round, reversed.
    """
    rng = np.random.default_rng(0)
    two = np.r_[rng.normal(-10, 1, (200, 2)), rng.normal(10, 1, (200, 2))]
    one = rng.normal(-10, 1, (200, 2))
    precision, recall = metrics.precision_recall(two, one)
    assert precision > 0.9 and recall == pytest.approx(0.5, abs=0.06)
    assert metrics.precision_recall(one, two) == (recall, precision)
    assert metrics.precision_recall(two, two + 1000) == (0, 0) and metrics.precision_recall(
        two, two
    ) == (1, 1)


def test_the_yardstick_grows_with_noise_and_with_blur(digits):
    real, generator = digits.x_test, torch.Generator().manual_seed(0)
    noise = torch.randn(real.shape, generator=generator)
    noisy = [metrics.frechet_digits((real + s * noise).clamp(0, 1)) for s in (0, 0.1, 0.3, 0.6)]
    blurred = [
        metrics.frechet_digits(ndimage.gaussian_filter(real, (0, 0, s, s))) for s in (0, 0.5, 1, 2)
    ]
    for distances in (noisy, blurred):
        assert abs(distances[0]) < 1e-3 and (np.diff(distances) > 3).all()


def test_recall_and_coverage_fall_as_classes_are_dropped(digits):
    real, fake = (
        metrics.digit_features(digits.x_test),
        metrics.digit_features(digits.x_train[:1000]),
    )
    kept = [fake[(digits.y_train[:1000] < classes).numpy()] for classes in (10, 7, 4, 1)]
    for measured in (
        [metrics.precision_recall(real, some)[1] for some in kept],
        [metrics.coverage(real, some) for some in kept],
    ):
        assert measured[0] > 0.8 and measured[-1] < 0.25 and (np.diff(measured) < -0.1).all()


def test_coverage_is_that_of_its_definition_point_by_point():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(60, 3)), rng.normal(size=(40, 3)) + 0.5
    radius = NearestNeighbors(n_neighbors=4).fit(real).kneighbors()[0][:, -1]  # without itself
    covered = [
        any(np.linalg.norm(x - y) <= r for y in fake) for x, r in zip(real, radius, strict=True)
    ]
    assert 0 < metrics.coverage(real, fake, k=4) == np.mean(covered) < 1
    assert metrics.coverage(real, real) == 1 and metrics.coverage(real, real + 1000) == 0


def test_two_sets_of_one_kind_cover_each_other_as_counting_says():
    """x is uncovered if its k nearest among N - 1 real points and M fakes are all real."""
    rng, N, M, k = np.random.default_rng(0), 40, 60, 2
    found = [metrics.coverage(*np.split(rng.normal(size=(N + M, 2)), [N]), k=k) for _ in range(300)]
    assert np.mean(found) == pytest.approx(
        1 - (N - 1) * (N - 2) / ((N + M - 1) * (N + M - 2)), abs=0.01
    )


def test_control_counts_what_is_read_as_ordered(digits):
    some, read = digits.x_test[:200], metrics.read_digits(digits.x_test[:200])
    wanted = read.copy()
    wanted[:30] = (wanted[:30] + 1) % 10
    assert (
        metrics.control(some, wanted)
        == metrics.control(some.flatten(1), torch.tensor(wanted))
        == 0.85
    )
    assert 0.9 < metrics.control(digits.x_test, digits.y_test) < 1


def test_tstr_is_that_of_a_logistic_regression_by_hand():
    rng = np.random.default_rng(0)
    train_y, test_y = rng.integers(2, size=200), rng.integers(2, size=300)
    train_x, test_x = (
        rng.normal(size=(len(y), 3)) * [1, 10, 0.1] + np.outer(y, [1, 5, 0])
        for y in (train_y, test_y)
    )
    middle, spread = train_x.mean(0), train_x.std(0)
    z, sign = (train_x - middle) / spread, 2 * train_y - 1

    def loss(w):  # scikit-learn's, C = 1: the intercept w[3] is free
        return np.logaddexp(0, -sign * (z @ w[:3] + w[3])).sum() + w[:3] @ w[:3] / 2

    w = optimize.minimize(loss, np.zeros(4)).x
    right = ((test_x - middle) / spread @ w[:3] + w[3] > 0) == test_y
    assert metrics.tstr(train_x, train_y, test_x, test_y) == right.mean() > 0.6
    # nothing is fitted on the real table
    assert metrics.tstr(train_x, train_y, test_x + [50, 0, 0], test_y) == test_y.mean()
    assert metrics.tstr(train_x, 1 - train_y, test_x, test_y) == (~right).mean()


def test_frechet_agrees_with_torchmetrics():
    from torchmetrics.image.fid import FrechetInceptionDistance

    unchanged = torch.nn.Identity()
    unchanged.num_features = 8
    rng, theirs = np.random.default_rng(0), FrechetInceptionDistance(feature=unchanged)
    real, fake = rng.normal(size=(300, 8)), rng.normal(size=(200, 8)) @ rng.normal(size=(8, 8)) + 1
    theirs.update(torch.tensor(real), real=True)
    theirs.update(torch.tensor(fake), real=False)
    assert metrics.frechet(real, fake) == pytest.approx(theirs.compute().item(), rel=1e-5)


def test_the_nearest_copy_of_a_copy_is_at_distance_zero(digits):
    some = digits.x_train[:20]
    assert metrics.nearest_distance(some, digits.x_train) == pytest.approx(0, abs=1e-6)
    far = metrics.nearest_distance(torch.zeros(1, 1, 28, 28), some)
    assert far == pytest.approx(some.flatten(1).norm(dim=1).min().item(), rel=1e-5)
