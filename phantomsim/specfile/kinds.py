"""Which model reads which file: by the top-level key `kind`, and by the noun that `phantomsim schema` takes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: `kind` of a file -> where its model is; imported only when asked for.
KINDS = {
    "trial": "phantomsim.trials.spec:Trial",
    "from-files": "phantomsim.generators.spec:FromFiles",
    "from-hu": "phantomsim.generators.spec:FromHU",
    "from-meshes": "phantomsim.generators.meshes_spec:FromMeshes",
    "procedural": "phantomsim.generators.spec:Procedural",
    "deformable": "phantomsim.generators.deformable.spec:Deformable",
    "lesion": "phantomsim.generators.lesions.kind_spec:LesionKind",
    "phase": "phantomsim.generators.contrast_spec:Phase",
    "ct": "phantomsim.scanners.ct.spec:CTScanner",
    "mr": "phantomsim.scanners.mr.spec:MRScanner",
}

#: Files without `kind` that are parts of others, known by keys that only they have.
PARTS = {frozenset({"tissues", "ids"}): "phantomsim.generators.labels_spec:LabelTable"}

#: Noun -> the models (a union where there are several) whose schema it has.
NOUNS = {
    "trial": ("phantomsim.trials.spec:Trial",),
    "generator": ("phantomsim.generators.spec:Generator",),
    "scanner": (KINDS["ct"], KINDS["mr"]),
    "ct-scanner": (KINDS["ct"],),
    "mr-scanner": (KINDS["mr"],),
    "labels": tuple(PARTS.values()),
    "lesions": ("phantomsim.generators.lesions.spec:Lesions",),
    "lesion-kind": (KINDS["lesion"],),
    "phase": (KINDS["phase"],),
    "algorithm": ("phantomsim.algorithms.spec:Algorithm",),
    "reader": ("phantomsim.trials.readers.spec:Reader",),
}


def load(where: str) -> Any:
    """The object at `module:name`."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


def model(noun: str) -> Any:
    """The model of a noun; a union told apart by `kind` where there are several."""
    from typing import Annotated, Union

    import pydantic

    models = tuple(load(where) for where in NOUNS[noun])
    return models[0] if len(models) == 1 else Annotated[Union[models], pydantic.Field(discriminator="kind")]  # noqa: UP007


def schema(noun: str) -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a noun's files."""
    import pydantic

    found = pydantic.TypeAdapter(model(noun)).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": noun, **found}
