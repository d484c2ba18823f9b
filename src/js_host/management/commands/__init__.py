"""Where Django looks for the commands of the app: `manage.py js_host`."""
