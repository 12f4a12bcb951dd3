"""Surface meshes, in and out: STL, OBJ, PLY and GLB by trimesh.

Nothing but the file itself is opened: materials, textures and buffers that it names elsewhere are not. Its size, and
the counts that it states, are held against limits before trimesh sees it.
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats.orientation import named_axes
from phantomsim.formats.voxels import reading
from phantomsim.store import atomic_write_bytes

MAX_BYTES = 2**28  # five million triangles of binary STL
MAX_FACES = 2**23
ENDINGS = (".stl", ".obj", ".ply", ".glb")
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "inch": 25.4}
#: What a format says of its unit and axes; glTF 2.0, section 3.4: metres, y up, z to the front, x to the model's left.
CONVENTION = {".glb": ("m", "LSA")}


@dataclass(frozen=True)
class Mesh:
    """Triangles in space.

    Attributes:
        points_mm: corners, (x, y, z), float64 [P, 3] mm, RAS+.
        faces: three corners each, counter-clockwise seen from outside, int64 [F, 3].
    """

    points_mm: np.ndarray
    faces: np.ndarray

    def volume_mL(self) -> float:
        """Enclosed volume, by the divergence theorem [mL]; negative where the faces look inwards."""
        a, b, c = (self.points_mm[self.faces[:, i]] - self.points_mm.mean(axis=0) for i in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6000.0


def read(
    path: str | os.PathLike[str], *, unit: str | None = None, axes: str | None = None, max_bytes: int = MAX_BYTES
) -> Mesh:
    """Read a mesh; the parts of a scene together, each where it stands.

    Args:
        path: ends in .stl, .obj, .ply or .glb.
        unit: of the file's numbers, "mm", "cm", "m" or "inch"; mm where not given, m for GLB.
        axes: where the file's x, y and z point to, as three letters; "RAS" where not given, for GLB "LSA" (y up).
        max_bytes: largest file that is read.

    Raises:
        FormatError: another ending, damaged, too large, without a triangle, or with points that are not finite.
    """
    name, path = os.fspath(path), Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise FormatError(f"{name}: meshes are read from files that end in {', '.join(ENDINGS)}. Convert it to one")
    if not path.is_file():
        raise FormatError(f"{name}: no such file. Check the path")
    with reading(name):
        size = path.stat().st_size
        if size > max_bytes:
            raise FormatError(f"{name}: {size} bytes; at most {max_bytes} are read. Simplify the mesh")
        data = path.read_bytes()
    _check_counts(data, ending, name)
    points, faces = _parse(data, ending, name)
    usual_unit, usual_axes = CONVENTION.get(ending, ("mm", "RAS"))
    turn = named_axes(axes or usual_axes)[:3, :3] * UNITS[unit or usual_unit]
    if np.linalg.det(turn) < 0:
        faces = faces[:, ::-1]
    return Mesh(points @ turn.T, np.ascontiguousarray(faces))


def write_stl(path: str | os.PathLike[str], mesh: Mesh, title: str = "") -> None:
    """Write binary STL in mm, RAS+; the same mesh gives the same bytes. Raises StoreError."""
    corners = mesh.points_mm[mesh.faces].astype("<f4")
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    table = np.zeros(len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    table["normal"], table["corners"] = normal / np.where(length > 0, length, 1), corners
    head = f"phantomsim {title}, mm, RAS".encode("ascii", "replace")[:80].ljust(80)
    atomic_write_bytes(path, head + struct.pack("<I", len(corners)) + table.tobytes())


def _parse(data: bytes, ending: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Points and faces by trimesh, whatever it meets."""
    import io

    import trimesh

    options: dict[str, Any] = {"skip_materials": True} if ending in (".obj", ".glb") else {}
    try:
        scene = trimesh.load_scene(io.BytesIO(data), file_type=ending[1:], process=False, **options)
        total = sum(len(getattr(scene.geometry[g], "faces", ())) for _, g in map(scene.graph.get, _nodes(scene)))
        if total > MAX_FACES:
            raise FormatError(f"{name}: {total} triangles; at most {MAX_FACES} are read. Simplify the mesh")
        mesh = scene.to_mesh()
        points, faces = np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int64)
    except FormatError:
        raise
    except Exception as e:  # trimesh raises whatever the damage leads to
        raise FormatError(f"{name}: the mesh is damaged ({type(e).__name__}: {str(e)[:80]}). Export it again") from e
    if len(faces) == 0:
        raise FormatError(f"{name}: holds no triangles. Export a surface mesh")
    if not np.isfinite(points).all() or faces.min() < 0 or faces.max() >= len(points):
        raise FormatError(f"{name}: corners that are not finite, or not there. Export the mesh again")
    return points, faces


def _nodes(scene: Any) -> list[str]:
    return list(scene.graph.nodes_geometry)


def _check_counts(data: bytes, ending: str, name: str) -> None:
    """Raises FormatError where a file states more than it can hold."""
    stated, held = 0, len(data)
    if ending == ".stl" and not data[:6].lstrip().lower().startswith(b"solid") and len(data) >= 84:
        stated = 50 * struct.unpack("<I", data[80:84])[0]
    elif ending == ".ply":
        head = data[: 2**16].partition(b"end_header")[0].decode("latin-1").split("\n")
        counts = [line.split()[2] for line in head if line.startswith("element ") and len(line.split()) == 3]
        stated = sum(int(n) if n.isdecimal() and len(n) < 12 else held + 1 for n in counts)
    elif ending == ".glb":
        stated = _glb_counts(data, name)
    if stated > held:
        raise FormatError(f"{name}: states more than its {held} bytes can hold; truncated or damaged. Export it again")


def _glb_counts(data: bytes, name: str) -> int:
    """Numbers that a GLB asks for; each takes a byte at least (glTF allows zeros that are not stored, which no mesh
    needs)."""
    try:
        magic, _, _, length, kind = struct.unpack("<4sIII4s", data[:20])
        tree = json.loads(data[20 : 20 + length])
        if magic != b"glTF" or kind != b"JSON":
            raise ValueError("it does not begin as one")
        return sum(int(a["count"]) for a in tree.get("accessors", [])) + len(tree.get("nodes", []))
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError) as e:
        raise FormatError(f"{name}: not a GLB file, or damaged ({e}). Export it again") from e
