"""Image one phantom that lies on disk: raw data, image, truth and a picture."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np

from phantomsim.algorithms.interface import AlgorithmInput
from phantomsim.algorithms.run import run as run_algorithm
from phantomsim.errors import FormatError, ScannerError, SpecError, StoreError
from phantomsim.formats import zarr_store
from phantomsim.generators.lesions.truth import fraction_on
from phantomsim.image import Image
from phantomsim.keys import acquisition_key, hash32
from phantomsim.phantom import Phantom
from phantomsim.scanners.mr.sampling import measured_pairs, spare_echoes
from phantomsim.scanners.mr.spec import MRProtocol, MRScanner
from phantomsim.scanners.position import brain_voxels, isocentre
from phantomsim.spec import Catalogued, assemble, canonical, read
from phantomsim.specfile.load import tell
from phantomsim.store import atomic_dir, atomic_write_text, require_empty
from phantomsim.trials import raw_ismrmrd
from phantomsim.trials.case import geometry_of
from phantomsim.trials.picture import save_slices
from phantomsim.trials.scan_files import Scanned, write
from phantomsim.trials.spec import Arm, Scanner

SPARE = 0.1  # of the echoes, beyond which a train that does not divide its lines is worth a word


def _silent(step: str) -> None:
    """Tells nobody."""


def scan_phantom(
    phantom: Phantom, arm: Arm, seed: int = 0, patient: int = 0, progress: Callable[[str], None] = _silent
) -> Scanned:
    """Image a phantom by the scanner, protocol, reconstruction and algorithm of an arm.

    Args:
        seed, patient: of the noise; lesions that the phantom has are seen if they are `present`.
        progress: told what is done when a step begins.
    Raises:
        ScannerError, AlgorithmError.
    """
    scan = arm.build()
    scan.check(arm.reconstruction)
    present = any(float(s.present) > 0 for s in phantom.lesions)
    key = acquisition_key(seed, patient, hash32(canonical(arm.scanner) + canonical(arm.protocol)), present)
    progress("Simulating the scan")
    expected = jax.block_until_ready(scan.expected(phantom, isocentre(phantom, arm.protocol.centre_on)))
    progress("Reconstructing")
    raw, dose = scan.acquire(expected, key), scan.dose(expected)
    image = scan.reconstruct(raw, arm.reconstruction)
    given = AlgorithmInput(
        np.asarray(image.values), raw, image.grid.spacing_mm, geometry_of(image, raw), dose, seed, image.unit
    )
    progress(f"Running the algorithm {arm.algorithm.kind}")
    output = run_algorithm(arm.algorithm, given).image
    if output is not None:
        image = Image(output, image.grid, image.unit)
    jax.block_until_ready(image.values)
    return Scanned(image, raw, np.asarray(fraction_on(phantom, image.grid)), dose)


def make_arm(
    scanner: str,
    protocol: str | None,
    reconstruction: str | None,
    sets: Sequence[str] = (),
    pulseq: Path | None = None,
) -> Arm:
    """An arm from names, for scans outside a trial.

    Args:
        protocol, reconstruction: names in the scanner's file; where None, the reconstruction is the one of
            the protocol's name if there is one, and else the first.
        sets: changes, "protocol.mAs=40", "reconstruction.slices=20", "algorithm=gaussian".
        pulseq: a Pulseq file that an MR scanner plays instead of a protocol of its own.
    Raises:
        SpecError, CatalogueError.
        FormatError, ScannerError: the Pulseq file cannot be read, or not be imaged.
    """
    whole = read(scanner, Annotated[Scanner, Catalogued("scanners")])
    if pulseq is not None:
        return _pulseq_arm(whole, scanner, pulseq, protocol, reconstruction, sets)
    protocol = protocol or next(iter(whole.protocols))
    known = list(whole.reconstructions)
    if not known:
        raise SpecError(f'scanner "{scanner}" has no reconstructions; add a table [reconstructions.NAME] to its file')
    reconstruction = reconstruction or (protocol if protocol in known else known[0])
    chosen = {"name": protocol, "scanner": scanner, "protocol": protocol, "reconstruction": reconstruction}
    return _assembled(chosen, sets)


def _assembled(chosen: dict[str, Any], sets: Sequence[str]) -> Arm:
    """An arm, built once where that is cheap, so that what the hardware forbids is told with its place in the file."""
    changes = [*(f"{key}={json.dumps(value)}" for key, value in chosen.items()), *sets]
    arm = assemble(Arm, changes)
    if isinstance(arm.scanner, MRScanner):
        try:
            arm.build()
        except ScannerError as error:
            if not error.key:
                raise
            told = tell(None, Arm, changes, ("scanner", *error.key), str(error))
            raise ScannerError(told, *error.key) from None
    return arm


def _pulseq_arm(
    whole: Scanner, scanner: str, path: Path, protocol: str | None, reconstruction: str | None, sets: Sequence[str]
) -> Arm:
    """An arm whose protocol is that of a Pulseq file; reconstructions "pulseq" and "cg-sense" fit every file."""
    from phantomsim.scanners.mr.sequences.pulseq import protocol as of_file

    if not isinstance(whole, MRScanner):
        raise SpecError(f"Pulseq files are for MR scanners; {whole.name} is of kind {whole.kind}. Take mr-3t, say")
    if protocol is not None:
        raise SpecError(f"--pulseq and --protocol {protocol} exclude one another; a Pulseq file is a protocol itself")
    keys = of_file.protocol_of(path, whole.field_T, _given(sets))
    chosen = {"name": path.name[:80], "scanner": scanner} | {f"protocol.{key}": value for key, value in keys.items()}
    fitting = [n for n in ("pulseq", "cg-sense") if n in whole.reconstructions]
    if reconstruction or fitting:
        chosen["reconstruction"] = reconstruction or fitting[0]
    else:
        chosen["reconstruction.method"] = "cg-sense"
    return _assembled(chosen, sets)


def _given(sets: Sequence[str]) -> dict[str, Any]:
    """What the protocol of a Pulseq file follows from, where a person sets it; wrong values are told of later."""
    found = {}
    for key, _, value in (one.partition("=") for one in sets):
        if key.strip() in ("protocol.fov_mm", "protocol.slice_mm"):
            with suppress(tomllib.TOMLDecodeError):
                found[key.strip().removeprefix("protocol.")] = tomllib.loads(f"value = {value}")["value"]
    return found


def read_any_phantom(path: Path) -> Phantom:
    """A phantom's store. Raises FormatError if it is none."""
    if not path.exists():
        raise FormatError(f"{path} is not there; make a phantom with: phantomsim sample abdomen-procedural --out DIR")
    return zarr_store.read_phantom(path)


