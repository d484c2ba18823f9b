"""`python -m benches` is `python benches/run.py`."""

from benches.run import main

main()
