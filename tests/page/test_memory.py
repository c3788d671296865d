import subprocess
import sys

from tests.conftest import ROOT

# Pieces too small to be mapped for themselves, with one that stays after each thousand.
CODE = """
from page import memory

def resident():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024

memory.keep_little()
pieces = [bytes(60_000) for _ in range(4_000)]
pieces = pieces[::1000]
full = resident()
memory.trim()
print(full - resident())
"""


def test_what_is_free_goes_back_to_the_system() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(finished.stdout) > 100  # MB, of 240
