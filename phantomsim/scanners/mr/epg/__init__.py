"""Extended phase graphs: what pulses, relaxation and dephasing make of each tissue's magnetisation."""

from phantomsim.scanners.mr.epg.extract import train_of
from phantomsim.scanners.mr.epg.train import Train, orders_of, run

__all__ = ["Train", "orders_of", "run", "train_of"]
