# Made by python -m contrib. Do not edit.
_dwdht() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command= options each
    COMPREPLY=()
    case $before in
        --log-format) COMPREPLY=($(compgen -W 'text json' -- "$word")); return ;;
        --store) COMPREPLY=($(compgen -W 'memory none sqlite:' -- "$word")); return ;;
        --state) COMPREPLY=($(compgen -d -- "$word")); return ;;
        --authority|--certificate|--config|--file|--http-client-ca|--http-token-file|--key|--log-file|--output|--private-key|--revocations|--svg) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --bootstrap|--ca|--command|--contacts-per-host|--count|--days|--expect|--from|--http|--http-host|--id|--interface|--network-key-file|--nodes|--port|--rate-limit|--salt|--sequence|--stop-within|--store-age|--store-size|--summary|--timeout|--token-file|--value) return ;;
    esac
    for each in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case $each in
            put|get|keygen|publish|resolve|announce|lookup|ping|query|update|trace|status|node|network|demo) command=$each; break ;;
        esac
    done
    case $command in
        put) options='--authority --bootstrap --certificate --file --from --help --json --keep --network-key-file --private-key --revocations --timeout --version' ;;
        get) options='--authority --bootstrap --certificate --help --json --network-key-file --output --private-key --raw --revocations --timeout --version' ;;
        keygen) options='--help --version' ;;
        publish) options='--authority --bootstrap --certificate --expect --file --help --json --key --network-key-file --private-key --revocations --salt --sequence --timeout --version' ;;
        resolve) options='--authority --bootstrap --certificate --help --json --network-key-file --private-key --raw --revocations --salt --timeout --version' ;;
        announce) options='--authority --bootstrap --certificate --help --json --network-key-file --once --port --private-key --revocations --timeout --version' ;;
        lookup) options='--authority --bootstrap --certificate --help --json --network-key-file --private-key --revocations --timeout --version' ;;
        ping) options='--authority --certificate --count --help --json --network-key-file --private-key --revocations --timeout --version' ;;
        query) options='--authority --bootstrap --certificate --help --json --network-key-file --private-key --revocations --timeout --value --version' ;;
        update) options='--authority --bootstrap --certificate --file --help --json --network-key-file --private-key --revocations --timeout --version' ;;
        trace) options='--authority --bootstrap --certificate --command --help --json --network-key-file --private-key --revocations --svg --timeout --version' ;;
        status) options='--ca --help --json --timeout --token-file --version --watch' ;;
        node) options='--authority --bootstrap --certificate --config --contacts-per-host --ephemeral --help --http --http-client-ca --http-host --http-token-file --id --interface --log-file --log-format --member --network-key-file --no-peers --port --private-key --rate-limit --revocations --state --stop-within --store --store-age --store-size --summary --version' ;;
        network) options='--days --help --version' ;;
        demo) options='--help --http --http-client-ca --http-host --http-token-file --nodes --version' ;;
        *) options='--authority --bootstrap --certificate --help --json --network-key-file --private-key --revocations --timeout --version'
           [[ $word == -* ]] || options='put get keygen publish resolve announce lookup ping query update trace status node network demo' ;;
    esac
    [[ -n $command && $word != -* ]] || COMPREPLY=($(compgen -W "$options" -- "$word"))
}
complete -o default -F _dwdht dwdht
