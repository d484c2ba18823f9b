"""The app that `'js_host'` in Django's INSTALLED_APPS means. It registers, and starts nothing."""

from __future__ import annotations

from django.apps import AppConfig


class JSHostConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """js_host as a Django app: its settings are JS_HOST, its checks have the tag `js_host`."""

    name = "js_host"
    verbose_name = "JavaScript functions"

    def ready(self) -> None:
        """Register the checks, and follow the settings when tests override them."""
        from django.core.checks import register
        from django.core.signals import setting_changed

        from .conf import settings
        from .contrib.django import checks, deploy_checks, follow

        register(checks.check_all, checks.TAG)
        register(deploy_checks.check_deployment, checks.TAG, deploy=True)
        setting_changed.connect(follow.on_setting_changed, dispatch_uid="js_host")
        settings.look_again()
