"""Compiled code is kept in the user's cache folder, unless the user says otherwise."""

import os
import subprocess
import sys

import pytest

from phantomsim import compiled

SLOW = """
from phantomsim import compiled
compiled.keep()
import jax, jax.numpy as jnp
jax.jit(lambda x: jnp.sort(jnp.linalg.eigh(x @ x.T)[0]))(jnp.ones((4, 4)))
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_a_program_leaves_what_it_compiled(home):
    plain = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    environment = plain | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    subprocess.run([sys.executable, "-c", SLOW], check=True, env=environment, timeout=120)
    assert list(compiled.folder().glob("*cache"))
    assert compiled.folder().is_relative_to(home)


@pytest.mark.parametrize("name", ["JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"])
def test_the_users_choice_stands(home, name):
    environment = {name: "0"}
    compiled.keep(environment)
    assert environment == {name: "0"}


def test_without_a_place_nothing_is_kept(home):
    home.joinpath("phantomsim").write_text("a file")
    environment: dict[str, str] = {}
    compiled.keep(environment)
    assert environment == {}


WAITING = """
import sys, time
from phantomsim import compiled
with compiled.turn("body"):
    print("in", time.time(), flush=True)
    time.sleep(1.0)
    print("out", time.time(), flush=True)
start = time.perf_counter()
with compiled.turn("body"):
    pass
print("again", time.perf_counter() - start)
"""


def test_processes_that_start_together_compile_one_after_the_other(tmp_path):
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "made")}
    crew = [subprocess.Popen([sys.executable, "-c", WAITING], stdout=-1, text=True, env=environment) for _ in range(2)]
    told = [dict(line.split() for line in p.communicate(timeout=120)[0].splitlines()) for p in crew]
    first, second = sorted(told, key=lambda t: float(t["in"]))
    assert float(second["in"]) >= float(first["out"])
    assert all(float(t["again"]) < 0.5 for t in told)  # what was compiled once has no turn to wait for


def test_where_no_turn_can_be_taken_work_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "file"))
    with compiled.turn("anything"):
        done = True
    assert done
