"""Pure functions: no clock, no log, no SQL."""
