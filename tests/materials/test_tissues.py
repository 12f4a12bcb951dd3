"""The tissue table: complete, sourced, and reading the CT numbers that radiologists know."""

import subprocess
import sys
from pathlib import Path

import pytest

from phantomsim.errors import TissueError
from phantomsim.materials import hu, iodine, mass_attenuation, table
from phantomsim.materials.laws import ct_beam, laws
from phantomsim.materials.tissue_files import load

LISTED = """
air water adipose muscle soft-tissue skin blood bone-cortical bone-cancellous grey-matter white-matter csf lung liver
spleen kidney breast-gland eye haematoma-acute tumour calcification cartilage dura mucosa optic-nerve vessel pancreas
stomach bowel gallbladder heart adrenal prostate bladder thyroid oesophagus brain spinal-cord PMMA polyethylene teflon
aluminium iodine-blood-5
"""
NAMES = LISTED.split()
NIST_NAMES = {
    "water": "Water, Liquid",
    "pmma": "Polymethyl Methacralate (Lucite, Perspex)",
    "blood": "Blood (ICRP)",
    "brain": "Brain (ICRP)",
    "muscle": "Muscle, Skeletal",
    "adipose": "Adipose Tissue (ICRP)",
    "lung": "Lung (ICRP)",
}


@pytest.mark.parametrize("law", laws(), ids=lambda law: law.what)
def test_tables_keep_their_laws(law) -> None:
    assert law.passed, law.row()


@pytest.mark.parametrize("name", NAMES)
def test_every_promised_tissue_is_there_with_sources(name: str) -> None:
    tissue = table()[name]
    assert sum(tissue.composition.values()) == pytest.approx(1.0)
    assert tissue.density_source
    assert tissue.composition_source
    assert "@" not in tissue.source
    assert tissue.magnetic is not None


@pytest.mark.parametrize(("name", "theirs"), NIST_NAMES.items())
def test_compositions_agree_with_the_nist_list(name: str, theirs: str) -> None:
    """Independent tables (ICRU against ICRP 23) differ by a percent or two at 60 keV, not more."""
    xraylib = pytest.importorskip("xraylib")
    other = xraylib.GetCompoundDataNISTByName(theirs)
    composition = {xraylib.AtomicNumberToSymbol(z): f for z, f in zip(other["Elements"], other["massFractions"])}
    ours = mass_attenuation(table()[name].composition, [60.0])
    assert ours == pytest.approx(mass_attenuation(composition, [60.0]), rel=0.01)


def test_water_and_air_define_the_scale_exactly() -> None:
    for beam in (ct_beam(80.0), ct_beam(140.0), 70.0):
        assert hu(["water", "air"], beam) == pytest.approx([0.0, -1000.0])


def test_haematoma_stands_out_from_brain_and_ventricle() -> None:
    haematoma, grey, white, csf = hu(["haematoma-acute", "grey-matter", "white-matter", "csf"], ct_beam(120.0))
    assert haematoma - grey > 15
    assert 4 < grey - white < 12
    assert white - csf > 15


def test_iodine_adds_ct_number_in_proportion() -> None:
    """About 26 HU per mg/mL at 120 kVp, and 1.5 to 1.7 times as much at 80 kVp."""
    slope = {k: (hu([iodine(4)], ct_beam(k)) - hu(["blood"], ct_beam(k)))[0] / 4 for k in (80.0, 120.0)}
    two, eight = hu([iodine(2), iodine(8)], ct_beam(120.0)) - hu(["blood"], ct_beam(120.0))
    assert slope[120.0] == pytest.approx(26.5, abs=3)
    assert 1.5 < slope[80.0] / slope[120.0] < 1.7
    assert eight / two == pytest.approx(4, rel=1e-3)


def test_iodine_mixtures_have_names() -> None:
    assert table()["iodine-liver-2.5"] == iodine(2.5, "liver")
    assert table()["iodine-liver-2.5"].magnetic == table()["liver"].magnetic
    assert "iodine-nothing-3" not in table()


def test_unknown_tissue_gets_the_nearest_name() -> None:
    with pytest.raises(TissueError, match='no tissue "livr"; nearest: "liver"'):
        table()["livr"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a", "a.toml"),
        ("[a]\ndensity_g_per_cm3 = 1", "composition"),
        ('[a]\ndensity_g_per_cm3 = 1\ndensity_source="x"\ncomposition_source="x"\ncomposition = {H=0.5}', "sum to 1"),
        ("[a]\nmixture = {nothing = 1}", "nothing"),
        ('[a]\ndensity_g_per_cm3 = 1\ndensity_source="@lost"\ncomposition_source="x"\ncomposition = {H=1.0}', "lost"),
    ],
)
def test_broken_tissue_files_say_where(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(TissueError, match=says):
        load(tmp_path / "a.toml")


def test_tissues_load_without_jax() -> None:
    code = "import sys, phantomsim.materials as m; m.table(); m.spectrum; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
