"""Ours and the peers' projectors side by side, in one run: the same work, time beside error and memory.

    python benchmarks/ct_peers.py                        # everything that is installed
    python benchmarks/ct_peers.py --cases fan512 cone128 --repeat 5 --json run.json

Every program is a process of its own, one after the other, and peers run in their own environments, named by
`$CT_PEERS_ASTRA`, `$CT_PEERS_CATSIM`, `$CT_PEERS_MBIRJAX` (paths of a python; see benchmarks/README.md). A program
that is not there is left out, and said so. Errors are RMSE over the peak of the exact line integrals: of rays for
programs that follow rays, of cells for those that average over cells.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = {
    "phantomsim": ("ours.py", sys.executable, ("fan512", "cone128", "cone256", "tiny")),
    "astra": ("astra_cpu.py", os.environ.get("CT_PEERS_ASTRA"), ("fan512",)),
    "catsim": ("catsim_dd3.py", os.environ.get("CT_PEERS_CATSIM"), ("fan512", "cone128", "cone256", "tiny")),
    "mbirjax": ("mbirjax_cone.py", os.environ.get("CT_PEERS_MBIRJAX"), ("cone128", "cone256", "tiny")),
}
POPULATION = ("1", "4", "8", "16", "32")
COLUMNS = "| case | task | program | median [s] | ours is faster by | peak [MiB] | gaussians | ellipsoids |"


def run(program: str, case: str, repeat: int, *more: str) -> list[dict]:
    """What a program found, one dict per task; none if it failed, which is said."""
    script, python, _ = PROGRAMS[program]
    if not python:
        return []
    command = [python, str(HERE / "peers" / script), case, str(repeat), *more]
    print(f"{case} {program} ...", file=sys.stderr, flush=True)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{program} {case}: {(done.stderr or 'failed').strip().splitlines()[-1]}", file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def row(one: dict, ours: dict[tuple, float]) -> str:
    """A line of the table; the ratio is with ours of the same case, task and model."""
    base = ours.get((one["case"], one["task"], one["model"]))
    ratio = "" if base is None or one["program"].startswith("phantomsim") else f"{one['median_s'] / base:.1f}"
    errors = [one.get(f"rmse_{kind}_{one['model']}") for kind in ("gaussians", "ellipsoids")]
    shown = " | ".join("" if e is None else f"{e:.1e}" for e in errors)
    cells = f"{one['case']} | {one['task']} | {one['program']} | {one['median_s']:.3g} | {ratio}"
    return f"| {cells} | {one['peak_MiB']:.0f} | {shown} |"


def main() -> None:
    """Run, print a table in Markdown, and write all figures as JSON if asked."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--cases", nargs="+", default=["fan512", "cone128", "cone256"])
    options.add_argument("--programs", nargs="+", default=list(PROGRAMS))
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--population", action="store_true", help="also 1 to 32 volumes at once (cone128)")
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    absent = [p for p in chosen.programs if not PROGRAMS[p][1]]
    with tempfile.TemporaryDirectory() as cache:
        os.environ.setdefault("CT_PEERS_CACHE", cache)
        wanted = [(p, c) for c in chosen.cases for p in chosen.programs if c in PROGRAMS[p][2]]
        found = [one for program, case in wanted for one in run(program, case, chosen.repeat)]
        if chosen.population:
            found += run("phantomsim", "cone128", chosen.repeat, *POPULATION)
    ours = {(o["case"], o["task"], o["model"]): o["median_s"] for o in found if o["program"].startswith("phantomsim")}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; not installed: {', '.join(absent) or 'none'}")
    print(COLUMNS + "\n" + "|" + " --- |" * COLUMNS.count(" | ") + " --- |")
    print("\n".join(row(one, ours) for one in found))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
