"""Bytes and messages, and no I/O: what crosses between Python and a worker. `docs/protocol.md` is the law.

Each module has a twin of the same name in `runtime/`; `tests/vectors/*.json` hold the two together.
"""
