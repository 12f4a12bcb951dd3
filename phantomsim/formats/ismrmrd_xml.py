"""The XML header of ISMRMRD, by the schema's own bindings (package `ismrmrd`, extra `raw`).

https://ismrmrd.readthedocs.io/en/latest/mrd_header.html. A document type declaration is refused before anything is
parsed, so that no entity, inside or outside the file, is ever looked at.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np

from phantomsim.errors import FormatError
from phantomsim.formats.ismrmrd_table import COUNTERS, TRAJECTORIES, AcquisitionTable, Encoding, Header

MAX_XML = 2**24
UNIT = "cycles per encoded pixel"
_MISSING = "ISMRMRD needs the packages h5py and ismrmrd ({}). Install them: pip install 'phantomsim[raw]'"
_COVARIANCE = "noise_covariance"
_STEP = "kspace_encoding_step_"
_LIMITS = {"line": "kspace_encoding_step_1", "partition": "kspace_encoding_step_2"}


def bindings() -> Any:
    """The schema's classes. Raises FormatError where the package is missing."""
    try:
        from ismrmrd import xsd
    except ImportError as e:
        raise FormatError(_MISSING.format(e)) from e
    return xsd


def libraries() -> Any:
    """The HDF5 library. Raises FormatError where the extra is missing."""
    bindings()
    try:
        import h5py
    except ImportError as e:
        raise FormatError(_MISSING.format(e)) from e
    return h5py


def to_xml(header: Header, table: AcquisitionTable, coils: int, covariance: np.ndarray | None) -> bytes:
    """The header as an XML document, UTF-8. Raises FormatError for values that the schema has no place for."""
    xsd = bindings()
    if header.encoding.trajectory not in TRAJECTORIES:
        raise FormatError(f"trajectory {header.encoding.trajectory!r}; one of {', '.join(TRAJECTORIES)}")
    names = header.coils or tuple(f"coil {i}" for i in range(coils))
    labels = [xsd.coilLabelType(coilNumber=i, coilName=name) for i, name in enumerate(names)]
    system = xsd.acquisitionSystemInformationType(
        systemVendor="phantomsim", systemModel=header.system or None, receiverChannels=coils, coilLabel=labels,
        systemFieldStrength_T=header.field_T or None,
    )  # fmt: skip
    sequence = xsd.sequenceParametersType(
        TR=list(header.TR_ms), TE=list(header.TE_ms), TI=list(header.TI_ms), flipAngle_deg=list(header.flip_deg),
        sequence_type=header.sequence or None, echo_spacing=list(header.echo_spacing_ms),
    )  # fmt: skip
    measurement = xsd.measurementInformationType(
        patientPosition=xsd.patientPositionType.HFS, protocolName=header.protocol or None
    )
    frequency = xsd.experimentalConditionsType(H1resonanceFrequency_Hz=round(header.H1_Hz))
    root = xsd.ismrmrdHeader(
        version=2, experimentalConditions=frequency, encoding=[_encoding(xsd, header.encoding, table)],
        acquisitionSystemInformation=system, sequenceParameters=sequence, measurementInformation=measurement,
        userParameters=_user(xsd, covariance),
    )  # fmt: skip
    return xsd.ToXML(root, encoding="utf-8").encode()


def _encoding(xsd: Any, encoding: Encoding, table: AcquisitionTable) -> Any:
    def space(shape: tuple[int, ...], fov_mm: tuple[float, ...]) -> Any:
        z, y, x = shape
        fz, fy, fx = (float(v) for v in fov_mm)
        return xsd.encodingSpaceType(
            matrixSize=xsd.matrixSizeType(x=x, y=y, z=z), fieldOfView_mm=xsd.fieldOfViewMm(x=fx, y=fy, z=fz)
        )

    rz, ry = encoding.acceleration
    parallel = xsd.parallelImagingType(
        accelerationFactor=xsd.accelerationFactorType(kspace_encoding_step_1=ry, kspace_encoding_step_2=rz),
        calibrationMode=xsd.calibrationModeType(encoding.calibration) if encoding.calibration else None,
    )
    unit = xsd.userParameterStringType(name="unit", value=UNIT)
    note = xsd.trajectoryDescriptionType(identifier="phantomsim", userParameterString=[unit])
    return xsd.encodingType(
        encodedSpace=space(encoding.encoded_shape, encoding.encoded_fov_mm),
        reconSpace=space(encoding.shape, encoding.fov_mm),
        encodingLimits=_limits(xsd, encoding, table), trajectory=xsd.trajectoryType(encoding.trajectory),
        trajectoryDescription=note if table.trajectory_per_mm is not None else None,
        parallelImaging=parallel, echoTrainLength=encoding.echo_train_length,
    )  # fmt: skip


