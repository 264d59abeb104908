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


def test_carbamic_acids_are_counted_and_other_acids_are_not():
    acid = "[NX3]C(=O)[OX2H1]"
    assert chemistry.matching(["CCNC(=O)O", "CC(=O)O", "CCNC(=O)OC", "CC(=O)N"], acid) == 1
    assert chemistry.matching(data.molecules(), acid) == 0  # as the lesson says


def test_without_rdkit_there_is_no_profile(no_rdkit):
    assert np.isnan(chemistry.profile(["CCO"], ["CC"])).all()
    with pytest.raises(ImportError, match="pip install rdkit"):
        chemistry.best(["CCO"], ["CC"], 1)
    with pytest.raises(ImportError, match="pip install rdkit"):
        chemistry.matching(["CCO"], "C")


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
    with pytest.raises(ValueError, match="not a molecule"):
        chemistry.layout("C1CC")


def test_hydrogens_are_on_the_free_side_and_a_ring_keeps_its_second_lines_inside():
    ax = chemistry.draw(chemistry.layout("OC(=O)c1ccccc1"), plots.panel(alt="benzoic acid"))
    written = sorted(text.get_text() for text in ax.texts)
    assert written == ["H", "O", "O"]
    plan = chemistry.layout("c1ccccc1")
    places = np.array([atom[1:] for atom in plan["atoms"]], dtype=float)
    middle = places.mean(axis=0)
    lengths = [
        (np.linalg.norm(line.mean(axis=0) - middle), np.linalg.norm(line[1] - line[0]))
        for line in chemistry._bonds(plan, places)
    ]
    outer = [length for away, length in lengths if away > 0.8]
    inner = [length for away, length in lengths if away < 0.75]
    assert len(outer) == 6 and len(inner) == 3 and max(inner) < min(outer)


def test_the_hydrogen_of_an_acid_is_outside_whichever_way_it_points():
    for turn, side in ((1, "right"), (-1, "left")):
        plan = {"atoms": [["C", 0.0, 0.0], ["OH", 0.87 * turn, 0.5]], "bonds": [[0, 1, 1]]}
        places = np.array([atom[1:] for atom in plan["atoms"]], dtype=float)
        assert chemistry._free_side(plan, places, 1) == side


def test_every_label_that_is_shipped_has_its_hydrogens():
    from rdkit import Chem

    for molecule in chemistry.shipped()["best"]:
        atoms = Chem.MolFromSmiles(molecule["smiles"]).GetAtoms()
        labels = [chemistry._label(atom) for atom in atoms]
        assert sorted(labels) == sorted(atom[0] for atom in molecule["layout"]["atoms"])


def test_a_table_of_characters_is_a_distribution_and_remembers_what_it_counted():
    table = chemistry.CharacterTable(["CCO", "CCO", "CCN"], 3)
    assert np.isclose(table.probabilities("CC").sum(), 1)
    assert table.probabilities("CC").argmax() == table.alphabet.index("O")
    assert table.nll("CCO") < table.nll("CCN") < table.nll("OOC")
    written = [table.write(np.random.default_rng(seed), 0.5) for seed in range(20)]
    assert "CCO" in written and not any("\n" in text for text in written)


def test_a_shortened_table_is_the_one_that_counted_shorter_contexts():
    texts = data.molecules()[:40]
    short, cut = (
        chemistry.CharacterTable(texts, 4),
        chemistry.CharacterTable(texts, 9).shortened(4),
    )
    assert [cut.nll(text) for text in texts] == [short.nll(text) for text in texts]
