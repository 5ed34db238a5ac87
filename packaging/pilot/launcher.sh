#!/bin/sh
# Finds its own place, then a Python. Links are followed once, here: when a link to the newest version is turned while a
# command runs, the command stays with what it began with.
program=@PROGRAM@
self=$(readlink -f -- "$0") || exit
code=@CODE@
if [ -n "${DIRAC_MQ_PYTHON:-}" ]; then
    python=$DIRAC_MQ_PYTHON
elif [ -n "${DIRACOS:-}" ] && [ -x "$DIRACOS/bin/python3" ]; then
    python=$DIRACOS/bin/python3
else
    python=python3
fi
if ! command -v "$python" >/dev/null 2>&1; then
    echo "$program: error: there is no $python" >&2
    echo "$program: hint: source diracos/diracosrc, or name a Python that has M2Crypto in DIRAC_MQ_PYTHON" >&2
    exit 78
fi
# -I: nothing of PYTHONPATH, of ~/.local or of the working directory; -B: nothing is written beside the code.
exec "$python" -I -B -X "program=$program" "$code" "$@"
