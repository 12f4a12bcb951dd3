"""The right breast on its chest wall: hanging, as the woman lies prone, or compressed from above between two plates.

Both are drawn from one set of material coordinates (`frame`), in which the breast is half an ellipsoid on the pectoral
muscle: x to the side (the patient's right), y forward to the nipple, z up, in millimetres from the middle of the base.
World points are mapped to it by maps that keep volume, so that a woman has the same gland, ducts and compartments, of
the same volumes, in both.
"""

from phantomsim.generators.procedural.breast.draw import COMPRESSED, REGION

__all__ = ["COMPRESSED", "REGION"]
