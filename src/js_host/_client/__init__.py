"""Connections to a host, and the pools that hold them."""
