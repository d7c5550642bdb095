# Made by python -m contrib. Do not edit.
complete -c dwdht -f
complete -c dwdht -n __fish_use_subcommand -a put -d 'Store a value and print its key'
complete -c dwdht -n __fish_use_subcommand -a get -d 'Find a value by its key and print it'
complete -c dwdht -n __fish_use_subcommand -a keygen -d 'Make a private key for records, and print its public key'
complete -c dwdht -n __fish_use_subcommand -a publish -d 'Sign a value, and store it as a record'
complete -c dwdht -n __fish_use_subcommand -a resolve -d 'Find the newest record of a key'
complete -c dwdht -n __fish_use_subcommand -a announce -d 'Be found as a peer of a topic, until interrupted'
complete -c dwdht -n __fish_use_subcommand -a lookup -d 'Find the peers of a topic'
complete -c dwdht -n __fish_use_subcommand -a ping -d 'Ask a node whether it is there'
complete -c dwdht -n __fish_use_subcommand -a query -d 'Ask the nodes closest to a target to run a command'
complete -c dwdht -n __fish_use_subcommand -a update -d 'Ask the nodes closest to a target to change something'
complete -c dwdht -n __fish_use_subcommand -a trace -d 'Show a lookup as it runs, as text, JSON or a picture'
complete -c dwdht -n __fish_use_subcommand -a status -d 'Show a node that is served over HTTP, once or as it changes'
complete -c dwdht -n __fish_use_subcommand -a node -d 'Run a node'
complete -c dwdht -n __fish_use_subcommand -a network -d 'Make the keys and certificates of a private network'
complete -c dwdht -n __fish_use_subcommand -a demo -d 'Show a network of 100 nodes at work, on this machine alone'
complete -c dwdht -n __fish_use_subcommand -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n __fish_use_subcommand -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n __fish_use_subcommand -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n __fish_use_subcommand -l help -d 'Display this help and exit.'
complete -c dwdht -n __fish_use_subcommand -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n __fish_use_subcommand -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n __fish_use_subcommand -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n __fish_use_subcommand -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n __fish_use_subcommand -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n __fish_use_subcommand -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from put' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from put' -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from put' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from put' -l file -d 'Read the value from this file; - is standard input.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from put' -l from -d 'Go on with an interrupted put of a larger value: the bytes at its start that are stored already.' -r
complete -c dwdht -n '__fish_seen_subcommand_from put' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from put' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from put' -l keep -d 'Keep the value alive until the command is interrupted.'
complete -c dwdht -n '__fish_seen_subcommand_from put' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from put' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from put' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from put' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from put' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from get' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from get' -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from get' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from get' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from get' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from get' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from get' -l output -d 'Write the value to this file, or to a pipe; - is standard output. Until a file is whole, it is PATH.part, and another run goes on with it.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from get' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from get' -l raw -d 'Print the value unchanged to a terminal, too.'
complete -c dwdht -n '__fish_seen_subcommand_from get' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from get' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from get' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from keygen' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from keygen' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l expect -d 'Fail unless the newest record has this sequence number.' -r
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l file -d 'Read the value from this file; - is standard input.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l key -d 'The file of the private key.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l salt -d 'A text of up to 64 bytes that tells the records of one key apart.' -r
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l sequence -d 'The sequence number; by default the next one.' -r
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from publish' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l raw -d 'Print the value unchanged to a terminal, too.'
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l salt -d 'A text of up to 64 bytes that tells the records of one key apart.' -r
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from resolve' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l once -d 'Announce once, and let the announcement end by itself in six minutes.'
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l port -d 'The port to announce; 0 for the UDP port of this command'\''s own node.' -r
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from announce' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from lookup' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from lookup' -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from lookup' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from lookup' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from lookup' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from lookup' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from lookup' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from lookup' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from lookup' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from lookup' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from ping' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from ping' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from ping' -l count -d 'Send this many pings, one a second, and print a summary.' -r
complete -c dwdht -n '__fish_seen_subcommand_from ping' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from ping' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from ping' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from ping' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from ping' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from ping' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from ping' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from query' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from query' -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from query' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from query' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from query' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from query' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from query' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from query' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from query' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from query' -l value -d 'A payload for the handlers.' -r
complete -c dwdht -n '__fish_seen_subcommand_from query' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from update' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from update' -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from update' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from update' -l file -d 'Read the value from this file; - is standard input.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from update' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from update' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from update' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from update' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from update' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from update' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from update' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l command -d 'The command that the nodes are asked to run.' -r
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l svg -d 'Write a picture of the lookup to this file, as SVG.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from trace' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from status' -l ca -d 'A file with the certificates, in PEM, to check an https: server with.' -r
complete -c dwdht -n '__fish_seen_subcommand_from status' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from status' -l json -d 'Print JSON, an object on each line.'
complete -c dwdht -n '__fish_seen_subcommand_from status' -l timeout -d 'Give up after this many seconds.' -r
complete -c dwdht -n '__fish_seen_subcommand_from status' -l token-file -d 'A file with the token of the server, if it asks for one.' -r
complete -c dwdht -n '__fish_seen_subcommand_from status' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from status' -l watch -d 'Show it again every two seconds.'
complete -c dwdht -n '__fish_seen_subcommand_from node' -l authority -d 'The certificate of the network'\''s authority, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from node' -l bootstrap -d 'A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l certificate -d 'The certificate of this node, on a network by certificate: a PEM file of `dwdht network certify`. Give --private-key and --authority, too.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from node' -l config -d 'A file with options in TOML, by the names that they have here. The command line overrides it.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from node' -l contacts-per-host -d 'The most nodes of one public address that are listed. Raise it at all nodes of a network that has more nodes on one address, such as a cloud machine or a NAT.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l ephemeral -d 'Serve without being listed by others, as a bootstrap server does.'
complete -c dwdht -n '__fish_seen_subcommand_from node' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from node' -l http -d 'Serve metrics, the status, a page and the API over HTTP at this server endpoint of Twisted, such as tcp:8080 or ssl:8443:privateKey=PATH:certKey=PATH. It needs the extra dwdht_twisted[web].' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l http-client-ca -d 'A file with certificates, in PEM; only clients with a certificate that one of these has signed can connect, and they may write. It needs an ssl: endpoint.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from node' -l http-host -d 'A name under which HTTP is reached, other than localhost; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l http-token-file -d 'A file with a text of at least 16 characters; whoever sends it as a bearer token may write over HTTP.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from node' -l id -d 'The node'\''s id, as 64 hexadecimal digits; random by default.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l interface -d 'The IPv4 address to listen on; all by default.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l log-file -d 'The file to which the log is written; it is opened again at SIGHUP.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from node' -l log-format -d 'How the log is written: text, or json for a JSON line each.' -x -a 'text json'
complete -c dwdht -n '__fish_seen_subcommand_from node' -l member -d 'Be listed by others from the start. By default, a node on the public internet is listed once it was reachable for three minutes.'
complete -c dwdht -n '__fish_seen_subcommand_from node' -l network-key-file -d 'The file of the key of a private network, made by dwdht network key. Given twice while the key is replaced: the first one is used to send.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l no-peers -d 'Keep no announcements of peers for others.'
complete -c dwdht -n '__fish_seen_subcommand_from node' -l port -d 'The UDP port to listen on; 0 takes a free one.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l private-key -d 'The private key of the certificate, a PEM file.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from node' -l rate-limit -d 'The most requests a second that are served for one host in the long run; three times as many may come at once. none means no limit. Raise it when many nodes share an address, as behind a proxy or the NAT of a carrier.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l revocations -d 'The authority'\''s list of revoked certificates, a PEM file. This file and the others are read again while the node runs.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from node' -l state -d 'The folder in which the node'\''s id, its contacts and its values are kept over a restart; it is made if it is missing. Without it, nothing is kept but the values of sqlite:PATH.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from node' -l stop-within -d 'The most seconds that the stop may take; then the process ends with exit status 1.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l store -d 'Where values are kept: memory, none, or sqlite:PATH. By default in the folder of --state, and in memory without it.' -x -a 'memory none sqlite:'
complete -c dwdht -n '__fish_seen_subcommand_from node' -l store-age -d 'How long a value is kept after it was last put, in seconds or with m, h or d; 1d by default.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l store-size -d 'The size that the store may reach, in bytes or with K, M or G; 64M by default. The oldest values of who holds the largest share are dropped first.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l summary -d 'The time between two lines of the log that sum up what the node has done, in seconds or with m, h or d; none for no such line.' -r
complete -c dwdht -n '__fish_seen_subcommand_from node' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from network' -l days -d 'How long the certificates or the revocation list are valid; 365 days for certificates, 3650 for an authority and 30 for a list by default.' -r
complete -c dwdht -n '__fish_seen_subcommand_from network' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from network' -l version -d 'Display the version and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from demo' -l help -d 'Display this help and exit.'
complete -c dwdht -n '__fish_seen_subcommand_from demo' -l http -d 'Serve metrics, the status, a page and the API over HTTP at this server endpoint of Twisted, such as tcp:8080 or ssl:8443:privateKey=PATH:certKey=PATH. It needs the extra dwdht_twisted[web].' -r
complete -c dwdht -n '__fish_seen_subcommand_from demo' -l http-client-ca -d 'A file with certificates, in PEM; only clients with a certificate that one of these has signed can connect, and they may write. It needs an ssl: endpoint.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from demo' -l http-host -d 'A name under which HTTP is reached, other than localhost; may be repeated.' -r
complete -c dwdht -n '__fish_seen_subcommand_from demo' -l http-token-file -d 'A file with a text of at least 16 characters; whoever sends it as a bearer token may write over HTTP.' -r -F
complete -c dwdht -n '__fish_seen_subcommand_from demo' -l nodes -d 'How many nodes the network has.' -r
complete -c dwdht -n '__fish_seen_subcommand_from demo' -l version -d 'Display the version and exit.'
