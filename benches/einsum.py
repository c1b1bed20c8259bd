"""NumPy's side of the einsum benchmark: reads a question a line, answers with a line.

`version`, `case SUBSCRIPTS SHAPE...` (sets the operands), `einsum CALLS` and `matmul CALLS` (seconds for one call).
"""

import sys
import time

import numpy as np

functions = {}


def filled(shape):
    """The golden ratio's fractional multiples in [-1, 1)."""
    i = np.arange(1, np.prod(shape) + 1, dtype=np.uint64) * 0x9E3779B9 % 2**32
    return (i / 2**31 - 1).astype(np.float32).reshape(shape)


for line in sys.stdin:
    word, *rest = line.split()
    if word == "version":
        answer = np.__version__
    elif word == "case":
        subscripts, *shapes = rest
        operands = [filled([int(n) for n in shape.split(",")]) for shape in shapes]
        first, second = operands[:2]
        if subscripts == "ij,kj->ik":
            second = second.T
        functions = {
            "einsum": lambda s=subscripts, o=operands: np.einsum(s, *o, optimize=True),
            "matmul": lambda a=first, b=second: np.matmul(a, b),
        }
        answer = "ready"
    else:
        call, calls = functions[word], int(rest[0])
        start = time.perf_counter()
        for _ in range(calls):
            call()
        answer = (time.perf_counter() - start) / calls
    print(answer, flush=True)
