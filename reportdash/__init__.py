"""reportdash: one live table of report jobs at several vendors."""

__version__ = "0.1.0"
