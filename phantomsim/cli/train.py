"""phantomsim train"""

import time
from pathlib import Path

import click

from phantomsim.cli.options import sets

EPILOG = """\b
Examples:
  phantomsim train generators/head-deformable.toml --data /data/heads --out my-heads.safetensors.gz
  phantomsim train head-deformable --data /data/heads --hold-out head_12,head_14,head_15 --out audit.safetensors.gz
"""


@click.command(epilog=EPILOG)
@click.argument("generator")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Folder of segmentations.",
)
@click.option("--pattern", help="Which of its files.  [default: the generator's]")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write.  [default: the generator's model]"
)
@click.option(
    "--hold-out", default="", metavar="NAME,NAME", help="Files, without endings, that are kept out, to audit with."
)
@sets
def command(
    generator: str, data: Path, pattern: str | None, out: Path | None, hold_out: str, sets: tuple[str, ...]
) -> None:
    """Learn a mean anatomy and its variation for GENERATOR, a file or catalogue name of kind "deformable".

    Some minutes and 2 GB for a dozen heads. The file is written whole at the end.
    """
    from phantomsim.errors import GeneratorError
    from phantomsim.generators.deformable import model_file
    from phantomsim.generators.deformable.spec import Deformable
    from phantomsim.generators.deformable.train import train
    from phantomsim.spec import read
    from phantomsim.store import check_writable

    spec = read(generator, Deformable, sets)
    target = out or Path(spec.model)
    paths = sorted(p for p in data.glob(pattern or spec.pattern) if p.is_file())
    if not paths:
        raise GeneratorError(f'no file in {data} matches pattern "{pattern or spec.pattern}"; give another --pattern')
    check_writable(target.parent)
    start = time.monotonic()
    held = [name.strip() for name in hold_out.split(",") if name.strip()]
    model = train(spec, paths, held, lambda line: click.echo(f"{time.monotonic() - start:6.0f} s  {line}", err=True))
    model_file.write(target, model)
    click.echo(f"Model: {target} ({target.stat().st_size / 1e6:.1f} MB)")
