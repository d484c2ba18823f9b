"""Doors for frameworks: each is imported only where its framework is there."""
