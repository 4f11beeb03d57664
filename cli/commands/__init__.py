"""The commands of `starter.py`, by what they are about."""
