"""The homes of a host, as a program sees them: its own, a manager's, or somewhere else. JSHost has one at a time.

Each has `link` (where calls go), `url()`, `status()`, `is_running()`, `stop()` and `close()`.
"""
