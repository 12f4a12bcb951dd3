"""Unique identifiers that the content decides, so that the same scan always writes the same bytes.

DICOM PS3.5 annex B.2: "2.25." and a UUID as a decimal number; anybody may make one without a registered root. The UUIDs
are name-based (RFC 9562, version 5) within a namespace of our own.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import numpy as np
from pydicom.uid import UID

_NAMESPACE = uuid.UUID("6f1c7a52-1d0b-5a0e-9c1e-70686e746d73")
IMPLEMENTATION = UID(f"2.25.{uuid.uuid5(_NAMESPACE, 'implementation').int}")


def uid(*parts: Any) -> UID:
    """The identifier of a tuple of texts, numbers, tables and arrays; equal parts give equal identifiers."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            text = f"{part.dtype.str}{part.shape}".encode() + np.ascontiguousarray(part).tobytes()
        else:
            text = json.dumps(part, sort_keys=True, default=str).encode()
        digest.update(len(text).to_bytes(8, "big") + text)
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, digest.hexdigest()).int}")
