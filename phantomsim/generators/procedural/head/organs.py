"""Organs of the head and what they are made of."""

from __future__ import annotations


def pair(name: str) -> tuple[str, str]:
    """Names of the left and the right one."""
    return f"{name}-left", f"{name}-right"


_PAIRS = {
    "maxillary-sinus": "air",
    "mastoid-cells": "air",
    "parotid": "soft-tissue",
    "masseter": "muscle",
    "temporalis": "muscle",
    "sternocleidomastoid": "muscle",
    "carotid": "blood",
    "jugular": "blood",
    "orbital-fat": "adipose",
    "eye-muscles": "muscle",
    "optic-nerve": "optic-nerve",
    "eye": "eye",
    "lens": "lens",
    "lateral-ventricle": "csf",
    "thalamus": "deep-grey-matter",
    "caudate": "deep-grey-matter",
    "putamen": "deep-grey-matter",
    "pallidum": "deep-grey-matter",
    "hippocampus": "grey-matter",
    "amygdala": "grey-matter",
}

#: Tissue by organ; the first is air.
ORGANS: dict[str, str] = {
    "air": "air",
    "skin": "skin",
    "subcutaneous-fat": "adipose",
    "soft-tissue": "soft-tissue",
    "neck-muscles": "muscle",
    "tongue": "muscle",
    "mucosa": "mucosa",
    "airway": "air",
    "nasal-cartilage": "cartilage",
    "larynx": "cartilage",
    "skull": "bone-cortical",
    "diploe": "bone-cancellous",
    "facial-bones": "bone-cortical",
    "facial-marrow": "bone-cancellous",
    "mandible": "bone-cortical",
    "mandible-marrow": "bone-cancellous",
    "teeth": "bone-cortical",
    "frontal-sinus": "air",
    "ethmoid-cells": "air",
    "sphenoid-sinus": "air",
    "vertebrae": "bone-cortical",
    "vertebral-marrow": "bone-cancellous",
    "discs": "cartilage",
    "spinal-csf": "csf",
    "spinal-cord": "spinal-cord",
    "spinal-dura": "dura",
    "dura": "dura",
    "csf": "csf",
    "venous-sinuses": "blood",
    "cerebral-cortex": "grey-matter",
    "cerebral-white-matter": "white-matter",
    "cerebellar-cortex": "grey-matter",
    "cerebellar-white-matter": "white-matter",
    "brain-stem": "white-matter",
    "third-ventricle": "csf",
    "fourth-ventricle": "csf",
    **{side: tissue for name, tissue in _PAIRS.items() for side in pair(name)},
}
