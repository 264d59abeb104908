"""The bundled data: what it is, that it is what the cards say, and that it can be built again."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import subprocess
import sys
import urllib.error

import numpy as np
import pytest

from course_utils import data
from course_utils.data import bundled, download

LIMIT = 4_000_000  # bytes of all bundled files


def in_fresh_python(code: str) -> str:
    """What a new interpreter prints."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


# ---------------------------------------------------------------- files and cards


def test_every_file_has_a_card_with_its_hash_and_size():
    files = sorted(bundled.FILES.iterdir())
    assert {path.stem for path in files} == {
        "mnist5k",
        "chorales",
        "molecules",
        "weights_classifier",
        "weights_digits",
        "weights_chorale",
    }
    for path in files:
        content = path.read_bytes()
        text = data.card(path.stem)
        assert hashlib.sha256(content).hexdigest() in text, path.name
        assert f"{len(content):,} bytes" in text, path.name
    assert sum(path.stat().st_size for path in files) <= LIMIT


@pytest.mark.parametrize(
    "name",
    [
        "mnist5k",
        "chorales",
        "molecules",
        "digits8",
        "breast_cancer",
        "photographs",
        "weights_digits",
        "weights_chorale",
    ],
)
def test_cards_are_complete(name):
    text = data.card(name)
    assert text.startswith("# ") and "$" not in text
    for needed in ("icense", "SHA-256", "Traps"):
        assert needed in text, f"{name}: {needed}"


def test_card_of_a_photograph_and_of_nothing():
    assert "`coffee`" in data.card("coffee")
    with pytest.raises(ValueError, match="mnist5k"):
        data.card("minst")


def test_hashes_of_what_is_read_from_packages():
    from sklearn.datasets import load_breast_cancer

    patients, diagnoses = load_breast_cancer(return_X_y=True)
    values = patients.astype("<f8").tobytes() + diagnoses.astype(np.uint8).tobytes()
    assert hashlib.sha256(values).hexdigest() in data.card("breast_cancer")
    images, labels = data.digits.sklearn_digits()
    values = images.astype(np.uint8).tobytes() + labels.astype(np.uint8).tobytes()
    assert hashlib.sha256(values).hexdigest() in data.card("digits8")
    for name, place in data.PHOTOGRAPHS.items():
        assert hashlib.sha256(data.packaged.find(*place).read_bytes()).hexdigest() in data.card(
            name
        ), name


# ---------------------------------------------------------------- built again


@pytest.fixture(scope="module")
def build_data():
    for package in ("mlxtend", "music21", "rdkit"):
        pytest.importorskip(package, reason="the data are built with the extra `data`")
    from tools.data import build_data

    return build_data


@pytest.fixture(scope="module")
def built_twice(build_data):
    return build_data.outputs(), {
        f"files/{name}": builder() for name, builder in build_data.FILES.items()
    }


@pytest.mark.slow
def test_building_changes_nothing(build_data, built_twice):
    assert build_data.stale(built_twice[0], build_data.DATA) == []


@pytest.mark.slow
def test_building_from_nothing_gives_the_shipped_content(build_data, built_twice):
    first, second = built_twice
    for path, made in second.items():
        assert build_data.content(made) == build_data.content(first[path]), path
        if "ng" not in build_data.zlib_version():
            assert made == first[path], f"{path}: same content, other bytes"


def test_packing_ignores_the_clock(build_data, monkeypatch):
    arrays = {"b": np.arange(5), "a": np.eye(2), "text": np.array("one")}
    once = build_data.pack(arrays)
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert build_data.pack(arrays) == once
    assert build_data.content(once) != build_data.content(build_data.pack({"b": np.arange(6)}))
    with np.load(io.BytesIO(once), allow_pickle=False) as archive:
        assert {key: archive[key].shape for key in archive.files} == {
            "b": (5,),
            "a": (2, 2),
            "text": (),
        }


