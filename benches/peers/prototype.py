"""The prototype, spinning as we do."""

from ..prototype import Prototype

start = Prototype
