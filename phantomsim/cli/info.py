"""`phantomsim info`: versions, devices and paths, for a report of a problem."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

import click

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "zarr", "nibabel", "pydicom", "pydantic", "matplotlib")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Print versions, devices and paths."""
    facts = {"versions": _versions(), "devices": _devices(), "machine": _machine(), "paths": _paths()}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for heading, table in facts.items():
        click.echo(f"{heading}:")
        for name, value in table.items():
            click.echo(f"  {name:12}  {value}")


def _versions() -> dict[str, str]:
    from phantomsim import __version__

    found = {"phantomsim": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _devices() -> dict[str, str]:
    try:
        import jax

        return {str(device): device.device_kind for device in jax.devices()}
    except Exception as error:  # a broken driver is what this command must be able to show
        return {"none": f"{type(error).__name__}: {error}"}


def _machine() -> dict[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {"system": platform.platform(), "cores": str(cores)}
    if hasattr(os, "sysconf"):
        found["memory"] = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"
    return found


def _paths() -> dict[str, str]:
    from phantomsim import catalogue

    here = Path(__file__).resolve().parents[1]
    return {
        "program": str(here),
        "catalogue": str(catalogue.root()),
        "python": sys.executable,
        "here": str(Path.cwd()),
        **{
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(("PHANTOMSIM_", "JAX_", "XLA_"))
        },
    }
