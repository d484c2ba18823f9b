"""`manage.py js_host`: Django looks for it here, and it lies in `js_host.contrib.django.command`."""

from ...contrib.django.command import Command

__all__ = ["Command"]
