# Made by python -m contrib. Do not edit.
_dwdht() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command= options each
    COMPREPLY=()
    case $before in
        --log-format) COMPREPLY=($(compgen -W 'text json' -- "$word")); return ;;
        --store) COMPREPLY=($(compgen -W 'memory none sqlite:' -- "$word")); return ;;
        --state) COMPREPLY=($(compgen -d -- "$word")); return ;;
        --config|--file|--http-client-ca|--http-token-file|--key|--log-file|--output) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --bootstrap|--command|--contacts-per-host|--count|--expect|--from|--http|--http-host|--id|--interface|--nodes|--port|--rate-limit|--salt|--sequence|--stop-within|--store-age|--store-size|--svg|--timeout|--value) return ;;
    esac
    for each in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case $each in
            put|get|keygen|publish|resolve|announce|lookup|ping|query|update|trace|node|demo) command=$each; break ;;
        esac
    done
    case $command in
        put) options='--bootstrap --file --from --help --json --keep --timeout --version' ;;
        get) options='--bootstrap --help --json --output --raw --timeout --version' ;;
        keygen) options='--help --version' ;;
        publish) options='--bootstrap --expect --file --help --json --key --salt --sequence --timeout --version' ;;
        resolve) options='--bootstrap --help --json --raw --salt --timeout --version' ;;
        announce) options='--bootstrap --help --json --once --port --timeout --version' ;;
        lookup) options='--bootstrap --help --json --timeout --version' ;;
        ping) options='--count --help --json --timeout --version' ;;
        query) options='--bootstrap --help --json --timeout --value --version' ;;
        update) options='--bootstrap --file --help --json --timeout --version' ;;
        trace) options='--bootstrap --command --help --json --svg --timeout --version' ;;
        node) options='--bootstrap --config --contacts-per-host --ephemeral --help --http --http-client-ca --http-host --http-token-file --id --interface --log-file --log-format --member --no-peers --port --rate-limit --state --stop-within --store --store-age --store-size --version' ;;
        demo) options='--help --http --http-client-ca --http-host --http-token-file --nodes --version' ;;
        *) options='--bootstrap --help --json --timeout --version'
           [[ $word == -* ]] || options='put get keygen publish resolve announce lookup ping query update trace node demo' ;;
    esac
    [[ -n $command && $word != -* ]] || COMPREPLY=($(compgen -W "$options" -- "$word"))
}
complete -o default -F _dwdht dwdht
