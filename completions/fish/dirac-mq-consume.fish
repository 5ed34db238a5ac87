# fish completion for dirac-mq-consume; generated from the command itself, see `make docs`.
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
complete -c dirac-mq-consume -n '__dirac_mq_place 1 --save -x --exec --on-fail --cmd-timeout --jobs --on-untrusted --reject-to --outage -b --broker --cfg -o --cs-max-age --cert --key --proxy --capath -t --timeout -n --count --idle -F --format --require --allow-dn --max-age --color' -f -a '(__dirac_mq_names q)'
complete -c dirac-mq-consume -l drain -d 'Take until the queue is empty.'
complete -c dirac-mq-consume -l follow -d 'Take for ever.'
complete -c dirac-mq-consume -l save -x -a '(__fish_complete_directories)' -d 'Save each message into DIR instead of printing it.'
complete -c dirac-mq-consume -l unbatch -d 'Show each line of a message that send --batch has made of many.'
complete -c dirac-mq-consume -s x -l exec -x -d 'Like -- CMD, with STRING given to /bin/sh -c.'
complete -c dirac-mq-consume -l on-fail -x -a 'stop requeue dead' -d 'When the command fails: stop, requeue or dead (dead-letter).'
complete -c dirac-mq-consume -l cmd-timeout -x -d 'End a command that runs longer than this.'
complete -c dirac-mq-consume -l jobs -x -d 'Run up to K commands at a time.'
complete -c dirac-mq-consume -l on-untrusted -x -a 'dead keep stop' -d 'When a message\'s origin is not good enough: dead (the default where it can be), keep or stop.'
complete -c dirac-mq-consume -l reject-to -x -a '(__fish_complete_directories)' -d 'Put what is refused, by us or by the command, into DIR instead of dead-lettering it.'
complete -c dirac-mq-consume -l once -d 'Drop a signed message that was taken before; implied by Origin = signed.'
complete -c dirac-mq-consume -l outage -x -d 'Give up when the broker is lost for this long (default 30s with -n or --drain, else 5m).'
complete -c dirac-mq-consume -s b -l broker -x -a '(__dirac_mq_names s)' -d 'Service of the CS to use, or amqps://host:port/vhost of a broker.'
complete -c dirac-mq-consume -l cfg -r -F -d 'CFG file to read besides DIRAC\'s own; the last one wins.'
complete -c dirac-mq-consume -s o -x -d 'Set one option of the configuration, as in DIRAC.'
complete -c dirac-mq-consume -l cs-max-age -x -d 'Trust the kept copy of the remote CS for this long (default 1h; 0 asks first).'
complete -c dirac-mq-consume -l cert -r -F -d 'Certificate to log in with.'
complete -c dirac-mq-consume -l key -r -F -d 'Its private key.'
complete -c dirac-mq-consume -l proxy -r -F -d 'RFC 3820 proxy to log in with (default $X509_USER_PROXY).'
complete -c dirac-mq-consume -l capath -x -a '(__fish_complete_directories)' -d 'Directory of trusted CAs (default $X509_CERT_DIR).'
complete -c dirac-mq-consume -s t -l timeout -x -d 'End after this long at most, such as 300ms, 5s, 2m, 1h.'
complete -c dirac-mq-consume -s n -l count -x -d 'Stop after N messages.'
complete -c dirac-mq-consume -l idle -x -d 'Stop when no message has come for this long.'
complete -c dirac-mq-consume -s F -l format -x -d 'Show each message by a template, such as \'%{routing_key} %{header:dirac-dn} %{body}\\n\'.'
complete -c dirac-mq-consume -l require -x -a 'claimed broker signed' -d 'Take only messages whose origin is claimed, broker or signed at least; the queue may ask for more.'
complete -c dirac-mq-consume -l allow-dn -r -F -d 'Take only messages of these: one DN a line, or user:NAME.'
complete -c dirac-mq-consume -l max-age -x -d 'Believe a signature for this long (default: the queue\'s MessageTTL, else 7d).'
complete -c dirac-mq-consume -s j -l json -d 'Write JSON, one object a line, to stdout.'
complete -c dirac-mq-consume -s q -l quiet -d 'Say nothing on stderr but warnings and errors.'
complete -c dirac-mq-consume -s v -l verbose -d 'Say more on stderr.'
complete -c dirac-mq-consume -s d -d 'Log to stderr: -d, -dd, -ddd say more and more.'
complete -c dirac-mq-consume -l debug -d 'Show tracebacks of errors.'
complete -c dirac-mq-consume -l color -x -a 'auto always never' -d 'Colour: auto, always or never (NO_COLOR is honoured).'
complete -c dirac-mq-consume -l version -d 'Show the versions and exit.'
complete -c dirac-mq-consume -s h -l help -d 'Show this message and exit.'
