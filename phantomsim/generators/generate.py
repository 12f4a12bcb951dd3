"""One door to all generators."""

from __future__ import annotations

from phantomsim.errors import GeneratorError
from phantomsim.formats.volume import stem
from phantomsim.generators.contrast import in_phase
from phantomsim.generators.contrast_spec import NATIVE
from phantomsim.generators.spec import Deformable, FromFiles, FromHU, FromMeshes, Procedural
from phantomsim.phantom import Phantom


def generate(spec: FromFiles | FromHU | FromMeshes | Procedural | Deformable, seed: int, patient: int) -> Phantom:
    """Make one patient, healthy; the same for the same arguments, whichever others are made.

    Args:
        spec: the generator.
        seed: of the population.
        patient: number, from 0.
    Returns:
        The phantom; `facts.subject` names its source, by which statistics cluster.
    Raises:
        GeneratorError, FormatError, TissueError: see the generators.
    """
    if isinstance(spec, FromFiles):
        from phantomsim.generators import from_files

        phantom = from_files.generate(spec, seed, patient)
    elif isinstance(spec, FromHU):
        from phantomsim.generators import from_hu

        phantom = from_hu.generate(spec, seed, patient)
    elif isinstance(spec, FromMeshes):
        from phantomsim.generators import from_meshes

        phantom = from_meshes.generate(spec, seed, patient)
    elif isinstance(spec, Deformable):
        from phantomsim.generators.deformable import generate as deformable

        phantom = deformable.generate(spec, seed, patient)
    else:
        from phantomsim.generators.procedural import generate as procedural

        phantom = procedural.generate(spec, seed, patient)
    if "air" in phantom.tissues and (phantom.label == phantom.tissue_index("air")).all():
        raise GeneratorError(
            f"patient {patient} ({phantom.facts.subject}) is all air; does the file hold labels other than 0, or HU?"
        )
    return in_phase(phantom, getattr(spec, "phase", NATIVE))


def subjects(spec: FromFiles | FromHU | FromMeshes | Procedural | Deformable) -> list[str] | None:
    """Names of the source subjects that patients are taken from in turn; None where every patient is new."""
    if isinstance(spec, FromFiles | FromHU):
        from phantomsim.generators import from_files

        return from_files.names(spec)
    if isinstance(spec, FromMeshes):
        from phantomsim.generators import from_meshes

        return [folder.name for folder in from_meshes.folders(spec)]
    if isinstance(spec, Deformable) and spec.carriers:
        from phantomsim.generators.deformable import anatomy, carriers

        return [stem(p) for p in carriers.files(anatomy.of(spec))]
    return None


def subject(spec: FromFiles | FromHU | FromMeshes | Procedural | Deformable, patient: int) -> str:
    """Name of one patient's source subject, without making the patient."""
    found = subjects(spec)
    return found[patient % len(found)] if found else f"p{patient:05d}"
