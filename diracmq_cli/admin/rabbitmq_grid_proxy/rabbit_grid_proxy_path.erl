%% Who may sign what: RFC 3820 path validation as a state machine over a certificate path. Pure.
%%
%% OTP walks the path from below the trust anchor to the leaf. Before the `valid' event of a certificate
%% (`valid_peer' for the leaf) it has checked its validity, issuer's name, name constraints and signature. It does
%% not know what may stand below an end entity, and forbids too much or too little there; that is decided here,
%% once per certificate.
-module(rabbit_grid_proxy_path).

-export([new/1, verify/3, below_ca/1, end_entity/1, kind/1, depth/1, until/1]).
-export([subject/1, issuer/1, serial/1, validity/1, seconds/1]).

-include("rabbit_grid_proxy.hrl").

-define(KEY_USAGE, {2,5,29,15}).
-define(SUBJECT_ALT_NAME, {2,5,29,17}).
-define(ISSUER_ALT_NAME, {2,5,29,18}).
-define(BASIC_CONSTRAINTS, {2,5,29,19}).
-define(PROXY_CERT_INFO, {1,3,6,1,5,5,7,1,14}).
-define(COMMON_NAME, {2,5,4,3}).
-define(INHERIT_ALL, <<16#2B,6,1,5,5,7,21,1>>).                   % 1.3.6.1.5.5.7.21.1
-define(LIMITED, <<16#2B,6,1,4,1,16#9B,16#50,1,1,1,9>>).          % 1.3.6.1.4.1.3536.1.1.1.9
-define(EPOCH, 62167219200).                                      % 1970 in gregorian seconds

%% MD2, MD5 and SHA-1 with RSA, SHA-1 with ECDSA, with DSA, and with RSA as OIW numbered it.
-define(WEAK_SIGNATURES, [{1,2,840,113549,1,1,2}, {1,2,840,113549,1,1,4}, {1,2,840,113549,1,1,5},
                          {1,2,840,10045,4,1}, {1,2,840,10040,4,3}, {1,3,14,3,2,29}]).

-record(path, {max_proxies = 10,
               limited_allowed = true,
               below = ca,              % what signs the next certificate: ca | eec | proxy
               subject,                 % that signer's name
               eec,                     % the end entity's DN: who logs in
               limited = false,         % the signer is a limited proxy
               depth = 0,               % proxies so far
               left = infinity,         % proxies that those so far still allow
               until = infinity}).      % earliest notAfter so far, seconds since 1970

%% Options: {max_proxies, N}, default 10; {limited, allow | reject}, default allow.
new(Options) -> lists:foldl(fun option/2, #path{}, Options).

option({max_proxies, N}, Path) when is_integer(N), N >= 0 -> Path#path{max_proxies = N};
option({limited, allow}, Path) -> Path#path{limited_allowed = true};
option({limited, reject}, Path) -> Path#path{limited_allowed = false};
option(Other, _) -> error({bad_option, Other}).

%% Whether the next certificate is one that a CA issued.
below_ca(#path{below = Below}) -> Below =:= ca.

end_entity(#path{eec = Dn}) -> Dn.
until(#path{until = Until}) -> Until.
depth(#path{depth = Depth}) -> Depth.
kind(#path{below = proxy, limited = true}) -> limited_proxy;
kind(#path{below = proxy}) -> proxy;
kind(#path{below = eec}) -> end_entity.

%% The events of ssl's verify_fun. A refusal is {fail, {bad_cert, Reason}}.
verify(Cert, Event, Path) ->
    try event(Cert, Event, Path)
    catch
        throw:Why -> {fail, {bad_cert, Why}};
        error:Why -> {fail, {bad_cert, {malformed, Why}}}
    end.

%% An end entity or a proxy has neither keyCertSign nor cA, and a CA's path length says nothing about proxies
%% (RFC 3820, 4.1); step/2 decides whether it may stand where it stands.
event(Cert, {bad_cert, Why}, #path{below = Below} = Path)
  when Why =:= invalid_key_usage; Why =:= missing_basic_constraint ->
    is_ca(Cert) andalso Below =:= ca andalso throw(Why),
    {valid, Path};
event(_, {bad_cert, max_path_length_reached}, #path{below = Below} = Path) when Below =/= ca ->
    {valid, Path};
event(_, {bad_cert, Why}, _) ->
    throw(Why);
event(_, {extension, #'Extension'{extnID = ?PROXY_CERT_INFO}}, Path) ->
    {valid, Path};
%% OTP would refuse it too, without asking once more.
event(_, {extension, #'Extension'{critical = true}}, _) ->
    throw(unknown_critical_extension);
event(_, {extension, _}, Path) ->
    {unknown, Path};
event(Cert, valid, Path) ->
    {valid, step(Cert, Path)};
event(Cert, valid_peer, Path) ->
    Next = step(Cert, Path),
    Next#path.below =/= ca orelse throw(ca_is_not_a_user),
    {valid, Next}.

step(Cert, #path{below = Below} = Path) ->
    case {Below, is_ca(Cert), extension(?PROXY_CERT_INFO, Cert)} of
        {ca, true, none} -> next(Cert, ca, Path);
        {ca, false, none} -> end_entity(Cert, Path);
        {ca, _, _} -> throw(proxy_signed_by_ca);
        {_, true, none} -> throw(ca_below_end_entity);
        {_, true, _} -> throw(proxy_is_a_ca);
        {_, false, none} -> throw(not_a_proxy(Cert, Path));
        {_, false, Info} -> proxy(Cert, Info, Path)
    end.

next(Cert, Kind, #path{until = Until} = Path) ->
    {_, NotAfter} = validity(Cert),
    Path#path{below = Kind, subject = subject(Cert), until = min(Until, NotAfter)}.

end_entity(Cert, Path) ->
    signer(Cert),
    next(Cert, eec, Path#path{eec = rabbit_grid_proxy_dn:oneline(subject(Cert))}).

%% RFC 3820 sections 3 and 4.1.
proxy(Cert, #'Extension'{critical = Critical, extnValue = Der}, #path{subject = Issuer} = Path) ->
    Critical =:= true orelse throw(proxy_info_not_critical),
    issuer(Cert) =:= Issuer orelse throw(proxy_issuer),
    case added(subject(Cert), Issuer) of
        [#'AttributeTypeAndValue'{type = ?COMMON_NAME}] -> ok;
        _ -> throw(proxy_subject)
    end,
    [extension(Oid, Cert) =:= none orelse throw(proxy_alt_name) || Oid <- [?SUBJECT_ALT_NAME, ?ISSUER_ALT_NAME]],
    signer(Cert),
    {Length, Language} = proxy_info(Der),
    next(Cert, proxy, inherit(Language, count(Length, Path))).

%% Without proxyCertInfo below an end entity: somebody mints. Before RFC 3820 a certificate was a proxy by its name
%% alone (GT2); such are refused, but the operator learns which it was.
not_a_proxy(Cert, #path{subject = Issuer}) ->
    case added(subject(Cert), Issuer) of
        [#'AttributeTypeAndValue'{type = ?COMMON_NAME}] -> legacy_proxy;
        _ -> signed_by_end_entity
    end.

%% The one RDN that Name has more than Above, or `none' if it is not exactly that.
added({rdnSequence, Name}, {rdnSequence, Above}) ->
    case lists:prefix(Above, Name) andalso lists:nthtail(length(Above), Name) of
        [Rdn] -> Rdn;
        _ -> none
    end.

count(_, #path{depth = Depth, max_proxies = Max}) when Depth >= Max -> throw(too_many_proxies);
count(_, #path{left = 0}) -> throw(proxy_path_too_long);
count(Length, #path{depth = Depth, left = infinity} = Path) -> Path#path{depth = Depth + 1, left = Length};
count(Length, #path{depth = Depth, left = Left} = Path) -> Path#path{depth = Depth + 1, left = min(Left - 1, Length)}.

%% A limited proxy signs limited ones only, as in Globus: what it signs cannot be worth more than it is.
inherit(?LIMITED, #path{limited_allowed = false}) -> throw(limited_proxy);
inherit(?LIMITED, Path) -> Path#path{limited = true};
inherit(?INHERIT_ALL, #path{limited = true}) -> throw(full_below_limited);
inherit(?INHERIT_ALL, Path) -> Path.

%% ProxyCertInfo ::= SEQUENCE { pCPathLenConstraint INTEGER (0..MAX) OPTIONAL,
%%                              proxyPolicy SEQUENCE { policyLanguage OID, policy OCTET STRING OPTIONAL } }
%% Read as DER, and no longer than these languages need. They forbid a policy; independent proxies (which would
%% not speak for the end entity) and languages that nobody here understands are refused, as 3.8.2 demands.
proxy_info(<<16#30, N, Info:N/binary>>) when N < 128 ->
    {Length, Policy} = path_length(Info),
    {Length, language(Policy)};
proxy_info(_) -> throw(proxy_info_malformed).

path_length(<<2, 1, 0:1, Length:7, Policy/binary>>) -> {Length, Policy};
path_length(<<2, 2, 0:1, Length:15, Policy/binary>>) when Length > 127 -> {Length, Policy};
path_length(<<16#30, _/binary>> = Policy) -> {infinity, Policy};
path_length(_) -> throw(proxy_info_malformed).

language(<<16#30, N, 6, K, Oid:K/binary, Policy/binary>>) when N < 128, N =:= 2 + K + byte_size(Policy) ->
    lists:member(Oid, [?INHERIT_ALL, ?LIMITED]) orelse throw(proxy_policy),
    Policy =:= <<>> orelse throw(proxy_info_malformed),
    Oid;
language(_) -> throw(proxy_info_malformed).

%% An end entity or a proxy must be able to sign in TLS, and must not be able to sign certificates. With a
%% verify_fun OTP leaves the choice of signature algorithms above the leaf to it.
signer(#'OTPCertificate'{signatureAlgorithm = Algorithm} = Cert) ->
    lists:member(element(2, Algorithm), ?WEAK_SIGNATURES) andalso throw(weak_signature),
    case extension(?KEY_USAGE, Cert) of
        none -> ok;
        #'Extension'{extnValue = Uses} ->
            lists:member(digitalSignature, Uses) orelse throw(no_digital_signature),
            lists:member(keyCertSign, Uses) andalso throw(key_cert_sign)
    end.

is_ca(Cert) ->
    case extension(?BASIC_CONSTRAINTS, Cert) of
        #'Extension'{extnValue = #'BasicConstraints'{cA = true}} -> true;
        _ -> false
    end.

extension(Oid, #'OTPCertificate'{tbsCertificate = #'OTPTBSCertificate'{extensions = All}}) when is_list(All) ->
    case [E || #'Extension'{extnID = O} = E <- All, O =:= Oid] of
        [] -> none;
        [E] -> E;
        _ -> throw(duplicate_extension)
    end;
extension(_, _) -> none.

subject(#'OTPCertificate'{tbsCertificate = T}) -> T#'OTPTBSCertificate'.subject.
issuer(#'OTPCertificate'{tbsCertificate = T}) -> T#'OTPTBSCertificate'.issuer.
serial(#'OTPCertificate'{tbsCertificate = T}) -> T#'OTPTBSCertificate'.serialNumber.

%% {NotBefore, NotAfter} in seconds since 1970.
validity(#'OTPCertificate'{tbsCertificate = #'OTPTBSCertificate'{validity = {'Validity', From, Until}}}) ->
    {seconds(From), seconds(Until)}.

%% A time of a certificate or a CRL in seconds since 1970.
seconds({utcTime, [Y | _] = T}) when Y < $5 -> seconds({generalTime, "20" ++ T});
seconds({utcTime, T}) -> seconds({generalTime, "19" ++ T});
seconds({generalTime, T}) ->
    {ok, [Year, Month, Day, H, M, S], "Z"} = io_lib:fread("~4d~2d~2d~2d~2d~2d", T),
    calendar:datetime_to_gregorian_seconds({{Year, Month, Day}, {H, M, S}}) - ?EPOCH.
