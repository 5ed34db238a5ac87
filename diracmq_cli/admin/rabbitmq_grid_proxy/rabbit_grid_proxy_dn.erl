%% Distinguished names in the grid's one-line form, /DC=org/DC=example/CN=Jane Doe: the form in which DIRAC's
%% registry, the broker's users and user_id hold them. The same rules as diracmq_cli/core/dn.py.
-module(rabbit_grid_proxy_dn).

-export([oneline/1, show/1]).

-include("rabbit_grid_proxy.hrl").

%% user_id is an AMQP short string, and so is what the broker compares with it.
-define(LONGEST, 255).

%% The name as a login. Two different names must never give the same text, so whatever could is refused:
%% throws ambiguous_name, multi_valued_rdn, name_encoding, empty_name or name_too_long.
oneline({rdnSequence, []}) -> throw(empty_name);
oneline({rdnSequence, Rdns}) ->
    Name = iolist_to_binary([rdn(R) || R <- Rdns]),
    byte_size(Name) =< ?LONGEST orelse throw(name_too_long),
    Name.

%% The name for a log line, whatever is in it. Never a login.
show({rdnSequence, Rdns}) ->
    Name = iolist_to_binary([show_rdn(R) || R <- Rdns]),
    binary:part(Name, 0, min(byte_size(Name), 2 * ?LONGEST)).

show_rdn(Attributes) ->
    [$/, lists:join($+, [show_attribute(A) || A <- Attributes])].

show_attribute(#'AttributeTypeAndValue'{type = Type, value = Value}) ->
    Text = try [show_char(C) || C <- bytes(Value)] catch throw:name_encoding -> "?" end,
    [label(Type), $=, Text].

show_char($\\) -> "\\\\";
show_char(C) -> char(C).

rdn([#'AttributeTypeAndValue'{type = Type, value = Value}]) ->
    Text = iolist_to_binary([char(C) || C <- bytes(Value)]),
    re:run(Text, "/[A-Za-z0-9.]+=") =:= nomatch orelse throw(ambiguous_name),
    [$/, label(Type), $=, Text];
rdn(_) -> throw(multi_valued_rdn).

bytes({utf8String, V}) when is_binary(V) -> binary_to_list(V);
bytes({utf8String, V}) -> binary_to_list(unicode:characters_to_binary(V));
bytes({Kind, V}) when Kind =:= printableString; Kind =:= teletexString -> V;
bytes(V) when is_list(V) -> V;                                    % IA5String, country
bytes({asn1_OPENTYPE, Der}) when is_binary(Der) -> bytes(Der);    % the next, as OTP 28 and later have it
bytes(<<Tag, Len, V/binary>>)                                     % a type that OTP does not know (UID): DER string
  when Len < 128, byte_size(V) =:= Len, (Tag =:= 12 orelse Tag =:= 19 orelse Tag =:= 22) -> binary_to_list(V);
bytes(_) -> throw(name_encoding).

%% A typed-out backslash is refused: "\xC3" could be one byte or four characters.
char($\\) -> throw(ambiguous_name);
char(C) when C < 32; C > 126 -> io_lib:format("\\x~2.16.0B", [C]);
char(C) -> C.

label({2,5,4,3}) -> "CN";
label({2,5,4,4}) -> "SN";
label({2,5,4,5}) -> "serialNumber";
label({2,5,4,6}) -> "C";
label({2,5,4,7}) -> "L";
label({2,5,4,8}) -> "ST";
label({2,5,4,9}) -> "street";
label({2,5,4,10}) -> "O";
label({2,5,4,11}) -> "OU";
label({2,5,4,12}) -> "title";
label({2,5,4,13}) -> "description";
label({2,5,4,41}) -> "name";
label({2,5,4,42}) -> "GN";
label({2,5,4,43}) -> "initials";
label({2,5,4,44}) -> "generationQualifier";
label({2,5,4,46}) -> "dnQualifier";
label({2,5,4,65}) -> "pseudonym";
label({2,5,4,97}) -> "organizationIdentifier";
label({0,9,2342,19200300,100,1,1}) -> "UID";
label({0,9,2342,19200300,100,1,25}) -> "DC";
label({1,2,840,113549,1,9,1}) -> "emailAddress";
label(Oid) -> lists:join($., [integer_to_list(I) || I <- tuple_to_list(Oid)]).