def scan(
    path: Path,
    arm: Arm,
    out: Path,
    form: str = "zarr",
    seed: int = 0,
    progress: Callable[[str], None] = _silent,
) -> tuple[Path, list[str]]:
    """Image the phantom at `path` and write what came of it; returns the picture's path, and what to mind.

    Writes image (zarr, nifti or a folder of DICOM), lesion (fraction on the image's grid, where the phantom has
    lesions), raw data (zarr), scan.json and picture.png. Form "ismrmrd" is zarr, and raw data as raw.h5 besides.

    Args:
        form: "zarr", "nifti", "dicom" or "ismrmrd".
        seed: of the noise.
        progress: told what is done when a step begins.
    Raises:
        StoreError: `out` holds files already or cannot be written; it appears whole or not at all.
        FormatError, SpecError, ScannerError, AlgorithmError.
    """
    if (out / "scan.json").exists():
        raise StoreError(f"{out} holds a scan already; give another --out")
    require_empty(out)  # before the work, not after
    if form == "ismrmrd":
        raw_ismrmrd.check(arm.scanner.kind)
    progress("Reading the phantom")
    phantom = read_any_phantom(path)
    with _other_engine(arm):
        found = scan_phantom(phantom, arm, seed, progress=progress)
    progress("Writing")
    facts = {"phantom": str(path), "seed": seed, "dose": found.dose, "arm": json.loads(canonical(arm))}
    with atomic_dir(out) as work:
        write(found, phantom, arm, work, form)
        zarr_store.write_raw(work / "raw.zarr", found.raw)
        if form == "ismrmrd":
            raw_ismrmrd.to_ismrmrd(work / "raw.h5", arm.build(), found.raw, arm.scanner.name, arm.name)
        atomic_write_text(work / "scan.json", json.dumps(facts, indent=2, sort_keys=True) + "\n")
        save_slices(found.image, found.lesion_fraction, work / "picture.png")
    return out / "picture.png", _notices(found, phantom, arm)


@contextmanager
def _other_engine(arm: Arm) -> Iterator[None]:
    """Say which option takes the engine that follows every file, where phase graphs cannot follow a Pulseq file."""
    try:
        yield
    except ScannerError as error:
        p = arm.protocol
        if not (isinstance(p, MRProtocol) and p.sequence == "pulseq" and "phase graphs" in str(error)):
            raise
        raise ScannerError(f"{error}. Give --set protocol.engine=bloch") from error


def _notices(found: Scanned, phantom: Phantom, arm: Arm) -> list[str]:
    """What a person should know before looking at the image."""
    notices = []
    if "scan_time_s" in found.dose:
        notices.append(f"Scan time: {float(found.dose['scan_time_s']):.1f} s")
    if any(float(s.present) > 0 for s in phantom.lesions) and not found.lesion_fraction.any():
        notices.append("The phantom's lesion lies outside the slices; try --set protocol.centre_on=lesion")
    if arm.protocol.centre_on == "brain" and not brain_voxels(phantom).any():
        notices.append("The phantom has no brain for protocol.centre_on = brain; the slices lie about its middle")
    if isinstance(arm.protocol, MRProtocol):
        notices += _of_mr(arm.protocol, arm.reconstruction.method)
    if "truncated_mm" in found.dose:
        notices.append(
            f"The patient reaches out of the scan field ({found.dose['truncated_mm']:.0f} mm of tissue in an outermost"
            " column): HU are too high near the field's edge and nothing is reconstructed beyond it; a larger"
            " protocol.field_mm, if the scanner has it, would see the whole"
        )
    return notices


def _of_mr(p: MRProtocol, method: str) -> list[str]:
    notices = []
    spare = spare_echoes(p)
    if spare > SPARE * len(measured_pairs(p)):
        told = f"protocol.echo_train = {p.echo_train} does not divide the measured lines"
        notices.append(f"{told}: {spare} echoes read nothing")
    if method == "grappa" and p.acceleration * p.acceleration_z == 1:
        notices.append("No line is missing at acceleration 1: reconstruction.method = grappa does as fft does")
    return notices
