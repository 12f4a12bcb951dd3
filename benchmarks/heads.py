"""The figures that deformable heads are held to, on any folder of heads.

    python benchmarks/heads.py --data FOLDER [--generator head-deformable] [--patients 200] [--painted 90] [--json FILE]

Heads named in the model's `held_out` are used to audit registration and rebuilding; all heads are compared with what is
made. Nothing is tuned here: a target that is missed is printed as missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import astuple
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from scipy.stats import wasserstein_distance

from phantomsim import spec as specs
from phantomsim.formats.volume import stem
from phantomsim.generators.deformable import affine, anatomy, audit, carriers, generate, measure, unseen
from phantomsim.generators.deformable.spec import Deformable

COMPARED = ("icv_mL", "brain_mL", "ventricles_mL", "vault_mm", "girth_mm")
PIECES = "pieces_lateral-ventricle"
PAINTED_MM, COPIES = 1.0, 8
CLOSE = {"icv_mL": 20.0, "ventricles_mL": 3.0, "vault_mm": 0.3}


class Made(NamedTuple):
    """Made heads: measures, carriers, label maps of the first, covariates, maps, seconds a head once compiled."""

    rows: list[dict[str, float]]
    who: list[str]
    labels: list[np.ndarray]
    asked: list[dict[str, float | str]]
    folding: audit.Folding
    seconds: float


class Rows:
    """Prints each figure as it comes and keeps it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def __call__(self, what: str, expected: str, measured: object, met: bool | None = None) -> None:
        mark = {True: "met", False: "MISSED", None: ""}[None if met is None else bool(met)]
        print(f"{what:66s} {expected:>26s} {measured!s:>26s}  {mark}", flush=True)
        self.rows.append({"what": what, "expected": expected, "measured": str(measured), "met": mark})


def held_out(a: anatomy.Anatomy, paths: dict[str, Path], row: Rows) -> None:
    """Registration and rebuilding of heads that the model has not seen."""
    for name in [n for n in a.model.about["held_out"] if n in paths]:  # type: ignore[union-attr]
        found = audit.rebuild(a, paths[name])
        for how, least in (("affine", None), ("direct", 0.80), ("latent", 0.73), ("components", None)):
            value = float(found.dice[how][1:].mean())
            row(
                f"{name}: Dice, {how}",
                f">= {least}" if least else "",
                f"{value:.3f}",
                value >= least if least else None,
            )
        by_group = ", ".join(f"{g.name} {d:.2f}" for g, d in zip(a.spec.groups, found.dice["direct"]))
        print(f"  direct: {by_group}")
        for name_of, close in CLOSE.items():
            real, made = found.real[name_of], found.rebuilt[name_of]
            row(f"{name}: rebuilt {name_of}", f"{real:.2f} +- {close:g}", f"{made:.2f}", abs(made - real) <= close)


def folds(found: list[audit.Folding], row: Rows) -> None:
    """Jacobians of the composed maps of several sets of patients."""
    patients, damped, redrawn, least = (list(x) for x in zip(*(astuple(f) for f in found)))
    row(f"least Jacobian of {sum(patients)} composed maps", "> 0", f"{min(least):.3f}", min(least) > 0)
    row("patients damped; drawn anew", "reported", f"{sum(damped)}; {sum(redrawn)}")


