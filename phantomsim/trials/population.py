"""From a population's specification to one virtual patient."""

from __future__ import annotations

from phantomsim.generators.generate import generate, subjects
from phantomsim.generators.lesions.place import place
from phantomsim.phantom import Phantom
from phantomsim.trials.spec import Population


def make_patient(population: Population, seed: int, patient: int) -> Phantom:
    """One patient with its lesions present; the same whoever else is in the population.

    Raises:
        GeneratorError, FormatError, TissueError: the anatomy cannot be made.
        PlacementError: a lesion finds no place and its specification does not say to skip.
    """
    phantom = generate(population.generator, seed, patient)
    lesions = population.lesions_of(patient)
    return phantom if lesions is None else place(phantom, lesions, seed, patient)


def subject_names(population: Population) -> list[str]:
    """The source subject of every patient of the population, in order."""
    sources = subjects(population.generator)
    if sources is None:
        return [f"p{patient:05d}" for patient in range(population.patients)]
    return [sources[patient % len(sources)] for patient in range(population.patients)]
