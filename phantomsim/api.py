"""What people import: the whole command line in Python, a few names; all are found on `phantomsim` itself."""

from phantomsim.generators.generate import generate
from phantomsim.generators.spec import Generator
from phantomsim.spec import check, read
from phantomsim.trials.case import Case, Imaging, simulate_case
from phantomsim.trials.plan import make_plan
from phantomsim.trials.population import make_patient
from phantomsim.trials.run import Result, analyse_again, load_trial, run
from phantomsim.trials.sample import sample
from phantomsim.trials.scan import make_arm, scan, scan_phantom
from phantomsim.trials.spec import Arm, Trial

__all__ = [
    "Arm",
    "Case",
    "Generator",
    "Imaging",
    "Result",
    "Trial",
    "analyse_again",
    "check",
    "generate",
    "load_trial",
    "make_arm",
    "make_patient",
    "make_plan",
    "read",
    "run",
    "sample",
    "scan",
    "scan_phantom",
    "simulate_case",
]
