"""docs/reference/evidence.md: measures the laws of some parts, or of all, and writes their tables anew.

python tools/make_evidence.py            # all, some 10 minutes
python tools/make_evidence.py mr ct      # these parts alone; the others' tables stay
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

from phantomsim import __version__
from phantomsim.laws import Law
from phantomsim.validate import PARTS, measure

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "evidence.md"
HEAD = """# Evidence

What `phantomsim validate` measured on a CPU; run it to measure again, or `tools/make_evidence.py` to write this page.
"""
COLUMNS = ("law", "expected", "measured", "tolerance", "holds", "source")


def row(law: Law) -> str:
    """One line of a table."""
    numbers = [f"{value:.5g}" for value in (law.expected, law.measured)] + [f"{law.tolerance:.3g}"]
    cells = (law.what, *numbers, "yes" if law.passed else "**no**", law.source)
    return "| " + " | ".join(cell.replace("[", "\\[").replace("|", "\\|") for cell in cells) + " |"


def section(part: str) -> str:
    """The measured table of one part."""
    start = time.monotonic()
    laws = [law for _, found in measure(part) for law in found]
    print(f"{part}: {sum(law.passed for law in laws)} of {len(laws)} hold, {time.monotonic() - start:.0f} s")
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS), *map(row, laws)]
    return f"Version {__version__}.\n\n" + "\n".join(lines) + "\n"


def main(parts: list[str]) -> None:
    """Measure parts and put their tables into the page."""
    wrong = [part for part in parts if part not in PARTS]
    if wrong:
        sys.exit(f"no part {wrong[0]!r}; the parts are {', '.join(PARTS)}")
    titles = re.split(r"^## (.*)\n\n", PAGE.read_text(), flags=re.MULTILINE)[1:]
    kept = dict(zip(titles[::2], (text.strip() + "\n" for text in titles[1::2])))
    kept |= {part: section(part) for part in parts or PARTS}
    PAGE.write_text(HEAD + "".join(f"\n## {part}\n\n{kept[part]}" for part in PARTS if part in kept))


if __name__ == "__main__":
    main(sys.argv[1:])
