"""Clazar's public REST API: it reads and links offers, and cannot create them."""

from sandbox.clazar.api import app

__all__ = ["app"]
