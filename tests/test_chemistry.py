"""Molecules: the same with RDKit and, for what the course ships, without; drawings are made of
atoms and bonds.
"""

import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest

matplotlib.use("agg")

from course_utils import data, plots
from course_utils.lesson10 import chemistry


@pytest.fixture
def no_rdkit(monkeypatch):
    monkeypatch.setattr(chemistry, "available", lambda: False)
    chemistry.canonical.cache_clear()
    yield
    chemistry.canonical.cache_clear()


def test_spellings_of_a_molecule_are_one_and_nonsense_is_none():
    assert chemistry.canonical("OCC") == chemistry.canonical("CCO") == "CCO"
    assert chemistry.canonical("C1CC") is None and chemistry.canonical("") is None


def test_without_rdkit_shipped_strings_are_known_and_others_ask_for_it(no_rdkit):
    found = chemistry.shipped()
    for row, spelt in zip(found["spellings"], found["spelt"], strict=True):
        assert {chemistry.canonical(text) for text in row} == {spelt}
    assert chemistry.canonical("OCC") == "CCO" and chemistry.canonical("C1CC") is None
    assert [chemistry.canonical(text) for text in data.molecules()[:50]] == data.molecules()[:50]
    with pytest.raises(ImportError, match="pip install rdkit"):
        chemistry.canonical("CCCCCCCCCCCCCCCC#CCCC")
    with pytest.raises(ImportError, match="pip install rdkit"):
        chemistry.layout("CCO")


def test_without_rdkit_the_verdicts_are_those_of_rdkit(no_rdkit):
    found = chemistry.shipped()
    looked_up = [chemistry.canonical(text) for text in found["samples"]]
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        read = [Chem.MolFromSmiles(text) if text else None for text in found["samples"]]
    assert [c is None for c in looked_up] == [m is None for m in read]
    same = [
        chemistry._read(c) is not None
        and Chem.MolToSmiles(chemistry._read(c)) == Chem.MolToSmiles(m)
        for c, m in zip(looked_up, read, strict=True)
        if m is not None
    ]
    assert all(same)  # whatever this version of RDKit calls canonical


def test_a_profile_names_drug_likeness_and_the_nearest_known_molecule():
    qed, nearest = chemistry.profile(["CCO", "OCC", "C1CC", "CC"], ["CC", "CCN"])
    assert 0 < qed < 1 and 0 < nearest < 1  # of ethanol alone
    assert chemistry.profile(["CCO"], ["CC", "OCC"])[1] == 1
    assert np.isnan(chemistry.profile(["CC"], ["CC"])).all()
    first, second = chemistry.best(["CCCCCCCCCC", "CC(=O)Nc1ccc(O)cc1", "C1CC"], ["CC"], 2)
    assert first["smiles"] == "CC(=O)Nc1ccc(O)cc1" and first["qed"] > second["qed"]
    assert len(first["layout"]["atoms"]) == 11


def test_without_rdkit_there_is_no_profile(no_rdkit):
    assert np.isnan(chemistry.profile(["CCO"], ["CC"])).all()
    with pytest.raises(ImportError, match="pip install rdkit"):
        chemistry.best(["CCO"], ["CC"], 1)


def test_a_sheet_is_drawn_without_a_warning(recwarn):
    chemistry.draw_sheet(chemistry.shipped()["best"], "title")
    plots.as_html(matplotlib.pyplot.gcf())
    assert not recwarn.list


def test_the_long_run_is_complete_and_says_what_the_lesson_says():
    found = chemistry.shipped()
    shape = len(found["epochs"]), len(found["temperatures"])
    for rate in ("valid", "unique", "novel"):
        assert found[rate].shape == shape and (0 <= found[rate]).all() and (found[rate] <= 1).all()
    assert (
        found["valid"][-1].min() > found["valid"][0].max()
        and found["novel"][-1].max() < found["novel"][0].min()
    )
    assert len(found["samples"]) == 500 and len(found["layouts"]) == len(found["drawn"]) == 12


def test_a_drawing_has_a_letter_for_every_atom_that_is_not_carbon_and_needs_alt_text():
    plan = {
        "atoms": [["C", 0.0, 0.0], ["N", 1.0, 0.0], ["O", 1.5, 0.9]],
        "bonds": [[0, 1, 1], [1, 2, 2]],
    }
    ax = chemistry.draw(plan, plots.panel(alt="given"), title="a molecule")
    assert sorted(text.get_text() for text in ax.texts) == ["N", "O"] and len(ax.lines) == 3
    with pytest.raises(ValueError, match="alt="):
        chemistry.draw(plan)


def test_bonds_are_about_one_long_and_nonsense_has_no_layout():
    plan = chemistry.layout("c1ccccc1C(=O)N")
    places = np.array([atom[1:] for atom in plan["atoms"]], dtype=float)
    lengths = [np.hypot(*(places[i] - places[j])) for i, j, _ in plan["bonds"]]
    assert len(plan["atoms"]) == 9 and np.allclose(lengths, 1, atol=0.1)
    assert sorted(order for *_, order in plan["bonds"]).count(2) == 4
    with pytest.raises(ValueError, match="no molecule"):
        chemistry.layout("C1CC")
