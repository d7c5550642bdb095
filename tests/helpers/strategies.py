"""
What property tests draw from: ids, addresses, contacts and messages.
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

#: For properties that are checked in microseconds.
thorough = settings(max_examples=300, deadline=None, print_blob=True)

#: For properties of long sequences.
patient = settings(max_examples=80, deadline=None, print_blob=True)

ids = st.binary(min_size=ID_BYTES, max_size=ID_BYTES)
ports = st.integers(1, 65535)
octets = st.integers(0, 255)

#: Hosts that something can be sent to.
hosts = st.builds("{}.{}.{}.{}".format, st.integers(1, 223), octets, octets, octets)

contacts = st.builds(Contact, ids, hosts, ports)
ephemeralContacts = st.builds(Contact, st.none(), hosts, ports)

transactionIds = st.integers(0, (1 << TRANSACTION_ID_BITS) - 1)
_fields = st.none() | st.binary(max_size=300)

requests = st.builds(
    RequestMessage,
    transactionIds,
    # Anything that UTF-8 can carry.
    st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | ids,
    _fields,
    _fields,
    _fields,
    _fields,
    _fields,
)

responses = st.builds(ResponseMessage, transactionIds, st.none() | ids, _fields, _fields, _fields)
