"""`python -m ops_coordinator._wake`: brings another hook where none comes of itself."""

import sys

from ._native import run_waker

if __name__ == '__main__':
    run_waker(*sys.argv[1:])