def test_the_command_writes_what_differs_and_nothing_else(
    build_data, built_twice, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(build_data, "DATA", tmp_path)
    monkeypatch.setattr(build_data, "outputs", lambda: built_twice[0])
    assert len(build_data.stale(built_twice[0], tmp_path)) == len(built_twice[0])
    assert build_data.main([]) == 0 and build_data.stale(built_twice[0], tmp_path) == []
    (tmp_path / "files/molecules.smi").write_text("C\n")
    assert build_data.stale(built_twice[0], tmp_path) == ["files/molecules.smi"]
    capsys.readouterr()
    assert build_data.main([]) == 0
    assert f"1 of {len(built_twice[0])} files written." in capsys.readouterr().out
    assert build_data.main([]) == 0 and "up to date" in capsys.readouterr().out


def test_a_missing_package_is_named(build_data, monkeypatch, capsys):
    monkeypatch.setattr(build_data, "find_spec", lambda name: None)
    assert build_data.main([]) == 1
    assert "mlxtend is not installed: run `pip install -e .[data]`" in capsys.readouterr().err


def test_missing_weights_are_asked_for(build_data, tmp_path):
    with pytest.raises(build_data.BuildError, match="--weights"):
        build_data.outputs(shipped=tmp_path)


# ---------------------------------------------------------------- digits


def test_importing_needs_no_torch():
    seen = in_fresh_python(
        "import sys, course_utils.data as d; d.mnist(numpy=True); d.digits8(numpy=True);"
        " d.chorales();d.photo('cat', 8, numpy=True); print('torch' in sys.modules, 'sklearn' in"
        " sys.modules)"
    )
    assert seen == "False False"


def test_mnist_tensors():
    import torch

    split = data.mnist()
    assert [tuple(part.shape) for part in split] == [
        (4000, 1, 28, 28),
        (4000,),
        (1000, 1, 28, 28),
        (1000,),
    ]
    assert split.x_train.dtype == torch.float32 and split.y_train.dtype == torch.int64
    assert split.x_train.min() == 0 and split.x_train.max() == 1
    assert (
        split.y_train.bincount().tolist() == [400] * 10
        and split.y_test.bincount().tolist() == [100] * 10
    )
    arrays = data.mnist(numpy=True)
    assert arrays.x_train.shape == (4000, 28, 28) and arrays.x_train.dtype == np.float64
    assert np.array_equal(split.x_test[:, 0].numpy(), arrays.x_test.astype(np.float32))
    assert np.array_equal(split.y_test.numpy(), arrays.y_test)


def test_digits8():
    split, arrays = data.digits8(), data.digits8(numpy=True)
    assert [tuple(part.shape) for part in split] == [
        (1000, 1, 8, 8),
        (1000,),
        (797, 1, 8, 8),
        (797,),
    ]
    assert (
        arrays.x_train.shape == (1000, 8, 8)
        and arrays.x_train.max() == 1
        and arrays.x_train.min() == 0
    )
    sizes = np.bincount(np.r_[arrays.y_train, arrays.y_test])
    assert np.abs(np.bincount(arrays.y_train) - sizes * 1000 / 1797).max() < 1
    from sklearn.datasets import load_digits

    images, labels = data.digits.sklearn_digits()
    assert np.array_equal(images, load_digits().images) and np.array_equal(
        labels, load_digits().target
    )


@pytest.mark.parametrize("load, total", [(data.mnist, 5000), (data.digits8, 1797)])
def test_splits_are_seeded_shuffled_and_complete(load, total):
    one, again, other = load(3, numpy=True), load(3, numpy=True), load(4, numpy=True)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one.y_train, other.y_train)
    assert (np.diff(one.y_train) < 0).mean() > 0.3  # not sorted
    rows = [row.tobytes() for row in np.r_[one.x_train, one.x_test]]
    everything = [row.tobytes() for row in np.r_[other.x_train, other.x_test]]
    assert len(rows) == total and sorted(rows) == sorted(everything)


def test_halves_share_no_index():
    labels = np.repeat([0, 1, 2], [7, 8, 20])
    for seed in range(20):
        train, test = data.stratified_split(labels, 10, seed)
        assert sorted([*train, *test]) == list(range(35)) and np.bincount(
            labels[train]
        ).tolist() == [2, 2, 6]
    for n_train in (0, 35):
        with pytest.raises(ValueError, match="between 1 and 34"):
            data.stratified_split(labels, n_train, 0)


def test_what_a_caller_does_to_its_copy_stays_there():
    for load in (
        lambda: data.mnist().x_train,
        lambda: data.mnist(numpy=True).x_train,
        lambda: data.digits8().x_test,
        lambda: data.chorales()[0],
        lambda: data.chorale_scores()[0].onsets,
        lambda: data.photo("cat"),
        lambda: data.photo("cat", 16, numpy=True),
    ):
        mine = load()
        before = mine.clone() if hasattr(mine, "clone") else mine.copy()
        mine[...] = 0
        assert (np.asarray(load()) == np.asarray(before)).all()
    names = data.molecules()
    names.clear()
    assert len(data.molecules()) == 4047


# ---------------------------------------------------------------- online

SMALL = {
    "train-images": np.arange(3 * 4).reshape(3, 2, 2),
    "train-labels": np.arange(3),
    "test-images": np.arange(8).reshape(2, 2, 2),
    "test-labels": np.arange(2),
}


def idx(array: np.ndarray) -> bytes:
    """The gzipped IDX file of an array of bytes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A source of two mirrors; the test decides in a dict what address answers with what bytes."""
    content = {f"{name}.gz": idx(array) for name, array in SMALL.items()}
    hashes = {name: hashlib.sha256(body).hexdigest() for name, body in content.items()}
    source = download.Source("Little", "little", ("https://one/", "https://two/"), hashes)
    answers = {mirror + name: body for mirror in source.mirrors for name, body in content.items()}
    asked = []

    def urlopen(address, timeout):
        asked.append(address)
        if address not in answers:
            raise urllib.error.URLError("no route to host")
        return io.BytesIO(answers[address])

    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download.urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(download, "MNIST", source)
    return source, answers, asked


