"""Time of putting one lesion of each kind into a phantom of 256^3, without what is compiled or read once.

Each patient is looked at anew (host, skull, ventricles, where the kind lies by preference), which is most of the time;
medians over patients.

python benchmarks/lesions.py [KIND ...]
"""

import argparse
import time
from statistics import median

import numpy as np

from phantomsim.generators.lesions import bodies, catalogue
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom

SIZE, REPEATS = 256, 7


def framed(small: Phantom) -> Phantom:
    """The body in a frame of 256^3 voxels."""
    label = np.zeros((SIZE,) * 3, np.uint8)
    n = [min(SIZE, m) for m in small.grid.shape]
    low = [(SIZE - m) // 2 for m in n]
    label[tuple(slice(a, a + m) for a, m in zip(low, n))] = np.asarray(small.label)[tuple(slice(m) for m in n)]
    return Phantom(Grid.centred((SIZE,) * 3, small.grid.spacing_mm), label, 1.0, (), (), small.tissues)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", metavar="KIND", nargs="*", default=catalogue.names())
    kinds = parser.parse_args().kinds
    print("| kind | lesions | wall [s] | processor [s] |\n| --- | --- | --- | --- |")
    for name in kinds:
        kind = catalogue.kind(name)
        small = bodies.body_for(kind.host)
        fine = bodies.head(0.9) if small.tissues == bodies.HEAD else bodies.trunk(small.tissues[3:], 0.9, 40.0)
        body = framed(fine)
        for effect in (False, True) if kind.mass_effect else (False,):
            asked = Lesions(kind=kind, count=1, mass_effect=effect, on_failure="skip")
            found_s = []
            for patient in (0, *range(REPEATS)):  # the first compiles
                wall, own = time.perf_counter(), time.process_time()
                found = place(body, asked, 1, patient)
                found_s.append((time.perf_counter() - wall, time.process_time() - own, len(found.lesions)))
            wall_s, own_s, count = (median(column) for column in zip(*found_s[1:]))
            print(f"| {name}{', mass effect' if effect else ''} | {count} | {wall_s:.2f} | {own_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
