#!/bin/sh
# Work for each file that was registered. The LFN is on standard input;
# what is printed becomes a message in files.tasks.
set -eu
read -r lfn || :
case $lfn in
  '' | *[!A-Za-z0-9/._+=-]* | [!/]*)
    echo "no LFN: $lfn" >&2
    exit 65 ;;   # no try would do better: to the dead-letter queue
  *.raw)
    printf '{"task":"reconstruct","lfn":"%s"}\n' "$lfn" ;;
  *) ;;          # nothing to do with it, and nothing is forwarded
esac
