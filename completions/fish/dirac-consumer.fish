# fish completion for dirac-consumer; generated from the command itself, see `make docs`.
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
complete -c dirac-consumer -f
complete -c dirac-consumer -l cfg -r -F -d 'CFG file to read besides DIRAC\'s own; the last one wins.'
complete -c dirac-consumer -s o -x -d 'Set an option of the consumer, or with a leading / any of the configuration.'
complete -c dirac-consumer -s d -d 'Say more: VERBOSE, with -dd DEBUG, with -ddd all.'
complete -c dirac-consumer -l install-runit -x -a '(__fish_complete_directories)' -d 'Run nothing: make it a service of runit in DIR, with these --cfg, -o and -d.'
complete -c dirac-consumer -l force -d 'With --install-runit: overwrite files that are there and differ.'
complete -c dirac-consumer -l version -d 'Show the version and end.'
complete -c dirac-consumer -s h -l help -d 'Show this message and exit.'
