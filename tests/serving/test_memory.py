"""What a request leaves behind is collected in time, however many objects the libraries are."""

import subprocess
import sys

import pytest

# Objects that refer to each other and live for a while, as connections with their requests do.
PROGRAM = """
import collections, gc, sys
lasting = [[] for _ in range(400_000)]
gc.collect()
if sys.argv[1] == "settled":
    from netanomaly.serving import memory
    memory.settle()
alive, most = 0, 0
class Request:
    def __init__(self):
        global alive, most
        alive += 1
        most = max(most, alive)
        self.itself = self
    def __del__(self):
        global alive
        alive -= 1
open_now = collections.deque(maxlen=3000)
for _ in range(150_000):
    open_now.append(Request())
print(most)
"""


@pytest.mark.parametrize(("how", "least", "most"), [("settled", 3000, 25_000), ("as it was", 40_000, 150_000)])
def test_requests_that_refer_to_themselves_do_not_pile_up(how, least, most):
    """As it was they do, else this shows nothing."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    assert least < int(done.stdout) < most
