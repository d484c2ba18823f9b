"""What one would use instead, and ourselves. See `table.py`."""
