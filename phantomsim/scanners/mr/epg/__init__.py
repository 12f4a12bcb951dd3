"""Extended phase graphs: what pulses, relaxation and dephasing make of each tissue's magnetisation."""

from phantomsim.scanners.mr.epg.extract import NotExcited, train_of
from phantomsim.scanners.mr.epg.play import run
from phantomsim.scanners.mr.epg.train import Train, at_once, orders_of

__all__ = ["NotExcited", "Train", "at_once", "orders_of", "run", "train_of"]
