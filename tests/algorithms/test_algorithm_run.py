"""What an algorithm may see, what it may give back, and what happens when it does not."""

import dataclasses
import sys
import textwrap
from importlib import metadata
from typing import Annotated

import numpy as np
import pydantic
import pytest

from phantomsim.algorithms.interface import AlgorithmInput, AlgorithmOutput
from phantomsim.algorithms.run import ensure, run
from phantomsim.algorithms.spec import Algorithm, Command, EntryPoint, Gaussian, Identity, NonLocalMeans, PythonCall
from phantomsim.errors import AlgorithmError, SpecError
from phantomsim.image import RawData
from phantomsim.spec import Shorthand, Spec, read


class OneArm(Spec):
    """As a trial's arm holds it."""

    algorithm: Annotated[Algorithm, Shorthand("kind")] = Identity()


PARSE = pydantic.TypeAdapter(Algorithm).validate_python


@pytest.fixture
def data():
    image = np.random.default_rng(0).normal(40, 10, (3, 6, 5)).astype(np.float32)
    raw = RawData({"counts": np.arange(6.0).reshape(1, 2, 3)})
    geometry = {"origin_mm": [-10.0, 5.0, 30.0], "modality": "ct"}
    return AlgorithmInput(image, raw, (2.5, 0.5, 0.75), geometry, {"mAs": 20.0}, seed=123, unit="HU")


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A folder with a user's module in it, whose name no other test uses."""
    name = f"user_{tmp_path.name.replace('-', '_')}"
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda text: (tmp_path / f"{name}.py").write_text(textwrap.dedent(text)) and name
    sys.modules.pop(name, None)


def test_fields_of_the_input_hold_no_truth():
    names = {field.name for field in dataclasses.fields(AlgorithmInput)}
    assert names == {"image", "raw", "spacing_mm", "geometry", "dose", "seed", "unit"}


@pytest.mark.parametrize("spec", [Identity(), Gaussian(fwhm_mm=2), NonLocalMeans(patch_radius=1, search_radius=1)])
def test_built_ins_give_an_image_on_the_same_grid(spec, data):
    out = run(spec, data)
    assert out.image.shape == data.shape
    assert out.image.dtype == np.float32


def test_identity_is_the_identity(data):
    np.testing.assert_array_equal(run(Identity(), data).image, data.image)


def test_names_stand_for_tables():
    assert PARSE("identity") == Identity()
    assert PARSE({"kind": "gaussian"}) == Gaussian()
    assert PARSE("pkg.mod:fn") == PythonCall(call="pkg.mod:fn") == PARSE({"kind": "pkg.mod:fn"})
    with pytest.raises(pydantic.ValidationError, match='did you mean "gaussian"'):
        PARSE("gausian")
    assert hash(PARSE({"kind": "python", "call": "a:b", "parameters": {"x": [1, 2]}}))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "gaussian", "fwhm_mm": -1}, "greater than or equal to 0"),
        ({"kind": "gaussian", "fwhm": 1}, "Extra inputs"),
        ({"kind": "python", "call": "module.function"}, 'not of the form "module:function"'),
        ({"kind": "command", "argv": ["denoise", "{inptu}", "{output}"]}, "unknown placeholder {inptu}"),
        ({"kind": "command", "argv": ["denoise", "{input}"]}, "must name {output}"),
    ],
)
def test_wrong_specs_say_what_is_allowed(table, message):
    with pytest.raises(pydantic.ValidationError, match=message.replace("{", r"\{")):
        PARSE(table)


def test_python_function_gets_scan_and_parameters(module, tmp_path, data):
    name = module("""
        def shift(data, by=0.0):
            assert data.dose["mAs"] == 20.0 and data.unit == "HU" and data.raw.arrays["counts"].shape == (1, 2, 3)
            return data.image + by
    """)
    spec = PythonCall(call=f"{name}:shift", parameters={"by": 5.0})
    ensure(spec, tmp_path)
    np.testing.assert_allclose(run(spec, data, tmp_path).image, data.image + 5)


def test_an_algorithm_cannot_change_what_other_arms_see(module, tmp_path, data):
    name = module("""
        def greedy(data):
            data.image[:] = 0
            try:
                data.raw.arrays["counts"][:] = 0
            except ValueError:
                return data.image
    """)
    before = data.image.copy()
    assert not run(PythonCall(call=f"{name}:greedy"), data, tmp_path).image.any()
    np.testing.assert_array_equal(data.image, before)
    assert data.raw.arrays["counts"].sum() == 15


def test_global_generators_are_seeded_and_put_back(module, tmp_path, data):
    name = module("""
        import random
        import numpy as np
        def noisy(data):
            return data.image + np.random.normal(size=data.shape) + random.random()
    """)
    spec = PythonCall(call=f"{name}:noisy")
    np.random.seed(5)  # noqa: NPY002
    first = run(spec, data, tmp_path).image
    np.random.seed(6)  # noqa: NPY002
    ours = np.random.get_state()[1].copy()  # noqa: NPY002
    np.testing.assert_array_equal(run(spec, data, tmp_path).image, first)
    np.testing.assert_array_equal(np.random.get_state()[1], ours)  # noqa: NPY002
    other = run(spec, dataclasses.replace(data, seed=124), tmp_path).image
    assert np.abs(other - first).max() > 0.1


