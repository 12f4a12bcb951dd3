"""A worker process: takes batches of patients on standard input, leaves one part file per patient.

Started as `python -m phantomsim.trials.worker RUN_FOLDER` by `executors`; a cluster job may start it by hand
with patients as further arguments. A part file appears whole or not at all, so a killed worker loses no more
than the patients it was at.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from phantomsim.store import atomic_write_text
from phantomsim.trials.folder import RunFolder


def main(arguments: list[str]) -> int:
    """Work until standard input ends (or on the patients named as arguments)."""
    folder = RunFolder(Path(arguments[0]))
    if len(arguments) > 1:
        notices = [work(folder, patient) for patient in map(int, arguments[1:])]
        failed = [notice["error"] for notice in notices if "error" in notice]
        print(*failed, sep="\n", end="\n" if failed else "", file=sys.stderr)
        return 1 if failed else 0
    # What algorithms print must not mix with the protocol: keep the pipe, send stdout to the log.
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):  # whoever gave the work is gone; what is finished is kept
        for line in sys.stdin:
            for patient in json.loads(line)["patients"]:
                pipe.write(json.dumps(work(folder, patient)) + "\n")
    return 0


def work(folder: RunFolder, patient: int) -> dict[str, Any]:
    """One patient through all arms; writes its part and returns a short notice of it."""
    from phantomsim.errors import PhantomsimError
    from phantomsim.trials.patient import simulate_patient

    start = time.perf_counter()
    try:
        part, pictures = simulate_patient(folder.trial(), patient, folder.source())
    except MemoryError:
        return _failed(patient, "not enough memory; use fewer --workers or larger voxels", "TrialError")
    except (PhantomsimError, OSError) as error:
        return _failed(patient, str(error), type(error).__name__)
    part["seconds"] = round(time.perf_counter() - start, 3)
    part["peak_MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    try:
        if pictures:
            folder.write_pictures(patient, pictures)
        atomic_write_text(folder.part(patient), json.dumps(part, sort_keys=True))
    except (PhantomsimError, OSError) as error:
        return _failed(patient, str(error), "DiskError")
    return {"patient": patient, "seconds": part["seconds"], "peak_MiB": part["peak_MiB"], "subject": part["subject"]}


def _failed(patient: int, why: str, kind: str) -> dict[str, Any]:
    return {"patient": patient, "error": f"patient {patient}: {why.rstrip('.')}", "kind": kind}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