def test_download_is_verified_and_kept(site):
    _, _, asked = site
    split = data.mnist(online=True, numpy=True)
    assert (
        split.x_train.shape == (3, 2, 2)
        and sorted(split.y_train) == [0, 1, 2]
        and split.y_test.tolist() == [0, 1]
    )
    assert np.array_equal(
        split.x_train[split.y_train.tolist().index(1)] * 255, SMALL["train-images"][1]
    )
    assert [address.startswith("https://one/") for address in asked] == [True] * 4
    assert tuple(data.mnist(online=True).x_train.shape) == (3, 1, 2, 2) and len(asked) == 4


def test_a_damaged_mirror_is_passed_over(site):
    _, answers, asked = site
    answers["https://one/train-images.gz"] = b"<html>sign in to this wireless network</html>"
    assert len(data.mnist(online=True, numpy=True).x_train) == 3
    assert "https://two/train-images.gz" in asked


def test_a_damaged_cache_is_fetched_again(site):
    data.mnist(online=True, numpy=True)
    kept = download.cache_folder() / "little" / "train-images.gz"
    kept.write_bytes(kept.read_bytes()[:-3])
    assert len(data.mnist(online=True, numpy=True).x_train) == 3
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == site[0].hashes["train-images.gz"]


def test_no_network_names_the_default(site):
    site[1].clear()
    with pytest.raises(download.DownloadError) as error:
        data.mnist(online=True)
    for part in (
        "Little",
        "https://one/",
        "https://two/",
        "no route to host",
        "mnist()",
        "COURSE_CACHE",
    ):
        assert part in str(error.value)
    assert not list(download.cache_folder().rglob("*.part"))


def test_only_wrong_files_on_offer(site):
    for address in site[1]:
        site[1][address] = b"something else"
    with pytest.raises(download.DownloadError, match="not the expected one"):
        data.mnist(online=True)
    assert not download.cache_folder().exists()


def test_a_cache_that_cannot_be_written(site, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    with pytest.raises(download.DownloadError, match="COURSE_CACHE"):
        data.mnist(online=True)


def test_fashion_is_not_bundled():
    with pytest.raises(ValueError, match=r"online=True.*mnist\(\)"):
        data.fashion(online=False)


def test_known_hashes_are_sha256():
    for source in (download.MNIST, download.FASHION):
        assert len(source.hashes) == 4 and len(source.mirrors) == 2
        assert all(re.fullmatch("[0-9a-f]{64}", known) for known in source.hashes.values())


# ---------------------------------------------------------------- chorales, molecules, photographs


def test_chorales():
    pieces = data.chorales()
    assert len(pieces) == 363 and all(piece.ndim == 2 and piece.shape[1] == 4 for piece in pieces)
    notes = np.concatenate(pieces)
    assert (
        notes.dtype == np.int64
        and notes.max() == 81
        and notes[notes >= 0].min() == 36
        and notes.min() == -1
    )
    assert (notes >= 0).mean() > 0.98


def test_chorale_scores():
    scores = data.chorale_scores()
    assert len({piece.name for piece in scores}) == 363
    first = next(piece for piece in scores if piece.name == "bwv101.7")
    assert (
        first.notes[:8, 0].tolist() == [69] * 8
        and first.onsets[:8, 0].tolist() == [True, False, False, False] * 2
    )
    assert (first.fifths, first.minor, first.bar, first.pickup) == (-1, True, 16, 4)
    for piece in scores:
        assert piece.notes.shape == piece.onsets.shape and piece.fermatas.shape == (
            len(piece.notes),
        )
        moved = (piece.notes[1:] != piece.notes[:-1]) & (piece.notes[1:] >= 0)
        assert (
            piece.onsets[1:][moved].all()
            and not piece.onsets[piece.notes < 0].any()
            and piece.fermatas.any()
        )


def test_molecules():
    strings = data.molecules()
    assert len(strings) == len(set(strings)) == 4047
    assert (
        len(set("".join(strings))) == 26
        and max(map(len, strings)) == 64
        and not any("." in each for each in strings)
    )


@pytest.mark.parametrize("name", data.PHOTOGRAPHS)
def test_photographs(name):
    import torch

    full, small = data.photo(name), data.photo(name, (24, 40))
    assert full.dtype == torch.float32 and full.shape[0] == 3 and min(full.shape[1:]) >= 300
    assert (
        tuple(small.shape) == (3, 24, 40)
        and 0 <= small.min()
        and small.max() <= 1
        and small.std() > 0.02
    )
    assert data.photo(name, 16, numpy=True).shape == (16, 16, 3)


def test_a_photograph_is_cropped_and_not_squeezed():
    wide = data.photo("coffee", numpy=True)  # 400 x 600
    square = data.photo("coffee", 400, numpy=True)
    assert np.abs(square - wide[:, 100:500]).max() < 0.02


def test_photograph_errors():
    with pytest.raises(ValueError, match="astronaut.*rocket"):
        data.photo("lena")
    with pytest.raises(ValueError, match="one pixel"):
        data.photo("cat", 0)
