"""Outside code as a program: files in, files out, no shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from phantomsim.algorithms.interface import AlgorithmInput
from phantomsim.algorithms.spec import Command
from phantomsim.errors import AlgorithmError, FormatError

SUFFIX = {"nifti": ".nii.gz", "npz": ".npz"}
QUOTED_LINES = 12


def call(spec: Command, data: AlgorithmInput, folder: Path | None = None) -> Any:
    """Write the input's files, run the program, read its output file.

    Args:
        spec: argv and file format. `{input}` image, `{raw}` raw data (npz), `{meta}` sidecar (JSON: spacing, geometry,
            dose, seed, unit), `{output}` the file to write, `{folder}` the trial's folder, `{seed}` the seed.
        data: one scan; only the files that argv names are written.
        folder: the trial's folder; a program given by a relative path with a slash is looked up there.
    Returns:
        What `spec.returns` says: an array [z, y, x], boxes, a score or a table; not yet checked.
    Raises:
        AlgorithmError: no such program, an exit status other than 0, a missing or unreadable output.
    """
    with tempfile.TemporaryDirectory(prefix="phantomsim-") as name:
        work = Path(name)
        places = _places(spec, work, folder, data.seed)
        _write(spec, data, places)
        argv = [_fill(part, places) for part in spec.argv]
        if "/" in argv[0] and not os.path.isabs(argv[0]) and folder is not None:
            argv[0] = str(folder.resolve() / argv[0])
        _execute(argv, work, spec)
        return _read(spec, Path(places["output"]), data)


def _places(spec: Command, work: Path, folder: Path | None, seed: int) -> dict[str, str]:
    suffix = SUFFIX[spec.format]
    output = f"output{suffix}" if spec.returns in ("image", "mask") else "output.json"
    names = {"input": f"input{suffix}", "raw": "raw.npz", "meta": "meta.json", "output": output}
    places = {key: str(work / value) for key, value in names.items()}
    return {**places, "folder": str((folder or Path.cwd()).resolve()), "seed": str(seed)}


def _fill(part: str, places: dict[str, str]) -> str:
    for key, value in places.items():
        part = part.replace(f"{{{key}}}", value)
    return part


def _write(spec: Command, data: AlgorithmInput, places: dict[str, str]) -> None:
    """Only what argv names is written: raw data may be large."""
    text = " ".join(spec.argv)
    if "{input}" in text:
        if data.image is None:
            raise AlgorithmError(
                f"{spec.argv[0]}: {{input}} needs an image, but the arm gives raw data only; use {{raw}}"
            )
        if spec.format == "nifti":
            from phantomsim.formats import nifti

            nifti.write(Path(places["input"]), data.image, data.grid)
        else:
            np.savez(places["input"], image=data.image, spacing_mm=np.asarray(data.spacing_mm))
    if "{raw}" in text:
        if data.raw is None:
            raise AlgorithmError(f"{spec.argv[0]}: {{raw}} needs raw data, but the trial does not pass them on")
        arrays: dict[str, Any] = {key: np.asarray(value) for key, value in data.raw.arrays.items()}
        np.savez(places["raw"], **arrays)
    if "{meta}" in text:
        Path(places["meta"]).write_text(json.dumps(_meta(spec, data), indent=1, sort_keys=True, default=_plain))


def _meta(spec: Command, data: AlgorithmInput) -> dict[str, Any]:
    return {
        "shape": data.shape,
        "spacing_mm": data.spacing_mm,
        "geometry": dict(data.geometry),
        "dose": dict(data.dose),
        "seed": data.seed,
        "unit": data.unit,
        "modality": data.raw.modality if data.raw is not None else data.geometry.get("modality", ""),
        "returns": spec.returns,
    }


def _plain(value: Any) -> Any:
    """Arrays and array numbers as JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise AlgorithmError(f"geometry or dose holds {type(value).__name__}, which JSON cannot")


def _execute(argv: list[str], work: Path, spec: Command) -> None:
    """Run to the end in the private folder; its own process group, so that a time limit ends its children too."""
    log = work / "log.txt"
    try:
        with log.open("wb") as sink:
            process = subprocess.Popen(
                argv, cwd=work, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
            )
    except OSError as error:
        raise AlgorithmError(f"{spec.argv[0]}: cannot be started: {error.strerror or error}") from error
    try:
        status = process.wait(spec.timeout_s)
    except subprocess.TimeoutExpired as error:
        raise AlgorithmError(f"{spec.argv[0]}: ran past timeout_s = {spec.timeout_s:g}{_quote(log)}") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if status:
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        raise AlgorithmError(f"{spec.argv[0]}: {how}{_quote(log)}")


def _quote(log: Path) -> str:
    """The end of what the program printed; the private folder's name is left out, so that messages repeat."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        text = file.read().decode("utf-8", "replace").replace(str(log.parent), "<work>")
    lines = text.strip().splitlines()[-QUOTED_LINES:]
    return "; it printed:\n" + "\n".join(f"  | {line}" for line in lines) if lines else "; it printed nothing"


def _read(spec: Command, path: Path, data: AlgorithmInput) -> Any:
    if not path.is_file():
        raise AlgorithmError(f"{spec.argv[0]}: ended well but wrote no {path.name} at {{output}}")
    try:
        if path.suffix == ".json":
            return json.loads(path.read_text())
        return _read_npz(path, spec.returns) if spec.format == "npz" else _read_nifti(path, data)
    except (FormatError, OSError, ValueError, KeyError) as error:
        text = str(error).replace(str(path.parent), "<work>")
        raise AlgorithmError(f"{spec.argv[0]}: cannot read its {path.name}: {text}") from error


def _read_npz(path: Path, returns: str) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        if returns not in file:
            raise KeyError(f'no array "{returns}" in it; it has {", ".join(file.files) or "none"}')
        return file[returns]


def _read_nifti(path: Path, data: AlgorithmInput) -> np.ndarray:
    from phantomsim.formats import nifti

    array, grid = nifti.read(path)
    ours = data.grid
    if grid.shape != ours.shape or not np.allclose(grid.affine, ours.affine, atol=0.01):
        raise ValueError(f"it lies on another grid: shape {grid.shape}, affine {grid.affine.round(3).tolist()}")
    return array
