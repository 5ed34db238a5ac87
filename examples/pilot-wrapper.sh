#!/bin/bash
# Run a payload on a worker node and tell a queue of it: status lines from the bootstrap to the end, and what the
# payload writes. The payload ends with its own status, whatever becomes of the messages. Needs bash 4.4 or later:
#
#   export PILOT_QUEUE=demo.pilots PILOT_SETUP=/cvmfs/grid.example.org/dirac-mq/setup.sh
#   bash -s -- ./payload.sh 42 < pilot-wrapper.sh
#
# PILOT_QUEUE       where to; without it nothing is sent
# PILOT_SETUP       a file to source first, which brings dirac-mq onto the PATH
# PILOT_KILL_DELAY  seconds that the batch system leaves between SIGTERM and SIGKILL (10)
# PILOT_FLUSH       seconds to try at the end, where something could not be sent (20)
set -u

main() {
    [ $# -gt 0 ] || { echo 'usage: pilot-wrapper.sh COMMAND [ARGUMENT]...' >&2; exit 2; }
    early='' gap='' sender='' payload='' told='' code=0
    delay=${PILOT_KILL_DELAY:-10}
    export DIRAC_PILOT_STAMP=${DIRAC_PILOT_STAMP:-$(tr -d - < /proc/sys/kernel/random/uuid)}
    export DIRAC_MQ_SPOOL=$PWD/.dirac-mq-spool
    trap told_to_end TERM

    bootstrap
    start_sender
    run_payload "$@"
    end_sender
    hand_over
    exit "$code"
}

# status PHASE STATE TEXT: a line in the batch log, and in the queue (later, if there is no sender yet).
status() {
    local now line
    TZ=UTC0 printf -v now '%(%Y-%m-%dT%H:%M:%SZ)T' -1
    line="${gap}status $now $1 $2: ${3//$'\n'/ }"
    printf '%s\n' "$line"
    if [ -n "$sender" ]; then
        (printf '%s\n' "$line" >&7) 2> /dev/null # in a subshell: SIGPIPE ends that, not us
    else
        early+=$line$'\n'
    fi
}

bootstrap() {
    status bootstrap started "pilot $DIRAC_PILOT_STAMP on $HOSTNAME"
    [ -n "${PILOT_SETUP:-}" ] || return
    set +u # not our file
    . "$PILOT_SETUP" < /dev/null
    status bootstrap ended "$PILOT_SETUP: status $?"
    set -u
}

# One sender for everything. It reads descriptor 7 to its end, and does not hear the SIGTERM that a batch system sends
# to all of us: the payload may have something to say yet.
start_sender() {
    [ -n "${PILOT_QUEUE:-}" ] || return
    exec 7> >(trap '' TERM; exec dirac-mq-send "$PILOT_QUEUE" -l --spool --spool-max 64M)
    sender=$!
    (printf '%s' "$early" >&7) 2> /dev/null
}

# What the payload writes goes to the batch log and to the sender; tee -p goes on when there is no sender any more.
run_payload() {
    local tee
    status payload started "$*"
    gap=$'\n' # its last line may have no end
    exec 8> >(trap '' TERM; exec tee -p ${sender:+/dev/fd/7})
    tee=$!
    "$@" < /dev/null >&8 2>&1 7>&- 8>&- &
    payload=$!
    exec 8>&-
    [ -z "$told" ] || kill -TERM "$payload"
    wait "$payload" 2> /dev/null
    code=$?
    if [ -n "$told" ]; then # that ends the wait
        gone "$payload" "$delay" 4 || kill -KILL "$payload"
        wait "$payload" 2> /dev/null
        code=$?
    fi
    payload=''
    gone "$tee" 5 5 || kill -KILL "$tee" # something that the payload left behind holds it
    status payload ended "status $code"
    gap=''
    status pilot ended "after $SECONDS s"
}

told_to_end() {
    [ -z "$told" ] || return
    told=$SECONDS
    [ -z "$payload" ] || kill -TERM "$payload" 2> /dev/null
    status pilot told "SIGTERM, $delay s left"
}

end_sender() {
    [ -n "$sender" ] || return
    exec 7>&-
    gone "$sender" 60 5 || kill -INT "$sender"
    gone "$sender" 10 6 || kill -KILL "$sender"
}

# Scratch ends with the job: what is still in the spool is tried once more, and then written into the batch log.
hand_over() {
    local seconds=${PILOT_FLUSH:-20}
    [ -n "$(ls -A "$DIRAC_MQ_SPOOL" 2> /dev/null)" ] || return
    [ -z "$told" ] || seconds=$((told + delay * 7 / 10 - SECONDS))
    if [ "$seconds" -gt 0 ]; then
        dirac-mq spool flush -t "${seconds}s" < /dev/null &
        gone $! $((seconds + 5)) 7 || kill -KILL $!
    fi
    trap '' TERM
    dirac-mq spool cat < /dev/null | sed -e "1i ----- spool of $DIRAC_PILOT_STAMP" -e "\$a ----- end of spool"
}

# gone PID SECONDS TENTHS: wait for the end of a process, for so many seconds at most, and not beyond so many tenths of
# what the batch system leaves us.
gone() {
    local until=$((SECONDS + $2))
    while kill -0 "$1" 2> /dev/null; do
        [ "$SECONDS" -lt "$until" ] || return 1
        [ -z "$told" ] || [ $((10 * (SECONDS - told))) -lt $(($3 * delay)) ] || return 1
        sleep 0.1
    done
}

main "$@"
