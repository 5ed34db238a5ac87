# fish completion for dirac-mq-tail; generated from the command itself, see `make docs`.
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
complete -c dirac-mq-tail -f
complete -c dirac-mq-tail -n '__dirac_mq_place 1 -k --pattern --since --offset --last --outage -b --broker --cfg -o --cs-max-age --cert --key --proxy --capath -t --timeout -n --count --idle -F --format --require --allow-dn --max-age --color' -f -a '(__dirac_mq_names q)'
complete -c dirac-mq-tail -s k -l pattern -x -d 'Only these routing keys (topic pattern, as \'job.#\').'
complete -c dirac-mq-tail -l since -x -d 'Stream: from this moment on (2h ago is \'2h\'; or 2026-11-24T01:58:03Z).'
complete -c dirac-mq-tail -l offset -x -d 'Stream: from this offset, \'first\' or \'next\'.'
complete -c dirac-mq-tail -l last -x -d 'Stream: start with the last K messages.'
complete -c dirac-mq-tail -l unbatch -d 'Show each line of a message that send --batch has made of many.'
complete -c dirac-mq-tail -l outage -x -d 'Give up when the broker is lost for this long (default 5m).'
complete -c dirac-mq-tail -s b -l broker -x -a '(__dirac_mq_names s)' -d 'Service of the CS to use, or amqps://host:port/vhost of a broker.'
complete -c dirac-mq-tail -l cfg -r -F -d 'CFG file to read besides DIRAC\'s own; the last one wins.'
complete -c dirac-mq-tail -s o -x -d 'Set one option of the configuration, as in DIRAC.'
complete -c dirac-mq-tail -l cs-max-age -x -d 'Trust the kept copy of the remote CS for this long (default 1h; 0 asks first).'
complete -c dirac-mq-tail -l cert -r -F -d 'Certificate to log in with.'
complete -c dirac-mq-tail -l key -r -F -d 'Its private key.'
complete -c dirac-mq-tail -l proxy -r -F -d 'RFC 3820 proxy to log in with (default $X509_USER_PROXY).'
complete -c dirac-mq-tail -l capath -x -a '(__fish_complete_directories)' -d 'Directory of trusted CAs (default $X509_CERT_DIR).'
complete -c dirac-mq-tail -s t -l timeout -x -d 'End after this long at most, such as 300ms, 5s, 2m, 1h.'
complete -c dirac-mq-tail -s n -l count -x -d 'Stop after N messages.'
complete -c dirac-mq-tail -l idle -x -d 'Stop when no message has come for this long.'
complete -c dirac-mq-tail -s F -l format -x -d 'Show each message by a template, such as \'%{routing_key} %{header:dirac-dn} %{body}\\n\'.'
complete -c dirac-mq-tail -l require -x -a 'claimed broker signed' -d 'Take only messages whose origin is claimed, broker or signed at least; the queue may ask for more.'
complete -c dirac-mq-tail -l allow-dn -r -F -d 'Take only messages of these: one DN a line, or user:NAME.'
complete -c dirac-mq-tail -l max-age -x -d 'Believe a signature for this long (default: the queue\'s MessageTTL, else 7d).'
complete -c dirac-mq-tail -s j -l json -d 'Write JSON, one object a line, to stdout.'
complete -c dirac-mq-tail -s q -l quiet -d 'Say nothing on stderr but warnings and errors.'
complete -c dirac-mq-tail -s v -l verbose -d 'Say more on stderr.'
complete -c dirac-mq-tail -s d -d 'Log to stderr: -d, -dd, -ddd say more and more.'
complete -c dirac-mq-tail -l debug -d 'Show tracebacks of errors.'
complete -c dirac-mq-tail -l color -x -a 'auto always never' -d 'Colour: auto, always or never (NO_COLOR is honoured).'
complete -c dirac-mq-tail -l version -d 'Show the versions and exit.'
complete -c dirac-mq-tail -s h -l help -d 'Show this message and exit.'
