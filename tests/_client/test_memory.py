"""Long texts that come one after the other are decoded into memory that the program has already."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from js_host._client.pool import Pool

pool = Pool([])
page = ("\N{POTTED PLANT}" + "<td>\N{BLACK STAR}</td>" * 5_000).encode()
faults = -resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    page.decode()
print((faults + resource.getrusage(resource.RUSAGE_SELF).ru_minflt) // 100)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep memory in their own ways")
def test_texts_of_hundreds_of_kilobytes_do_not_ask_the_system_for_memory_each_time():
    printed = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert int(printed) < 5, "a text of 240 KB has 60 pages of memory"
