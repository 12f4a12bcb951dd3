"""Phase graphs of blochsim (MIT), run in its own environment by `mr_epg.py`: python blochsim_epg.py IN.npz OUT.npz."""

import sys
import time

import numpy as np
import torch
from blochsim.simulators import FSESimulator, MRFSimulator


def main(given: str, found: str) -> None:
    torch.set_num_threads(1)
    case = dict(np.load(given))
    tissue = {name: torch.tensor(case[name], dtype=torch.float32) for name in ("T1", "T2", "B1")}
    spin_echoes = FSESimulator(ESP=10.0, TR=1e6, repetitions=1, states=int(case["tse_states"]))
    gradient_echoes = MRFSimulator(TR=10.0, TI=20.0, states=int(case["spgr_states"]))
    calls = {
        "tse": lambda: spin_echoes.simulate(flip=torch.tensor(case["tse_flip"]), **tissue),
        "spgr": lambda: gradient_echoes.simulate(
            flip=torch.tensor(case["spgr_flip"]), phases=torch.tensor(case["spgr_phase"]), **tissue
        ),
    }
    result = {}
    for name, call in calls.items():
        result[name] = call().numpy()
        times = []
        for _ in range(int(case["repeat"])):
            start = time.process_time()
            call()
            times.append(time.process_time() - start)
        result[f"{name}_s"] = np.array(times)
    np.savez(found, **result)


if __name__ == "__main__":
    main(*sys.argv[1:])
