"""
The kinds of NATs that `tests.helpers.processes.nat` makes.
"""

from __future__ import annotations

from enum import Enum

from dwdht_twisted import Address


class Nat(Enum):
    """
    The mapping and filtering of a NAT, as nftables rules.

    The mapping is that of ``masquerade``. By default, the filter is that of the kernel's connection
    tracking, by address and port.
    """

    #: A host behind the NAT keeps its own port towards every destination, if this port is free.
    PRESERVING = ("masquerade", "")

    #: A host behind the NAT gets another port for each destination address and port.
    SYMMETRIC = ("masquerade random", "")

    #: The NAT keeps ports. It accepts datagrams from every port of a host that was sent a datagram.
    OPEN_TO_HOST = (
        "masquerade",
        """
        map opened {
            type ipv4_addr . inet_service : ipv4_addr . inet_service
            flags dynamic,timeout
            timeout 3s
        }
        chain note {
            type filter hook postrouting priority 300
            oifname "wan" meta l4proto udp update @opened { \
                ip daddr . udp sport : ct original ip saddr . ct original proto-src }
        }
        chain prerouting {
            type nat hook prerouting priority dstnat
            iifname "wan" dnat ip to ip saddr . udp dport map @opened
        }
        """,
    )

    #: The NAT keeps ports. Everybody reaches the port of the node, which is forwarded.
    FORWARDED = (
        "masquerade",
        """
        chain prerouting {
            type nat hook prerouting priority dstnat
            iifname "wan" udp dport $port dnat to $host
        }
        """,
    )

    def rules(self, node: Address, other: str) -> str:
        """
        Return the rules of the NAT, with counters for datagrams from the other NAT.

        :param node: the address of the node behind the NAT
        :param other: the public address of the other NAT
        """
        masquerade, _ = self.value
        return f"""
            {self.change(node)}
            table ip nat {{
                counter admitted {{ }}
                counter refused {{ }}
                chain postrouting {{
                    type nat hook postrouting priority srcnat
                    oifname "wan" {masquerade}
                }}
                chain forward {{
                    type filter hook forward priority filter; policy drop;
                    iifname "lan" accept
                    iifname "wan" ip saddr {other} ct state established counter name admitted accept
                    iifname "wan" ct state established,related accept
                    iifname "wan" ip saddr {other} ct status dnat counter name admitted accept
                    iifname "wan" ct status dnat accept
                }}
                chain input {{
                    type filter hook input priority filter; policy drop;
                    iifname "wan" ip saddr {other} counter name refused drop
                }}
            }}
        """

    def change(self, node: Address) -> str:
        """Return the rules that this NAT has more than one that keeps ports."""
        _, more = self.value
        return f"""
            define host = {node.host}
            define port = {node.port}
            table ip nat {{
                {more}
            }}
        """
