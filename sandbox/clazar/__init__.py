"""Clazar's public REST API: it reads and links offers, and cannot create them."""