def real(a: anatomy.Anatomy, paths: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Measures of all real heads, turned to the mean's pose; volumes with what lies beyond a cropped field of view."""
    rows, names = {}, tuple(a.spec.quantities)
    parts = a.parts(a.groups, names)
    for name, path in paths.items():
        someone, fine = carriers.read(a, path), carriers.fine(a, path)
        rotation, _ = affine.polar(np.asarray(fine.pose.matrix))
        label, spacing = someone.label, someone.grid.spacing_mm
        found = measure.measure(a.spec, a.model.structures, a.of_structure, label, spacing, rotation)
        beyond = unseen.volumes_mL(parts, a.model.lattice, someone, fine.pose, fine.velocity)
        rows[name] = found | {q: found[q] + float(more) for q, more in zip(names, beyond)}
    return rows


def made(a: anatomy.Anatomy, patients: int, seed: int) -> Made:
    """Measures of made heads, their carriers, label maps, and seconds a head once compiled."""
    rows, who, labels, asked, maps, seconds = [], [], [], [], [], []
    for patient in range(patients):
        start = time.time()
        ready = generate.prepared(a, seed, patient)
        label, _ = generate.painted(a, ready)
        seconds.append(time.time() - start)
        rows.append(measure.measure(a.spec, a.model.structures, a.of_structure, label, (a.spec.voxel_mm,) * 3))
        who.append(ready.fine.subject)
        asked.append(ready.facts)
        maps.append((ready.found.damped > 0, ready.found.redrawn > 0, ready.found.least_jacobian))
        if len(labels) < COPIES:
            labels.append(label)
    damped, redrawn, least = zip(*maps)
    folding = audit.Folding(patients, sum(damped), sum(redrawn), min(least))
    return Made(rows, who, labels, asked, folding, float(np.median(seconds[1:] or seconds)))


def spread(found: list[dict[str, float]], truth: dict[str, dict[str, float]], row: Rows, what: str) -> None:
    """Wasserstein distances of measures, beside what two draws of the real heads have."""
    for key in COMPARED:
        r, m = [t[key] for t in truth.values()], [f[key] for f in found]
        limit = audit.wasserstein_range(r, 1, len(m))
        d = wasserstein_distance(r, m)
        values = f"{d:.2f} ({np.mean(m):.1f} +- {np.std(m, ddof=1):.1f})"
        row(
            f"{what}: Wasserstein of {key}, real {np.mean(r):.1f} +- {np.std(r, ddof=1):.1f}",
            f"<= {limit:.2f}",
            values,
            d <= limit,
        )


def copies(a: anatomy.Anatomy, labels: list[np.ndarray], people: list, poses: list, row: Rows) -> None:
    """Dice with the nearest head trained on, beside that of real heads with their nearest other."""
    first = np.array([axis[0] for axis in generate.voxels(a.spec).axes()])
    spacing = np.full(3, a.spec.voxel_mm)
    nearest = [audit.likeness(a, label, first, spacing, people, poses).max() for label in labels]
    others = []
    for i, someone in enumerate(people):
        rest = [k for k in range(len(people)) if k != i]
        mine = (someone.label, someone.first_mm, np.array(someone.grid.spacing_mm))
        others.append(audit.likeness(a, *mine, [people[k] for k in rest], [poses[k] for k in rest], poses[i]).max())
    row(
        "Dice with the nearest head trained on (real with its nearest other)",
        f"{np.mean(others):.2f} ({max(others):.2f})",
        f"{np.mean(nearest):.2f} ({max(nearest):.2f})",
    )


def published(found: list[dict[str, float]], spec: Deformable, asked: list[dict[str, float | str]], row: Rows) -> None:
    """Asked and realised covariates, and the laws that they were drawn from."""
    for name in spec.covariates:
        wanted = np.array([float(x[name]) for x in asked])
        got = np.array([f[name] for f in found])
        error = got - wanted
        row(f"{name}: realised less asked, mean +- SD", "0", f"{error.mean():.2f} +- {error.std(ddof=1):.2f}")
    for sex in ("female", "male"):
        law = spec.covariates["icv_mL"]
        got = [f["icv_mL"] for f, x in zip(found, asked) if x["sex"] == sex]
        mean, sd = law.mean[sex], law.sd[sex]  # type: ignore[index]
        close = abs(np.mean(got) - mean) <= max(0.05 * mean, 3 * sd / np.sqrt(len(got)))
        row(
            f"ICV of {len(got)} asked-for patients, {sex}, Matsumae 1996 [mL]",
            f"{mean:.0f} +- {sd:.0f}",
            f"{np.mean(got):.0f} +- {np.std(got, ddof=1):.0f}",
            bool(close),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--generator", default="head-deformable")
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--painted", type=int, default=90)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    row = Rows()
    base = specs.read(given.generator, Deformable)
    plain = base.model_copy(update={"covariates": {}, "voxel_mm": PAINTED_MM})
    with_carriers = plain.model_copy(update={"carriers": str(given.data)})
    asked = base.model_copy(update={"carriers": str(given.data)})
    paths = {stem(p): p for p in sorted(given.data.glob(base.pattern))}
    print(f"device {jax.devices()[0].platform}; heads {len(paths)}; {'figure':66s}")
    a = anatomy.of(with_carriers)
    held_out(a, paths, row)
    truth = real(a, paths)
    ours = made(a, given.painted, 1)
    row(
        f"seconds a head at {PAINTED_MM:g} mm, carrier, once compiled", "< 15", f"{ours.seconds:.1f}", ours.seconds < 15
    )
    spread(ours.rows, truth, row, "as trained, carriers")
    share = audit.carriers_share([f["vault_mm"] for f in ours.rows], ours.who)
    row("carrier's share of vault thickness's variance (omega squared)", "<= 0.40", f"{share:.2f}", share <= 0.4)
    pieces, theirs = [f[PIECES] for f in ours.rows], [t[PIECES] for t in truth.values()]
    row(
        "pieces of the lateral ventricles, mean (most)",
        f"{np.mean(theirs):.1f} ({max(theirs):.0f})",
        f"{np.mean(pieces):.1f} ({max(pieces):.0f})",
        bool(np.mean(pieces) <= np.mean(theirs)),
    )
    people = [carriers.read(a, p) for n, p in paths.items() if n in a.model.about["people"]]  # type: ignore[operator]
    copies(a, ours.labels, people, [carriers.fine(a, paths[p.name]).pose for p in people], row)
    means = made(anatomy.of(plain), max(4, given.painted // 4), 2)
    row(f"seconds a head at {PAINTED_MM:g} mm, mean anatomy", "< 15", f"{means.seconds:.1f}", means.seconds < 15)
    spread(means.rows, truth, row, "as trained, mean anatomy")
    wanted = made(anatomy.of(asked), max(4, given.painted // 2), 3)
    published(wanted.rows, base, wanted.asked, row)
    found = [ours.folding, means.folding, wanted.folding]
    if (rest := given.patients - sum(f.patients for f in found)) > 0:
        found += [audit.folding(a, rest - rest // 2, 100), audit.folding(anatomy.of(asked), rest // 2, 100)]
    folds(found, row)
    if given.json:
        given.json.write_text(json.dumps(row.rows, indent=1))
    sys.exit(any(r["met"] == "MISSED" for r in row.rows))


if __name__ == "__main__":
    main()
