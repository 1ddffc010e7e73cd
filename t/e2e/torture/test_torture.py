"""Short forms of t/torture."""
import os
import subprocess
import sys

import pytest

from lib import proxy

TORTURE = os.path.join(proxy.ROOT, "t", "torture")


@pytest.mark.parametrize("script,args", [
    ("kill_children.py", ["--kills", "5", "--every", "0.5"]),
    ("reloads.py", ["--reloads", "20"]),
])
def test_a_short_torture_passes(script, args):
    r = subprocess.run([sys.executable, os.path.join(TORTURE, script)] + args,
                       capture_output=True, text=True, timeout=180)
    assert r.returncode == 0, r.stdout + r.stderr
