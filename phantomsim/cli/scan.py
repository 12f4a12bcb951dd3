"""phantomsim scan"""

from pathlib import Path

import click

from phantomsim.cli.options import sets

EPILOG = """\b
Examples:
  phantomsim scan phantoms/patient-000000.ome.zarr ct-64 --out ct
  phantomsim scan phantoms/patient-000000.ome.zarr ct-64 --protocol head --set protocol.mAs=40 --format dicom --out ct
  phantomsim scan phantoms/patient-000000.ome.zarr mr-3t --set algorithm=gaussian --out mr
  phantomsim scan phantoms/patient-000000.ome.zarr mr-3t --pulseq gre.seq --set protocol.fov_mm=[220,220] --out gre
  phantomsim scan phantoms/patient-000000.ome.zarr mr-3t --protocol t2-tse --format ismrmrd --out tse
"""


@click.command(epilog=EPILOG)
@click.argument("phantom", type=click.Path(path_type=Path))
@click.argument("scanner")
@click.option("--protocol", help="Name in the scanner's file.  [default: its first]")
@click.option(
    "--pulseq",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Play a Pulseq file (.seq) of 2D slices instead of a protocol. MR only; field of view and slices are the"
    " file's, --set protocol.fov_mm=[y,x] where it does not say.",
)
@click.option(
    "--reconstruction", help="Name in the scanner's file.  [default: that of the protocol's name, or the first]"
)
@sets
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["zarr", "nifti", "dicom", "ismrmrd"]),
    default="zarr",
    show_default=True,
    help="Of the image. ismrmrd: raw data as raw.h5 besides, image as zarr; MR only, needs the extra raw.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of the noise.")
def command(
    phantom: Path,
    scanner: str,
    protocol: str | None,
    pulseq: Path | None,
    reconstruction: str | None,
    sets: tuple[str, ...],
    out: Path,
    form: str,
    seed: int,
) -> None:
    """Image the PHANTOM's store with SCANNER (a file or a catalogue name)."""
    from phantomsim.cli.progress import steps_line
    from phantomsim.trials.scan import make_arm, scan

    with steps_line() as progress:
        arm = make_arm(scanner, protocol, reconstruction, sets, pulseq)
        picture, notices = scan(phantom, arm, out, form, seed, progress)
    for notice in notices:
        click.echo(notice, err=True)
    click.echo(f"Scan: {out} (by {arm.scanner.name}, protocol {arm.name})")
    click.echo(f"Picture: {picture}")
