"""Asks every outside system whether it is set up as the worker needs it; writes nothing."""
