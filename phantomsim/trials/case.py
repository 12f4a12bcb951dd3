"""One case: a patient, with or without its lesion, through one arm."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from phantomsim.algorithms.interface import AlgorithmInput, AlgorithmOutput
from phantomsim.algorithms.run import run as run_algorithm
from phantomsim.errors import AlgorithmError
from phantomsim.generators.lesions.truth import fraction_on
from phantomsim.image import Image, RawData
from phantomsim.keys import Stream, acquisition_key, hash32, patient_key
from phantomsim.phantom import Phantom
from phantomsim.scanners.position import isocentre
from phantomsim.spec import canonical
from phantomsim.trials.population import make_patient
from phantomsim.trials.spec import Arm, Trial


@dataclass(frozen=True)
class Case:
    """What one arm made of one patient.

    Attributes:
        image: the reconstruction that the algorithm was given.
        output: what the algorithm made of it; None if it failed.
        failure: why it failed; empty if it did not.
        noise_free: the same reconstruction without noise.
        template: noise-free present minus absent reconstruction; zero without lesions.
        lesion_fraction: volume fraction of the lesion on the image's grid, also for the absent twin.
        dose: what the scan cost (mAs, CTDIvol_mGy, scan_time_s, ...).
    """

    patient: int
    subject: str
    arm: str
    present: bool
    image: Image
    output: AlgorithmOutput | None
    failure: str
    noise_free: Image
    template: np.ndarray
    lesion_fraction: np.ndarray
    dose: dict[str, float | str]


@dataclass
class Imaging:
    """One patient at the scanners; keeps what several arms share (expected data, raw data).

    Attributes:
        arms: those that will be asked for; their images are made together where that is cheaper.
        folder: where outside algorithms are looked for, the trial file's as a rule; None: the current folder.
    """

    trial: Trial
    patient: int
    phantom: Phantom
    arms: tuple[Arm, ...]
    folder: Path | None = None
    _kept: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    @classmethod
    def of(cls, trial: Trial, patient: int, arms: tuple[Arm, ...] | None = None, folder: Path | None = None) -> Imaging:
        """Make the patient and put it before the scanners of some arms, or of all."""
        phantom = make_patient(trial.population, trial.seed, patient)
        return cls(trial, patient, phantom, trial.arms if arms is None else arms, folder)

    def _once(self, key: tuple[Any, ...], make: Any) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def _scan(self, arm: Arm) -> Any:
        return self._once(("scan", canonical(arm.scanner), canonical(arm.protocol)), arm.build)

    def _expected(self, arm: Arm, present: bool) -> Any:
        scan = self._scan(arm)

        where = self._isocentre(arm)

        def make() -> Any:
            key = patient_key(self.trial.seed, self.patient, Stream.TISSUE)
            return scan.expected(self.phantom.with_lesions(present), where, key)

        return self._once(("expected", scan.expected_id, where, present), make)

    def _isocentre(self, arm: Arm) -> tuple[float, float, float]:
        on = arm.protocol.centre_on
        return self._once(("isocentre", on), lambda: isocentre(self.phantom, on))

    def raw(self, arm: Arm, present: bool) -> RawData:
        """The noisy measurement; arms that differ in the algorithm alone share it."""
        scan_hash = hash32(canonical(arm.scanner) + canonical(arm.protocol))
        key = acquisition_key(self.trial.seed, self.patient, scan_hash, present)
        return self._once(
            ("raw", scan_hash, present), lambda: self._scan(arm).acquire(self._expected(arm, present), key)
        )

    def image(self, arm: Arm, present: bool) -> Image:
        """The reconstruction of the noisy measurement."""
        return self._images(arm)[arm.name, present]

    def noise_free(self, arm: Arm, present: bool) -> Image:
        """The reconstruction at infinite dose."""
        return self._images(arm)["", present]

    def _images(self, arm: Arm) -> dict[tuple[str, bool], Image]:
        """Images of all arms that share noise-free image and reconstruction, made together; "" is without noise."""
        group = self._group(arm)

        def make() -> dict[tuple[str, bool], Image]:
            scan = self._scan(arm)
            alike = [a for a in self.arms if self._group(a) == group]
            twins = (True, False) if self.phantom.lesions else (False,)
            raws = {(a.name, p): self.raw(a, p) for a in alike for p in twins}
            raws |= {("", p): scan.noise_free(self._expected(arm, p)) for p in twins}
            once = {id(raw): raw for raw in raws.values()}
            images = dict(zip(once, scan.reconstruct_all(list(once.values()), arm.reconstruction)))
            return {name: images[id(raw)] for name, raw in raws.items()}

        return self._once(("images", *group), make)

    def _group(self, arm: Arm) -> tuple[Any, ...]:
        return self._scan(arm).noise_free_id, self._isocentre(arm), canonical(arm.reconstruction)

    def dose(self, arm: Arm) -> dict[str, float | str]:
        """What one scan of an arm costs; the patient without its lesion decides where it depends on the patient."""
        return self._scan(arm).dose(self._expected(arm, False))

    def case(self, arm: Arm, present: bool) -> Case:
        """The patient, with or without its lesion, through one arm."""
        raw, image, dose = self.raw(arm, present), self.image(arm, present), self.dose(arm)
        output, failure = self._process(arm, present, image, raw, dose)
        clean = self.noise_free(arm, present)
        twins = [self.noise_free(arm, p) for p in (True, False)] if self.phantom.lesions else [clean, clean]
        return Case(
            patient=self.patient,
            subject=self.phantom.facts.subject,
            arm=arm.name,
            present=present,
            image=image,
            output=output,
            failure=failure,
            noise_free=clean,
            template=np.asarray(twins[0].values) - np.asarray(twins[1].values),
            lesion_fraction=np.asarray(fraction_on(self.phantom, image.grid)),
            dose=dose,
        )

    def _process(
        self, arm: Arm, present: bool, image: Image, raw: RawData, dose: dict[str, float | str]
    ) -> tuple[AlgorithmOutput | None, str]:
        key = jax.random.fold_in(patient_key(self.trial.seed, self.patient, Stream.ALGORITHM), int(present))
        given = AlgorithmInput(
            image=np.asarray(image.values),
            raw=raw,
            spacing_mm=tuple(float(s) for s in image.grid.spacing_mm),  # type: ignore[arg-type]
            geometry=geometry_of(image, raw),
            dose=dict(dose),
            seed=int(jax.random.bits(key, dtype="uint32")),
            unit=image.unit,
        )
        try:
            return run_algorithm(arm.algorithm, given, self.folder), ""
        except AlgorithmError as error:
            return None, str(error)


def geometry_of(image: Image, raw: RawData) -> dict[str, Any]:
    """What an algorithm may know of where its image lies."""
    return {
        "shape": list(image.grid.shape),
        "origin_mm": [float(o) for o in image.grid.origin_mm],
        "direction": [list(map(float, row)) for row in image.grid.direction],
        "modality": raw.modality,
    }


def simulate_case(trial: Trial, arm: str | Arm, patient: int, present: bool = True, folder: Path | None = None) -> Case:
    """Anatomy, lesion, acquisition, reconstruction and algorithm of one case, made alone.

    Args:
        arm: an arm of the trial, or its name.
        patient: index into the population; any number from 0, independent of the population's size.
        present: with the lesion, or the twin without.
        folder: where outside algorithms are looked for; None: the current folder.
    """
    one = trial.arm(arm) if isinstance(arm, str) else arm
    return Imaging.of(trial, patient, (one,), folder).case(one, present)
