"""Meshes in and out: held against trimesh, and against files that say more than they hold."""

import json
import struct

import numpy as np
import pytest
import trimesh

from phantomsim.errors import FormatError
from phantomsim.formats import mesh


@pytest.fixture
def horn():
    """A closed mesh that no symmetry hides: a cone, bent off every axis."""
    made = trimesh.creation.cone(radius=20, height=50, sections=40)
    made.apply_transform(trimesh.transformations.euler_matrix(0.3, 0.5, 0.7))
    made.apply_translation([11, -7, 23])
    return made


@pytest.mark.parametrize("ending", ["stl", "obj", "ply", "glb"])
def test_formats_hold_the_same_solid_where_it_was(tmp_path, horn, ending):
    turned = horn.copy()
    if ending == "glb":  # metres, y up, z to the front
        turned.apply_transform(np.array([[-1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]) * 1.0)
        turned.apply_scale(1e-3)
    turned.export(tmp_path / f"a.{ending}")
    found = mesh.read(tmp_path / f"a.{ending}")
    assert found.volume_mL() == pytest.approx(horn.volume / 1000, rel=1e-5)
    corners = found.points_mm[found.faces].reshape(-1, 3)
    np.testing.assert_allclose(corners.min(axis=0), horn.bounds[0], atol=1e-4)
    np.testing.assert_allclose(corners.max(axis=0), horn.bounds[1], atol=1e-4)


def test_parts_of_a_scene_stand_where_the_scene_puts_them(tmp_path):
    scene = trimesh.Scene()
    box = trimesh.creation.box((0.01, 0.02, 0.03))
    for x in (0.0, 0.05):
        scene.add_geometry(box, transform=trimesh.transformations.translation_matrix([x, 0, 0]))
    scene.export(tmp_path / "a.glb")
    found = mesh.read(tmp_path / "a.glb")
    assert found.volume_mL() == pytest.approx(2 * 6.0, rel=1e-5)
    assert np.ptp(found.points_mm, axis=0) == pytest.approx([60, 30, 20], rel=1e-5)  # x, z, y of the file


def test_axes_and_units_turn_the_mesh_and_leave_it_outwards(tmp_path, horn):
    horn.export(tmp_path / "a.stl")
    plain, turned = mesh.read(tmp_path / "a.stl"), mesh.read(tmp_path / "a.stl", axes="LAS", unit="cm")
    assert turned.volume_mL() == pytest.approx(1000 * plain.volume_mL(), rel=1e-6)
    np.testing.assert_allclose(turned.points_mm, plain.points_mm * (-10, 10, 10), rtol=1e-6)


def test_written_stl_is_read_back_by_another(tmp_path, horn):
    out = mesh.Mesh(np.asarray(horn.vertices), np.asarray(horn.faces))
    for name in ("a.stl", "b.stl"):
        mesh.write_stl(tmp_path / name, out, "horn")
    assert (tmp_path / "a.stl").read_bytes() == (tmp_path / "b.stl").read_bytes()
    again = trimesh.load_mesh(tmp_path / "a.stl")
    assert again.is_watertight
    assert again.volume == pytest.approx(horn.volume, rel=1e-5)


def glb(tree):
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text), len(text), b"JSON") + text


BAD = {
    "empty.stl": (b"", "damaged|no triangles"),
    "cut.stl": (bytes(80) + struct.pack("<I", 2) + bytes(60), "truncated|damaged"),
    "counts.stl": (bytes(80) + struct.pack("<I", 2**31) + bytes(60), "more than"),
    "nan.stl": (bytes(80) + struct.pack("<I12fH", 1, *[float("nan")] * 12, 0), "finite|damaged"),
    "counts.ply": (b"ply\nformat ascii 1.0\nelement vertex 999999999\nelement face 1\nend_header\n", "more than"),
    "text.obj": (b"\x00\x01hello", "damaged|no triangles"),
    "links.obj": (b"mtllib /etc/passwd\nv 0 0 0\n", "damaged|no triangles"),
    "zeros.glb": (glb({"accessors": [{"count": 2**40}]}), "more than"),
    "outside.glb": (glb({"asset": {}, "buffers": [{"uri": "../../etc/passwd", "byteLength": 9}]}), "damaged"),
    "text.glb": (b"not a glb at all, but text", "not a GLB"),
    "a.3mf": (b"", r"\.stl, \.obj, \.ply, \.glb"),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_and_greedy_files_are_refused(tmp_path, name):
    data, words = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FormatError, match=words) as error:
        mesh.read(tmp_path / name)
    assert name in str(error.value)


def test_large_files_are_refused_before_they_are_read(tmp_path, horn):
    horn.export(tmp_path / "a.stl")
    with pytest.raises(FormatError, match="at most 1000 are read"):
        mesh.read(tmp_path / "a.stl", max_bytes=1000)
