"""Clazar: its public REST API, and offers that the seller's users create in its pages."""
