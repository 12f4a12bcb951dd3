"""The command `phantomsim`: a group whose commands are imported only when they are called."""

from __future__ import annotations

import difflib
import errno
from importlib import import_module
from typing import Any

import click

from phantomsim import __version__, compiled
from phantomsim.errors import DiskError, PhantomsimError

#: Command -> (module with a `command`, one line of help), in the order of `phantomsim --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("phantomsim.cli.run", "Run a trial: patients, scans, readings, verdicts and a report."),
    "plan": ("phantomsim.cli.plan", "Say what a trial would take, and what it could show."),
    "report": ("phantomsim.cli.report", "Write the report of a trial's results again."),
    "sample": ("phantomsim.cli.sample", "Make phantoms from a generator."),
    "train": ("phantomsim.cli.train", "Learn a generator's anatomy from segmentations."),
    "scan": ("phantomsim.cli.scan", "Image one phantom with a CT or MR scanner."),
    "check": ("phantomsim.cli.check", "Check trial, scanner and generator files."),
    "schema": ("phantomsim.cli.schema", "Print the JSON schema of a kind of file, for editors."),
    "catalogue": ("phantomsim.cli.catalogue", "List, show and copy what comes with phantomsim."),
    "validate": ("phantomsim.cli.validate", "Compare the simulation with laws and published figures."),
    "info": ("phantomsim.cli.info", "Print versions, devices and paths."),
}

#: Failures of a disk or folder that are told without a traceback.
DISK = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR),
    *(errno.ENAMETOOLONG, errno.EMFILE),
)


class Commands(click.Group):
    """A click group that imports a command's module when it is called, and prints our errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[name][0]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        near = difflib.get_close_matches(args[0], COMMANDS, 1) if args else []
        if near and args[0] not in COMMANDS:
            raise click.UsageError(f'no command "{args[0]}"; did you mean "{near[0]}"?', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PhantomsimError as error:
            # What was given is to be mended (2), unless the system refused to write (1).
            _stop(ctx, error, str(error), 1 if isinstance(error, DiskError) else 2)
        except KeyboardInterrupt as error:
            text = "Interrupted. What was finished stays, and nothing is half written"
            _stop(ctx, error, f"{text}; run again with --resume to go on" if _runs(ctx) else text, 130)
        except OSError as error:
            if error.errno not in DISK:
                raise
            where = f"{error.filename}: " if error.filename else ""
            _stop(ctx, error, f"{where}{error.strerror}. Nothing more was written; use another folder or free space", 1)


def _runs(ctx: click.Context) -> bool:
    return ctx.invoked_subcommand == "run"


def _stop(ctx: click.Context, error: BaseException, text: str, code: int) -> None:
    if ctx.params.get("debug"):
        raise error
    click.echo(text, err=True)
    ctx.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="phantomsim", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Virtual clinical trials of medical imaging algorithms.

    \b
    phantomsim run trials/quickstart.toml     a first trial, in some minutes
    phantomsim catalogue                      what there is to build on
    """
    compiled.keep()
