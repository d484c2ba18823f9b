"""The Django app: `'js_host'` in INSTALLED_APPS, JS_HOST in the settings. Its AppConfig is `js_host.apps`."""
