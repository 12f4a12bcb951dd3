"""Your own algorithm in a trial: the function is in my_algorithm.py, 03_my_algorithm.toml names it.

    phantomsim run examples/03_my_algorithm.toml

Set PHANTOMSIM_SHORT=1 for a run of seconds.
"""

import os
from pathlib import Path

import phantomsim

here = Path(__file__)
trial = phantomsim.load_trial(here.with_suffix(".toml"), patients=4 if os.environ.get("PHANTOMSIM_SHORT") else None)
result = phantomsim.run(trial)
for verdict in result.analysis.verdicts:
    print(f"{verdict.hypothesis}: {verdict.decision}. {verdict.reason}")
print("Report:", result.report)
