#!/bin/bash
# Run a payload on a worker node and tell a queue of it: status lines
# from the bootstrap to the end, and what the payload writes. The status
# is the payload's own, whatever becomes of the messages. Needs bash 4.4
# and GNU tools.
#
#   export PILOT_QUEUE=demo.pilots
#   export PILOT_SETUP=/cvmfs/grid.example.org/dirac-mq/setup.sh
#   bash -s -- ./payload.sh 42 < pilot-wrapper.sh
#
# PILOT_QUEUE       where to; without it nothing is sent
# PILOT_SETUP       a file to source first: it puts dirac-mq on the PATH
# PILOT_KILL_DELAY  seconds from the batch system's SIGTERM to its
#                   SIGKILL (10)
# PILOT_FLUSH       seconds for what could not be sent before, at the
#                   end (20)
set -u

main() {
    [ $# -gt 0 ] || { echo 'no command to run' >&2; exit 2; }
    early='' gap='' sender='' payload='' told='' code=0
    delay=${PILOT_KILL_DELAY:-10}
    random=$(tr -d - < /proc/sys/kernel/random/uuid)
    export DIRAC_PILOT_STAMP=${DIRAC_PILOT_STAMP:-$random}
    export DIRAC_MQ_SPOOL=$PWD/.dirac-mq-spool
    trap told_to_end TERM

    bootstrap
    start_sender
    run_payload "$@"
    end_sender
    hand_over
    exit "$code"
}

# status PHASE STATE TEXT: a line in the batch log; and in the queue, as
# the six fields that PilotLog knows (later, if there is no sender yet).
status() {
    local now text fields
    TZ=UTC0 printf -v now '%(%Y-%m-%dT%H:%M:%SZ)T' -1
    printf '%s\n' "${gap}status $now $1 $2: ${3//$'\n'/ }"
    text=${3//\\/\\\\} text=${text//\"/\\\"} text=${text//[[:cntrl:]]/ }
    printf -v fields '"%s",' \
        "$DIRAC_PILOT_STAMP" "$now" wrapper "$1" "$2"
    fields="${gap}[$fields\"$text\"]"
    if [ -n "$sender" ]; then
        # In a subshell: where nobody reads, SIGPIPE ends that, not us.
        (printf '%s\n' "$fields" >&7) 2> /dev/null
    else
        early+=$fields$'\n'
    fi
}

bootstrap() {
    status bootstrap running "pilot $DIRAC_PILOT_STAMP on $HOSTNAME"
    [ -n "${PILOT_SETUP:-}" ] || return
    set +u # it is not our file
    if . "$PILOT_SETUP" < /dev/null; then
        status bootstrap done "$PILOT_SETUP"
    else
        status bootstrap failed "$PILOT_SETUP: status $?"
    fi
    set -u
}

# One sender for everything. It reads descriptor 7 to its end, and does
# not hear the SIGTERM that a batch system sends to all of us, for the
# payload may have something to say yet.
start_sender() {
    [ -n "${PILOT_QUEUE:-}" ] || return
    exec 7> >(trap '' TERM
        exec dirac-mq-send "$PILOT_QUEUE" -l --spool --spool-max 64M)
    sender=$!
    (printf '%s' "$early" >&7) 2> /dev/null
}

# What the payload writes goes to the batch log and to the sender;
# tee -p goes on when there is no sender any more.
run_payload() {
    local tee state end=done
    status payload running "$*"
    gap=$'\n' # the payload's last line may have no end
    exec 8> >(trap '' TERM; exec tee -p ${sender:+/dev/fd/7})
    tee=$!
    "$@" < /dev/null >&8 2>&1 7>&- 8>&- &
    payload=$!
    exec 8>&-
    [ -z "$told" ] || stop_payload
    wait "$payload" 2> /dev/null
    code=$?
    if [ -n "$told" ]; then # that ends the wait before its time
        end=killed
        wait "$payload" 2> /dev/null
        code=$?
    fi
    payload=''
    # Something that the payload left behind may hold its output.
    gone "$tee" 5 5 || kill -KILL "$tee"
    [ "$code" = 0 ] && state=done || state=failed
    status payload "$state" "status $code"
    gap=''
    status pilot "$end" "after $SECONDS s"
}

told_to_end() {
    [ -z "$told" ] || return
    told=$SECONDS
    status pilot stopping "SIGTERM, $delay s left"
    stop_payload
}

# All of it in the trap: a signal just before a wait does not end that.
stop_payload() {
    [ -n "$payload" ] || return
    kill -TERM "$payload" 2> /dev/null
    gone "$payload" "$delay" 4 || kill -KILL "$payload"
}

end_sender() {
    [ -n "$sender" ] || return
    exec 7>&-
    gone "$sender" 60 5 || kill -INT "$sender"
    gone "$sender" 10 6 || kill -KILL "$sender"
}

# Scratch ends with the job: what is still in the spool is tried once
# more, and then written into the batch log.
hand_over() {
    local seconds=${PILOT_FLUSH:-20} left
    [ -n "$(ls -A "$DIRAC_MQ_SPOOL" 2> /dev/null)" ] || return
    if [ -n "$told" ]; then
        left=$((told + delay * 6 / 10 - SECONDS))
        [ "$left" -gt "$seconds" ] || seconds=$left
    fi
    if [ "$seconds" -gt 0 ]; then
        dirac-mq spool flush -t "${seconds}s" < /dev/null &
        gone $! $((seconds + 5)) 7 || kill -KILL $!
        wait $! 2> /dev/null
    fi
    trap '' TERM
    dirac-mq spool cat < /dev/null |
        sed "1i ----- spool of $DIRAC_PILOT_STAMP
            \$a ----- end of spool"
}

# gone PID SECONDS TENTHS: wait for the end of a process, for so many
# seconds, and no longer than so many tenths of what the batch system
# leaves us.
gone() {
    local end=$((SECONDS + $2))
    while kill -0 "$1" 2> /dev/null; do
        ((SECONDS < end)) || return 1
        [ -z "$told" ] ||
            ((SECONDS < told + delay * $3 / 10)) || return 1
        sleep 0.1
    done
}

main "$@"
