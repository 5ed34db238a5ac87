# fish completion for dirac-mq-send; generated from the command itself, see `make docs`.
# Names of the CS that earlier commands have kept, of the kinds in the first argument. Where the word has a colon or a
# slash, they are addresses. fish quotes what it inserts.
function __dirac_mq_names
    set -l file $HOME/.cache
    string match -q '/*' -- "$XDG_CACHE_HOME"; and set file $XDG_CACHE_HOME
    set file $file/dirac-mq/names
    test -f "$file" -a -O "$file" -a -r "$file"; or return
    set -l kinds $argv[1]
    string match -qr '[:/]' -- (commandline -ct); and set kinds (string upper $kinds)
    string replace -rf "^[$kinds] " '' <$file
end
# Whether as many arguments as the first one says stand before the word, options and their values not counted; the other
# arguments are options that have values.
function __dirac_mq_place
    set -l place 0
    set -l skip
    for word in (commandline -opc)
        if test -n "$skip"
            set skip
        else if contains -- $word $argv[2..]
            set skip yes
        else if not string match -q -- '-*' $word
            set place (math $place + 1)
        end
    end
    test $place -eq $argv[1]
end
complete -c dirac-mq-send -n '__dirac_mq_place 1 -m --message --batch --linger --rate --max-bytes --burst -k --routing-key -H --header --type --content-type --priority --ttl --correlation-id --reply-to --id --outage --returned --spool-ttl --spool-max --grace -b --broker --cfg -o --cs-max-age --cert --key --proxy --capath -t --timeout --color' -f -a '(__dirac_mq_names qe)'
complete -c dirac-mq-send -s m -l message -x -d 'The message.'
complete -c dirac-mq-send -s l -l lines -d 'One message per line, newline removed.'
complete -c dirac-mq-send -s 0 -l null -d 'One message per NUL-terminated record.'
complete -c dirac-mq-send -l batch -x -d 'With -l: join lines into messages of up to SIZE, such as 64k.'
complete -c dirac-mq-send -l linger -x -d 'With --batch: how long a first line waits for more (5s).'
complete -c dirac-mq-send -l rate -x -d 'Send no more messages than this, such as 50/s or 10/m.'
complete -c dirac-mq-send -l max-bytes -x -d 'Send no more than this in all; drop and count what follows.'
complete -c dirac-mq-send -l burst -x -d 'Collect in the spool (implies --spool), and connect about this often, at random moments, to send it.'
complete -c dirac-mq-send -l from-json -d 'One message per envelope, as -j writes them.'
complete -c dirac-mq-send -s k -l routing-key -x -d 'Routing key (default from the CS).'
complete -c dirac-mq-send -s H -l header -x -d 'Header; NAME:=JSON for a typed value.'
complete -c dirac-mq-send -l type -x -d 'Application\'s message type.'
complete -c dirac-mq-send -l content-type -x -d 'MIME type.'
complete -c dirac-mq-send -l priority -x -d 'Priority.'
complete -c dirac-mq-send -l ttl -x -d 'Let it expire unread after this long.'
complete -c dirac-mq-send -l correlation-id -x -d 'Correlation id.'
complete -c dirac-mq-send -l reply-to -x -d 'Where to answer to.'
complete -c dirac-mq-send -l id -x -d 'Message id (default: a new UUIDv7 each).'
complete -c dirac-mq-send -l anonymous -d 'Leave DN, group and login out of the stamp.'
complete -c dirac-mq-send -l sign -d 'Sign each message: 4 kB more, and proof of origin to any reader.'
complete -c dirac-mq-send -l outage -x -d 'Give up when the broker is lost for this long (default 30s, 5m for many messages).'
complete -c dirac-mq-send -l returned -r -F -d 'Add envelopes of messages that the broker returned or refused to FILE.'
complete -c dirac-mq-send -l spool -d 'Keep on disk what the broker cannot take now, and send first what is there (default $DIRAC_MQ_SPOOL; .dirac-mq-spool in a pilot; $XDG_STATE_HOME/dirac-mq/spool).'
complete -c dirac-mq-send -l spool-ttl -x -d 'Give up what waits there for longer.'
complete -c dirac-mq-send -l spool-max -x -d 'Size of the spool, beyond which the oldest go (256M).'
complete -c dirac-mq-send -l spool-ok -d 'End with 0, not 5, when messages are left in the spool.'
complete -c dirac-mq-send -l grace -x -d 'With --spool: time to read and keep the rest of the input after SIGTERM (5s); with --burst also for the last one (30s).'
complete -c dirac-mq-send -s b -l broker -x -a '(__dirac_mq_names s)' -d 'Service of the CS to use, or amqps://host:port/vhost of a broker.'
complete -c dirac-mq-send -l cfg -r -F -d 'CFG file to read besides DIRAC\'s own; the last one wins.'
complete -c dirac-mq-send -s o -x -d 'Set one option of the configuration, as in DIRAC.'
complete -c dirac-mq-send -l cs-max-age -x -d 'Trust the kept copy of the remote CS for this long (default 1h; 0 asks first).'
complete -c dirac-mq-send -l cert -r -F -d 'Certificate to log in with.'
complete -c dirac-mq-send -l key -r -F -d 'Its private key.'
complete -c dirac-mq-send -l proxy -r -F -d 'RFC 3820 proxy to log in with (default $X509_USER_PROXY).'
complete -c dirac-mq-send -l capath -x -a '(__fish_complete_directories)' -d 'Directory of trusted CAs (default $X509_CERT_DIR).'
complete -c dirac-mq-send -s t -l timeout -x -d 'End after this long at most, such as 300ms, 5s, 2m, 1h.'
complete -c dirac-mq-send -s j -l json -d 'Write JSON, one object a line, to stdout.'
complete -c dirac-mq-send -s q -l quiet -d 'Say nothing on stderr but warnings and errors.'
complete -c dirac-mq-send -s v -l verbose -d 'Say more on stderr.'
complete -c dirac-mq-send -s d -d 'Log to stderr: -d, -dd, -ddd say more and more.'
complete -c dirac-mq-send -l debug -d 'Show tracebacks of errors.'
complete -c dirac-mq-send -l color -x -a 'auto always never' -d 'Colour: auto, always or never (NO_COLOR is honoured).'
complete -c dirac-mq-send -l version -d 'Show the versions and exit.'
complete -c dirac-mq-send -s h -l help -d 'Show this message and exit.'
