"""How the C library keeps memory that was freed, for texts that come one after the other."""

from __future__ import annotations

#: Blocks up to this size are kept, in bytes: at most twice as much stays with the program when it frees more.
LARGEST = 4 * 1024 * 1024


def keep_freed_blocks() -> None:
    """Have glibc keep freed blocks up to `LARGEST` bytes, as it does once it has seen one of that size freed.

    Until then it asks the system for each block over 128 KiB, page by page: a page of HTML with an emoji in it takes
    100 µs more. It would learn by itself, but for texts: CPython shrinks them when they are decoded, so that the next
    one always begins larger than any that was freed. Elsewhere than on glibc this does nothing.
    """
    bytes(LARGEST)  # asked for, never written, and freed at once: some microseconds
