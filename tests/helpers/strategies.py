"""
Hypothesis strategies for ids, addresses, contacts and messages, and settings for property tests.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from dwdht_twisted._core.wire import (
    ID_BYTES,
    TRANSACTION_ID_BITS,
    Contact,
    RequestMessage,
    ResponseMessage,
)

#: Settings for properties whose examples take microseconds.
thorough = settings(max_examples=300, deadline=None, print_blob=True)

#: Settings for properties of long sequences, whose examples take milliseconds.
patient = settings(max_examples=80, deadline=None, print_blob=True)

#: Pauses of up to 10 seconds, in steps of 1/8 second, which floating point numbers hold exactly.
pauses = st.integers(0, 80).map(lambda eighths: eighths / 8)

ids = st.binary(min_size=ID_BYTES, max_size=ID_BYTES)
ports = st.integers(1, 65535)
octets = st.integers(0, 255)

#: Hosts to which a datagram can be sent: the first octet is neither 0 nor that of a multicast
#: group.
hosts = st.builds("{}.{}.{}.{}".format, st.integers(1, 223), octets, octets, octets)

contacts = st.builds(Contact, ids, hosts, ports)
ephemeralContacts = st.builds(Contact, st.none(), hosts, ports)

transactionIds = st.integers(0, (1 << TRANSACTION_ID_BITS) - 1)
_fields = st.none() | st.binary(max_size=300)

requests = st.builds(
    RequestMessage,
    transactionIds,
    # All text except lone surrogates, which UTF-8 can't encode.
    st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | ids,
    _fields,
    _fields,
    _fields,
    _fields,
    _fields,
    _fields,
)

responses = st.builds(
    ResponseMessage, transactionIds, st.none() | ids, _fields, _fields, _fields, _fields
)
