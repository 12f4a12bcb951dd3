"""A first trial from Python: the same result as `phantomsim run examples/01_first_trial.toml`.

Set PHANTOMSIM_SHORT=1 for a run of seconds.
"""

import os
from pathlib import Path

import phantomsim

trial = phantomsim.load_trial(
    Path(__file__).with_suffix(".toml"), patients=4 if os.environ.get("PHANTOMSIM_SHORT") else None
)
result = phantomsim.run(trial)

for estimate in result.analysis.estimates:
    print(
        f"{estimate.arm}: {estimate.endpoint} {estimate.estimate:.3f} ({estimate.ci_low:.3f} to {estimate.ci_high:.3f})"
    )
for verdict in result.analysis.verdicts:
    print(f"{verdict.hypothesis}: {verdict.decision}. {verdict.reason}")
print("Report:", result.report)
