"""syncd: a sales team's mail, once each, as activities in a SQL store."""

__version__ = "0.1.0"
