"""Hypothesis strategies for everything that a field table can hold."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from diracmq_cli.core.message import Properties
from diracmq_cli.core.values import FieldValue, OpaqueString, Table, Timestamp


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


opaque = st.binary(min_size=1, max_size=60).filter(lambda octets: not _is_utf8(octets)).map(OpaqueString)
text = st.text(max_size=60)
names = st.text(max_size=60)
short = st.one_of(st.text(max_size=60), opaque)
decimals = st.builds(
    lambda coefficient, scale: Decimal(f"{coefficient}E-{scale}"), st.integers(-(2**31), 2**31 - 1), st.integers(0, 255)
)
scalars: st.SearchStrategy[FieldValue] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53, 2**53 + 1, -(2**53), -(2**53) - 1]),
    st.floats(allow_nan=False, allow_infinity=False),
    decimals,
    text,
    opaque,
    st.binary(max_size=60),
    st.builds(Timestamp, st.one_of(st.integers(0, 2**64 - 1), st.integers(253_402_300_790, 253_402_300_810))),
)
tagged_names = st.sampled_from(["$ts", "$b64", "$table", "$", "$unknown"])
values: st.SearchStrategy[FieldValue] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(names, tagged_names), inner, max_size=4),
        st.dictionaries(tagged_names, inner, min_size=1, max_size=1),
    ),
    max_leaves=12,
)
tables: st.SearchStrategy[Table] = st.dictionaries(st.one_of(names, tagged_names), values, max_size=6)


def _maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(st.none(), strategy)


properties: st.SearchStrategy[Properties] = st.builds(
    Properties,
    content_type=_maybe(short),
    content_encoding=_maybe(short),
    delivery_mode=_maybe(st.integers(1, 2)),
    priority=_maybe(st.integers(0, 255)),
    correlation_id=_maybe(short),
    reply_to=_maybe(short),
    expiration=_maybe(st.integers(0, 2**40).map(str)),
    message_id=_maybe(short),
    timestamp=_maybe(st.integers(0, 2**64 - 1)),
    type=_maybe(short),
    user_id=_maybe(short),
    app_id=_maybe(short),
    cluster_id=_maybe(short),
)
