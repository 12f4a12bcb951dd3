"""One virtual head by CT and by MR: the same anatomy and lesion, voxel for voxel.

The command line does the same with `phantomsim sample` and `phantomsim scan`; 02_ct_and_mr_of_one_patient.toml
describes the patient.
"""

from pathlib import Path

import numpy as np

import phantomsim
from phantomsim.trials.picture import save_slices

population = phantomsim.load_trial(Path(__file__).with_suffix(".toml")).population
patient = phantomsim.make_patient(population, seed=7, patient=0)
lesion = patient.lesions[0]
print(f"{lesion.tissue} of {float(lesion.volume_mL):.2f} mL in {lesion.host}, subject {patient.facts.subject}")

for scanner, protocol in (("ct-64", "head-slab"), ("mr-3t", "t2star-gre")):
    arm = phantomsim.make_arm(scanner, protocol, None, ["protocol.centre_on=lesion"])
    scanned = phantomsim.scan_phantom(patient, arm, seed=7)
    values = np.asarray(scanned.image.values)
    inside = scanned.lesion_fraction > 0.9
    print(f"{scanner}: {values.shape} voxels, lesion {values[inside].mean():.3g} {scanned.image.unit}, {scanned.dose}")
    save_slices(scanned.image, scanned.lesion_fraction, Path(f"02_{scanner}.png"))
