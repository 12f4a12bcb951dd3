"""The chest, from the neck's root to the upper abdomen, arms raised.

Volumes and diameters are covariates with sources in the generator's file; how things lie is in the files of each group.
"""

from __future__ import annotations

from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.chest import bones, growing, heart, lungs, under, vessels, wall
from phantomsim.generators.procedural.chest.frame import frame
from phantomsim.generators.procedural.region import Region

ORGANS = {
    "air": "air",
    **wall.ORGANS,
    **bones.ORGANS,
    **heart.ORGANS,
    **vessels.ORGANS,
    **lungs.ORGANS,
    **under.ORGANS,
}


def draw(canvas: Canvas, n: Numbers) -> None:
    """Paint a patient: from the skin inwards, then the mediastinum, the lungs about it, and what lies below."""
    f = frame(n)
    t = wall.draw(canvas, n, f)
    bones.draw(canvas, n, f, t)
    where = heart.pose(n, f)
    behind = vessels.before_heart(canvas, n, f, where)
    t["heart"], fat = heart.draw(canvas, n, f)
    t["tubes"] = vessels.after_heart(canvas, n, f, where, behind)
    heart_cover = canvas.cover(t["heart"])
    canvas.organ("pericardial-fat", "pericardial_fat", fat, ["cavity-fat"], n["pericardial_fat_mL"], about=heart_cover)
    lungs_and_dome = lungs.draw(canvas, n, f, t)
    canvas.within("under the lungs", lambda: under.draw(canvas, n, f, t | lungs_and_dome))


REGION = Region(ORGANS, draw, (56, 62, 78), 6.0, (0.0, 0.0, 0.0), growing.grow)