def _limits(xsd: Any, encoding: Encoding, table: AcquisitionTable) -> Any:
    centres = dict(zip(("partition", "line"), encoding.centre))
    rows = {_LIMITS.get(name, name): (getattr(table, name), centres.get(name, 0)) for name in COUNTERS}
    found = {
        name: xsd.limitType(minimum=int(row.min()), maximum=int(row.max()), center=int(centre))
        for name, (row, centre) in rows.items()
    }
    readout = xsd.limitType(minimum=0, maximum=encoding.encoded_shape[2] - 1, center=encoding.encoded_shape[2] // 2)
    return xsd.encodingLimitsType(kspace_encoding_step_0=readout, **found)


def _user(xsd: Any, covariance: np.ndarray | None) -> Any:
    """Covariance row by row, real and imaginary parts as little-endian doubles in base 64."""
    if covariance is None:
        return None
    raw = np.ascontiguousarray(covariance, "<c16").tobytes()
    return xsd.userParametersType(userParameterBase64=[xsd.userParameterBase64Type(name=_COVARIANCE, value=raw)])


def parse(text: bytes, where: str) -> Any:
    """The document as objects of the schema, unknown elements passed over.

    Raises:
        FormatError: too long, not UTF-8, with a document type, not well-formed, or not an ISMRMRD header.
    """
    from xsdata.formats.dataclass.parsers import XmlParser
    from xsdata.formats.dataclass.parsers.config import ParserConfig
    from xsdata.formats.dataclass.parsers.handlers import XmlEventHandler

    what = f"{where}: the XML header (dataset/xml)"
    if len(text) > MAX_XML:
        raise FormatError(f"{what} has {len(text)} bytes; at most {MAX_XML} are read")
    try:
        # Without its declaration the text is UTF-8 to the parser, whatever it called itself.
        plain = re.sub(r"^\s*<\?xml[^>]*\?>", "", text.decode("utf-8-sig"), count=1)
    except UnicodeDecodeError as e:
        raise FormatError(f"{what} is not UTF-8 text ({e}). Write the file again") from e
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", plain, re.IGNORECASE):
        raise FormatError(f"{what} declares a document type; ISMRMRD needs none and it is not read. Remove it")
    try:
        config = ParserConfig(fail_on_unknown_properties=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values of the wrong type stay text here; who uses them converts them
            return XmlParser(config=config, handler=XmlEventHandler).from_string(plain, bindings().ismrmrdHeader)
    except FormatError:
        raise
    except Exception as e:
        reason = f"{type(e).__name__}: {e}".splitlines()[0][:200]
        raise FormatError(f"{what} is not an ISMRMRD header ({reason}). Write the file again") from e


def header_of(root: Any, number: int, where: str) -> Header:
    """The header of one encoding space. Raises FormatError where it is missing or its values make no sense."""
    if not 0 <= number < len(root.encoding):
        raise FormatError(
            f"{where}: {len(root.encoding)} encoding spaces in the header; number {number} is none of them"
        )
    system, sequence, about = root.acquisitionSystemInformation, root.sequenceParameters, root.measurementInformation

    def several(name: str) -> tuple[float, ...]:
        return tuple(float(v) for v in getattr(sequence, name, None) or ())

    return Header(
        encoding=_space(root.encoding[number], where),
        H1_Hz=float(root.experimentalConditions.H1resonanceFrequency_Hz),
        field_T=float(getattr(system, "systemFieldStrength_T", None) or 0),
        TR_ms=several("TR"), TE_ms=several("TE"), TI_ms=several("TI"), flip_deg=several("flipAngle_deg"),
        echo_spacing_ms=several("echo_spacing"), sequence=getattr(sequence, "sequence_type", None) or "",
        protocol=getattr(about, "protocolName", None) or "", system=getattr(system, "systemModel", None) or "",
        coils=tuple(label.coilName for label in getattr(system, "coilLabel", None) or ()),
    )  # fmt: skip


def _space(found: Any, where: str) -> Encoding:
    def box(space: Any) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
        m, f = space.matrixSize, space.fieldOfView_mm
        shape, fov_mm = (int(m.z), int(m.y), int(m.x)), (float(f.z), float(f.y), float(f.x))
        if min(shape) < 1 or not np.isfinite(fov_mm).all() or min(fov_mm) < 0:
            raise FormatError(f"{where}: a matrix of {shape} over {fov_mm} mm (z, y, x) does not make sense")
        return shape, fov_mm

    def centre(name: str) -> int:
        limit = getattr(found.encodingLimits, name, None)
        return 0 if limit is None else int(limit.center)

    factor = getattr(found.parallelImaging, "accelerationFactor", None)
    mode = getattr(found.parallelImaging, "calibrationMode", None)
    encoded, image = box(found.encodedSpace), box(found.reconSpace)
    return Encoding(
        *encoded, *image, trajectory=found.trajectory.value, calibration=mode.value if mode is not None else "",
        acceleration=(int(getattr(factor, f"{_STEP}2", 1)), int(getattr(factor, f"{_STEP}1", 1))),
        centre=(centre("kspace_encoding_step_2"), centre("kspace_encoding_step_1")),
        echo_train_length=int(found.echoTrainLength or 1),
    )  # fmt: skip


def covariance_of(root: Any, coils: int) -> np.ndarray | None:
    """The noise covariance, where this program wrote one for as many coils."""
    for entry in getattr(root.userParameters, "userParameterBase64", None) or ():
        if entry.name == _COVARIANCE and len(entry.value) == 16 * coils**2:
            return np.frombuffer(entry.value, "<c16").reshape(coils, coils).astype(complex)
    return None


def trajectory_unit(root: Any, number: int) -> str:
    """What the file says of its trajectory's unit; empty where it says nothing."""
    about = root.encoding[number].trajectoryDescription
    return next((p.value for p in getattr(about, "userParameterString", None) or () if p.name == "unit"), "")