@pytest.mark.parametrize(
    ("body", "returns", "message"),
    [
        ("return data.image[:-1]", "image", r"shape \(2, 6, 5\); must be \(3, 6, 5\)"),
        ("return data.image * float('nan')", "image", "90 of 90 voxels that are not finite"),
        ("return data.image.astype(complex)", "image", "type complex128"),
        ("return data.image.astype(float) * 1e300", "image", "beyond the range of float32"),
        ("return None", "image", 'returned nothing; the trial says returns = "image"'),
        ("return data.image", "mask", "besides 0 and 1"),
        ("return float('inf')", "score", "must be one finite number"),
        ("return [[0, 0, 0, 0, 1, 1, .5]]", "boxes", "ends before it begins"),
        ("return [1, 2]", "boxes", r"\[N, 7\]"),
        ("return {'a': float('nan')}", "table", "table.a is nan"),
        ("raise RuntimeError('out of luck')", "image", r"RuntimeError: out of luck \(user_.*\.py:3\)"),
    ],
)
def test_unusable_outputs_are_failures(module, tmp_path, data, body, returns, message):
    name = module(f"""
        def f(data):
            {body}
    """)
    with pytest.raises(AlgorithmError, match=message):
        run(PythonCall(call=f"{name}:f", returns=returns), data, tmp_path)


def test_every_product_arrives(module, tmp_path, data):
    name = module("""
        import numpy as np
        from phantomsim.algorithms.interface import AlgorithmOutput
        def f(data):
            m = data.image > 40
            return AlgorithmOutput(mask=m, score=np.float32(m.mean()), boxes=[], table={"n": m.sum()})
    """)
    out = run(PythonCall(call=f"{name}:f", returns="mask"), data, tmp_path)
    assert isinstance(out, AlgorithmOutput)
    assert (out.mask.dtype, out.boxes.shape, out.table["n"]) == (bool, (0, 7), int(out.mask.sum()))
    with pytest.raises(AlgorithmError, match=r'returned mask and boxes and score and table; .* returns = "image"'):
        run(PythonCall(call=f"{name}:f"), data, tmp_path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("no_such_module_here:f", 'no module "no_such_module_here" in '),
        ("math:no_such", 'math has no "no_such"'),
        ("math:pi", "pi is float, not a function"),
    ],
)
def test_missing_functions_are_found_before_the_first_scan(tmp_path, monkeypatch, call, message):
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(AlgorithmError, match=message):
        ensure(PythonCall(call=call), tmp_path)


def test_a_module_that_another_hides_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "math.py").write_text("def f(data): return data.image")
    with pytest.raises(AlgorithmError, match=r"is hidden by .*; rename it"):
        ensure(PythonCall(call="math:f"), tmp_path)


def test_entry_points_are_found_by_name(monkeypatch, module, tmp_path, data):
    name = module("def f(data, gain=1.0): return data.image * gain")
    monkeypatch.syspath_prepend(tmp_path)
    point = metadata.EntryPoint("doubler", f"{name}:f", "phantomsim.algorithms")
    points = metadata.EntryPoints([point])
    monkeypatch.setattr(metadata, "entry_points", lambda **wanted: points.select(**wanted))
    assert PARSE("doubler") == EntryPoint(name="doubler")
    np.testing.assert_allclose(run(EntryPoint(name="doubler", parameters={"gain": 2}), data).image, 2 * data.image)
    with pytest.raises(AlgorithmError, match='nearest: "doubler"'):
        ensure(EntryPoint(name="dubler"))


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ('"gaussian"', Gaussian()),
        ('{kind = "gaussian", fwhm_mm = 3}', Gaussian(fwhm_mm=3.0)),
        ('"mine:f"', PythonCall(call="mine:f")),
        ('{kind = "python", call = "mine:f", parameters = {a = [1, 2.5], b = "x"}}',
         PythonCall(call="mine:f", parameters={"a": [1, 2.5], "b": "x"})),
        ('{kind = "command", argv = ["x", "{input}", "{output}"], timeout_s = 5}',
         Command(argv=("x", "{input}", "{output}"), timeout_s=5.0)),
    ],
)  # fmt: skip
def test_files_say_the_same_as_python(tmp_path, text, spec):
    (tmp_path / "arm.toml").write_text(f"algorithm = {text}")
    assert read(tmp_path / "arm.toml", OneArm).algorithm == spec


def test_a_wrong_placeholder_is_told_where_it_stands(tmp_path):
    (tmp_path / "arm.toml").write_text('algorithm = {kind = "command", argv = ["x", "{inptu}", "{output}"]}')
    with pytest.raises(SpecError, match=r"arm.toml:1:\d+: algorithm.argv: unknown placeholder \{inptu\}; allowed"):
        read(tmp_path / "arm.toml", OneArm)


def test_commands_never_see_a_shell():
    spec = Command(argv=("sh", "-c", "true", "{input}", "{output}"))
    assert spec.timeout_s is None
