"""A phantom's surfaces on disk: an STL for each tissue, organ and lesion, and a table of their volumes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from phantomsim.formats.mesh import write_stl
from phantomsim.generators.surface import surfaces
from phantomsim.phantom import Phantom
from phantomsim.store import atomic_dir, atomic_write_text


def write_surfaces(folder: Path, phantom: Phantom) -> None:
    """Write `KIND-NAME.stl`, in mm and RAS+, and `surfaces.json`. Raises StoreError."""
    with atomic_dir(folder) as work:
        files = {}
        for kind, name, volume_mL, mesh in surfaces(phantom):
            file = f"{kind}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}.stl"
            write_stl(work / file, mesh, f"{kind} {name}")
            files[file] = {
                "phantom_mL": round(volume_mL, 4),
                "surface_mL": round(mesh.volume_mL(), 4),
                "triangles": len(mesh.faces),
            }
        about = {"subject": phantom.facts.subject, "unit": "mm", "axes": "RAS", "files": files}
        atomic_write_text(work / "surfaces.json", json.dumps(about, indent=2) + "\n")
