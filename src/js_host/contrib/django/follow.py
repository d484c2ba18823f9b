"""Django's settings were replaced: `override_settings(JS_HOST=…)` takes effect at once, and ends with its block."""

from __future__ import annotations

from ...conf import settings

OURS = ("JS_HOST", "BASE_DIR")


def on_setting_changed(*, setting: str, **_: object) -> None:
    """Look again if it is one that we read. Wrong ones are said when they are used, not here."""
    if setting in OURS:
        settings.look_again()
