"""Waiting for conditions. Nothing in the tests sleeps for a guessed time."""
import os
import time

# Every wait in the tests ends after this many seconds. Slow builds (sanitizers, valgrind) raise it.
DEADLINE = 10.0 * float(os.environ.get("NUNCIO_SLOW", "1"))


def wait_until(cond, what="condition", deadline=None):
    """Calls cond until it returns something true, and returns that. Fails after the deadline."""
    end = time.monotonic() + (DEADLINE if deadline is None else deadline)
    pause = 0.001

    while True:
        got = cond()
        if got:
            return got
        if time.monotonic() > end:
            text = what() if callable(what) else what
            raise AssertionError(f"{text}: not so within the deadline")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def stays_so(cond, what, seconds):
    """Fails when cond becomes false within the given seconds. For "nothing happens" only."""
    end = time.monotonic() + seconds

    while time.monotonic() < end:
        assert cond(), what
        time.sleep(0.005)
