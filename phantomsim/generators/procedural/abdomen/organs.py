"""Organs of the abdomen in the order of their labels, and what each is made of."""

from __future__ import annotations

from phantomsim.generators.procedural.abdomen.ribs import RIBS
from phantomsim.generators.procedural.abdomen.spine import LEVELS

BONE = {"cortical": "bone-cortical", "cancellous": "bone-cancellous"}


def _pairs(tissue: str, *names: str) -> dict[str, str]:
    return {f"{name}-{side}": tissue for name in names for side in ("left", "right")}


ORGANS: dict[str, str] = {
    "air": "air",
    "skin": "skin",
    # Names that are often taken together stand side by side: `Canvas` asks for runs of labels.
    **{"fat-subcutaneous": "adipose", "fat-epidural": "adipose", "crura": "muscle", "diaphragm": "muscle"},
    "fat-mediastinal": "adipose",
    **_pairs("adipose", "renal-sinus", "perirenal-fat"),
    **{"fat-visceral": "adipose", "trunk-muscle": "muscle"},
    **_pairs("muscle", "psoas", "iliacus", "quadratus-lumborum", "erector-spinae", "gluteus-maximus", "gluteus-medius"),
    **{"external-oblique": "muscle", "internal-oblique": "muscle", "transversus": "muscle"},
    **{"fat-intermuscular": "adipose", "rectus-sheath": "connective-tissue", "rectus-abdominis": "muscle"},
    # Bones stand in the order in which `spine` and `ribs` count them.
    **{f"vertebra-{v}-{part}": tissue for part, tissue in BONE.items() for v in LEVELS},
    **{f"rib-{k}-{s}-{part}": t for part, t in BONE.items() for k in reversed(RIBS) for s in ("left", "right")},
    **{f"sternum-{part}": t for part, t in BONE.items()},
    **{f"{bone}-{s}-{part}": t for bone in ("hip", "femur") for s in ("left", "right") for part, t in BONE.items()},
    **{f"sacrum-{part}": t for part, t in BONE.items()},
    **{"discs": "cartilage", "costal-cartilage": "cartilage", "symphysis": "cartilage"},
    **{"sacroiliac-cartilage": "cartilage", "hip-cartilage": "cartilage"},
    **{"dural-sac": "csf", "spinal-cord": "spinal-cord"},
    **_pairs("lung", "lung"),
    **{"heart-wall": "heart", "heart-blood": "blood", "oesophagus": "oesophagus"},
    **{"aorta": "blood", "vena-cava": "blood", "coeliac-arteries": "blood", "mesenteric-arteries": "blood"},
    **_pairs("blood", "renal-artery", "renal-vein", "iliac-artery", "iliac-vein"),
    **{"portal-vein": "blood", "portal-branches": "blood", "hepatic-veins": "blood"},
    **{"liver": "liver", "gallbladder": "bile", "bile-duct": "bile", "spleen": "spleen", "pancreas": "pancreas"},
    **{"kidney-left-cortex": "kidney", "kidney-right-cortex": "kidney"},
    **{"kidney-left-medulla": "kidney-medulla", "kidney-right-medulla": "kidney-medulla"},
    **_pairs("urine", "renal-pelvis", "ureter"),
    **_pairs("adrenal", "adrenal"),
    **{"stomach-wall": "stomach", "stomach-content": "bowel-content", "stomach-gas": "air"},
    **{"duodenum-wall": "bowel", "duodenum-content": "bowel-content", "duodenum-gas": "air"},
    **{"colon-wall": "bowel", "colon-content": "bowel-content", "colon-gas": "air"},
    **{"small-bowel-wall": "bowel", "small-bowel-content": "bowel-content", "small-bowel-gas": "air"},
    **{"bladder-wall": "muscle", "bladder-urine": "urine", "prostate": "prostate", "uterus": "uterus"},
    **_pairs("soft-tissue", "ovary"),
}
