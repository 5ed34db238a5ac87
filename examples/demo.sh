#!/bin/sh
# The main job, as a first lesson: a grid user with an RFC 3820 proxy on a private broker. `make demo` runs it.
#
# Needs `dirac-mq` on the PATH. Safe to run again: it uses the broker that is up, and leaves the queues as it found them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
run() { printf '\033[36m$ %s\033[0m\n' "$*"; eval "$*"; }
[ -t 1 ] || { say() { printf '\n# %s\n' "$*"; }; run() { printf '$ %s\n' "$*"; eval "$*"; }; }

say 'A private RabbitMQ with its own CA, users and proxies, set up from a DIRAC configuration.'
run 'dirac-mq devbroker up'

say 'Become "user": these lines set X509_USER_PROXY, X509_CERT_DIR and DIRACSYSCONFIG, as a DIRAC session would.'
run 'dirac-mq devbroker env --as user'
eval "$(dirac-mq devbroker env --as user)"
dirac-mq consume demo.jobs --drain -q -t 30s >/dev/null 2>&1 || :   # what an earlier run left

say 'Which queues does the configuration know, and what waits there?'
run 'dirac-mq list'

say 'Send one message. It is confirmed by the broker, or the exit status says what happened.'
run 'dirac-mq send demo.jobs -m "payload started"'

say 'Send the lines of a file, one message each; they are pipelined.'
run "dirac-mq send demo.jobs -l '$here/job.log'"

say 'Look without taking: everything is back in the queue before it is printed. ✓ broker: the broker vouches for the DN.'
run 'dirac-mq peek demo.jobs -n 3'

say 'Follow what comes in, without taking anything: a tail in the background, two messages, and it is done.'
run 'dirac-mq tail demo.jobs -n 2 -t 20s & sleep 2; dirac-mq send demo.jobs -m "step 1"; dirac-mq send demo.jobs -m "step 2"; wait'

say 'Take everything, as JSON for a script. A message leaves the queue only when the output is written.'
run 'dirac-mq consume demo.jobs --drain -j | tail -n 2'

say 'A stranger holds a good certificate of the same CA and no rights: exit status 77.'
run '(eval "$(dirac-mq devbroker env --as stranger)"; dirac-mq send demo.jobs -m "let me in") || echo "exit status $?"'

say 'The broker stays up. Use it:'
cat <<'TXT'
  eval "$(dirac-mq devbroker env --as user)"     # or pilot, stranger, operator
  dirac-mq send demo.pilots -m hello && dirac-mq peek demo.pilots
and stop it:
  dirac-mq devbroker down                        # --purge removes its files too
(dirac-mq is in .venv/bin: put that on your PATH, or let the first line above do it.)
TXT
