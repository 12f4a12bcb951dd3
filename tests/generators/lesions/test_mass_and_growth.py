"""Mass effect, growth, a user's own forms, and what is kept on disk."""

import numpy as np
import pytest

from phantomsim.errors import FormatError, PlacementError
from phantomsim.formats.mesh import Mesh, write_stl
from phantomsim.formats.zarr_store import read_phantom, write_phantom
from phantomsim.generators.lesions import bodies, catalogue, laws, table
from phantomsim.generators.lesions.given import given
from phantomsim.generators.lesions.mass_laws import mass_laws
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.lesions.voxels import ball_radius_mm, box_shape, draw

BRAIN = ("grey-matter", "white-matter", "oedema")


@pytest.fixture(scope="module")
def head():
    return bodies.head()


@pytest.fixture(scope="module")
def bled(head):
    return place(head, Lesions(kind=catalogue.kind("haemorrhage-deep"), volume_mL=25.0), 5, 2)


@pytest.mark.slow
def test_flow_meets_the_radial_law_and_never_folds():
    for law in mass_laws(("haemorrhage-epidural",), (10.0, 100.0)):
        assert law.passed, law


def test_haematoma_moves_the_head_inside_its_skull(head, bled):
    (told,) = bled.facts.provenance["lesions"]
    assert told["midline_shift_mm"] > 0.5
    assert told["least_jacobian"] > 0
    (row,) = table.rows(bled)
    assert row["midline_shift_mm"] == told["midline_shift_mm"]
    assert "midline_shift_mm" in table.to_csv([row]).splitlines()[0]
    for tissue in ("skin", "bone-cortical", "air"):
        np.testing.assert_allclose(bled.fraction(tissue), head.fraction(tissue), atol=1e-6)
    brain, before = (sum(float(np.asarray(p.fraction(t)).sum()) for t in BRAIN if t in p.tissues) for p in (bled, head))
    assert brain / before == pytest.approx(1.0, abs=0.002)  # a twentieth of the blood takes the brain's place
    fluid, full = (float(np.asarray(p.fraction("csf")).sum()) * p.grid.voxel_mL for p in (bled, head))
    assert 15 < full - fluid < 32  # what the blood took, and it alone
    assert bled.lesions[0].volume_mL == pytest.approx(25.0, rel=1e-3)


def test_twin_is_the_patient_before_and_a_store_keeps_both(head, bled, tmp_path):
    write_phantom(tmp_path / "p.zarr", bled)
    read = read_phantom(tmp_path / "p.zarr")
    for one in (bled, read):
        absent = one.with_lesions(False)
        np.testing.assert_array_equal(absent.label, head.label)
        np.testing.assert_allclose(absent.fraction("white-matter"), head.fraction("white-matter"), atol=1e-6)
        np.testing.assert_array_equal(absent.with_lesions(True).label, bled.label)
    np.testing.assert_allclose(read.fraction("oedema"), bled.fraction("oedema"), atol=1e-6)
    assert float(np.asarray(read.fraction("oedema")).sum()) > 0


def test_too_little_fluid_is_said(head):
    with pytest.raises(PlacementError, match="fluid can give way"):
        place(head, Lesions(kind=catalogue.kind("haemorrhage-epidural"), volume_mL=600.0, max_tries=2), 5, 2)


def test_nodule_doubles_where_it_is():
    for law in laws.growth_laws(catalogue.kind("solid-nodule")):
        assert law.passed, law


def test_mesh_of_a_box_keeps_its_proportions_at_any_volume(tmp_path):
    corner = np.array([[x, y, z] for x in (0, 30) for y in (0, 20) for z in (0, 10)], float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    write_stl(tmp_path / "box.stl", Mesh(corner, faces))
    form = given(None, str(tmp_path / "box.stl"), None)
    for volume in (0.75, 6.0):
        box = box_shape(volume, form.reach, (0.5,) * 3)
        f = draw(form, volume, np.asarray(box) / 2, (0.5,) * 3, box).fraction()
        assert f.sum(dtype=float) * 0.125 / 1000 == pytest.approx(volume, rel=1e-3)
        sides = [np.count_nonzero(f.max(axis=tuple(b for b in range(3) if b != a)) > 0.5) / 2 for a in range(3)]
        np.testing.assert_allclose(np.array(sides) / (volume / 6) ** (1 / 3), (10, 20, 30), rtol=0.12)


def test_mask_from_hdf5_is_a_form(data_dir):
    pytest.importorskip("h5py")
    file = data_dir / "breast" / "mass_11_size1.00.h5"
    form = given(None, str(file), "volume")
    box = box_shape(1.0, form.reach, (0.5,) * 3)
    drawing = draw(form, 1.0, np.asarray(box) / 2, (0.5,) * 3, box)
    assert drawing.fraction().sum(dtype=float) * 0.125 / 1000 == pytest.approx(1.0, rel=1e-3)
    assert drawing.radius == pytest.approx(ball_radius_mm(1.0), rel=0.05)
    assert form.reach > 1.3  # spiculated
    with pytest.raises(FormatError, match='no dataset "mass"'):
        given(None, str(file), "mass")
