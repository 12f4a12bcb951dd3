"""Errors that a user can act on: each says where, what is wrong, what is allowed and what to do.

The command line prints them without a traceback; in Python they are ordinary exceptions.
"""


class PhantomsimError(Exception):
    """Base of every error that phantomsim raises on purpose."""


class SpecError(PhantomsimError):
    """A trial, scanner, generator or other specification file is wrong."""


class CatalogueError(PhantomsimError):
    """A name is in no catalogue folder."""


class GridError(PhantomsimError):
    """Arrays and the grid they are said to lie on do not fit."""


class FormatError(PhantomsimError):
    """A file cannot be read or written: wrong format, truncated, or not finite."""


class TissueError(PhantomsimError):
    """A tissue or label has no entry in the tissue table."""


class GeneratorError(PhantomsimError):
    """A generator cannot make the patient that was asked for."""


class PlacementError(PhantomsimError):
    """A lesion finds no allowed place in its host organ."""


class ScannerError(PhantomsimError):
    """A scanner cannot do what the protocol asks.

    Attributes:
        key: path of the key of the scanner that forbids it, ("hardware", "max_B1_uT"); empty where none does.
    """

    def __init__(self, message: str, *key: str) -> None:
        super().__init__(message)
        self.key = key


class AlgorithmError(PhantomsimError):
    """An algorithm under test failed or returned something unusable."""


class TrialError(PhantomsimError):
    """A trial cannot be planned, run, resumed or analysed."""


class StoreError(PhantomsimError):
    """Results cannot be written or are not whole."""


class DiskError(StoreError):
    """The system refuses to write: nothing in what was given is wrong, but a disk, a right or a path."""
