%% Who may sign what: RFC 3820 path validation as a state machine over a certificate path. Pure.
%%
%% OTP walks the path from below the trust anchor to the leaf and has checked validity, issuer name, name
%% constraints and signature of a certificate before its `valid' event (`valid_peer' for the leaf). It does not
%% know what may stand below an end entity, and forgives or forbids too much there; that is decided here, once
%% per certificate.
-module(rabbit_grid_proxy_path).

-export([new/1, verify/3, end_entity/1, kind/1, depth/1, until/1]).

-include("rabbit_grid_proxy.hrl").

-define(KEY_USAGE, {2,5,29,15}).
-define(SUBJECT_ALT_NAME, {2,5,29,17}).
-define(ISSUER_ALT_NAME, {2,5,29,18}).
-define(BASIC_CONSTRAINTS, {2,5,29,19}).
-define(PROXY_CERT_INFO, {1,3,6,1,5,5,7,1,14}).
-define(COMMON_NAME, {2,5,4,3}).
-define(INHERIT_ALL, <<16#2B,6,1,5,5,7,21,1>>).                   % 1.3.6.1.5.5.7.21.1
-define(LIMITED, <<16#2B,6,1,4,1,16#9B,16#50,1,1,1,9>>).          % 1.3.6.1.4.1.3536.1.1.1.9
-define(DEFAULT_MAX_PROXIES, 10).
-define(EPOCH, 62167219200).                                      % 1970 in gregorian seconds

-record(path, {max_proxies = ?DEFAULT_MAX_PROXIES, limited_allowed = true,
               below = ca,              % what the next certificate is signed by: ca | eec | proxy
               subject,                 % and that signer's name
               eec,                     % the end entity's DN: who logs in
               limited = false,         % sticky: nothing below a limited proxy is a full one
               depth = 0,               % proxies so far
               left = infinity,         % proxies that the certificates so far still allow
               until = infinity}).      % earliest notAfter so far, seconds since 1970

%% Options: {max_proxies, N}, default 10; {limited, allow | reject}, default allow.
new(Options) -> lists:foldl(fun option/2, #path{}, Options).

option({max_proxies, N}, Path) when is_integer(N), N >= 0 -> Path#path{max_proxies = N};
option({limited, allow}, Path) -> Path#path{limited_allowed = true};
option({limited, reject}, Path) -> Path#path{limited_allowed = false};
option(Other, _) -> error({bad_option, Other}).

end_entity(#path{eec = Dn}) -> Dn.
until(#path{until = Until}) -> Until.
depth(#path{depth = Depth}) -> Depth.
kind(#path{below = proxy, limited = true}) -> limited_proxy;
kind(#path{below = Below}) -> Below.

%% The events of ssl's verify_fun. A refusal is {fail, {bad_cert, Reason}}, Reason an atom or a tuple of terms.
%%
%% An end entity or a proxy has neither keyCertSign nor cA, and a CA's path length says nothing about proxies
%% (RFC 3820, 4.1); step/2 decides whether it may stand where it stands.
verify(Cert, {bad_cert, Why}, Path) when Why =:= invalid_key_usage; Why =:= missing_basic_constraint ->
    case is_ca(Cert) of false -> {valid, Path}; true -> {fail, {bad_cert, Why}} end;
verify(_, {bad_cert, max_path_length_reached}, #path{below = Below} = Path) when Below =/= ca ->
    {valid, Path};
%% No CRL can exist for a proxy. Asked after step/2 has accepted it as one.
verify(_, {bad_cert, {revocation_status_undetermined, _}}, #path{below = proxy} = Path) ->
    {valid, Path};
verify(_, {bad_cert, _} = Bad, _) ->
    {fail, Bad};
verify(_, {extension, #'Extension'{extnID = ?PROXY_CERT_INFO}}, Path) ->
    {valid, Path};
verify(_, {extension, _}, Path) ->
    {unknown, Path};
verify(Cert, Event, Path) when Event =:= valid; Event =:= valid_peer ->
    try step(Cert, Path) of
        #path{below = ca} when Event =:= valid_peer -> {fail, {bad_cert, ca_is_not_a_user}};
        Next -> {valid, Next}
    catch
        throw:Why -> {fail, {bad_cert, Why}};
        error:Why -> {fail, {bad_cert, {malformed, Why}}}
    end.

step(Cert, #path{below = Below} = Path) ->
    case {Below, is_ca(Cert), ext(?PROXY_CERT_INFO, Cert)} of
        {ca, true, none} -> next(Cert, ca, Path);
        {ca, false, none} -> signer(Cert), next(Cert, eec, Path#path{eec = rabbit_grid_proxy_dn:oneline(subject(Cert))});
        {ca, _, _} -> throw(proxy_signed_by_ca);
        {_, true, _} -> throw(ca_below_end_entity);
        {_, false, none} -> throw(not_a_proxy(Cert, Path));
        {_, false, Info} -> next(Cert, proxy, proxy(Cert, Info, Path))
    end.

next(Cert, Kind, #path{until = Until} = Path) ->
    Path#path{below = Kind, subject = subject(Cert), until = min(Until, not_after(Cert))}.

%% Without proxyCertInfo below an end entity: somebody mints. Before RFC 3820 such was a proxy if its name was the
%% signer's with CN=proxy or CN=limited proxy (GT2); any certificate of a user's could be made to look like that.
not_a_proxy(Cert, #path{subject = {rdnSequence, Above}}) ->
    {rdnSequence, Names} = subject(Cert),
    case length(Names) =:= length(Above) + 1 andalso lists:prefix(Above, Names) of
        true -> legacy_proxy;
        false -> signed_by_end_entity
    end.

%% RFC 3820 sections 3 and 4.1.
proxy(Cert, #'Extension'{critical = Critical, extnValue = Der}, #path{subject = Issuer} = Path) ->
    Critical =:= true orelse throw(proxy_info_not_critical),
    issuer(Cert) =:= Issuer orelse throw(proxy_issuer),
    proxy_subject(subject(Cert), Issuer),
    [ext(Oid, Cert) =:= none orelse throw(proxy_alt_name) || Oid <- [?SUBJECT_ALT_NAME, ?ISSUER_ALT_NAME]],
    signer(Cert),
    {Length, Language} = proxy_info(Der),
    Next = inherit(Language, count(Length, Path)),
    Next#path.limited andalso not Next#path.limited_allowed andalso throw(limited_proxy),
    Next.

proxy_subject({rdnSequence, Names}, {rdnSequence, Above}) ->
    length(Names) =:= length(Above) + 1 andalso lists:prefix(Above, Names) orelse throw(proxy_subject),
    case lists:last(Names) of
        [#'AttributeTypeAndValue'{type = ?COMMON_NAME}] -> ok;
        _ -> throw(proxy_subject)
    end.

count(Length, #path{left = Left, depth = Depth, max_proxies = Max} = Path) ->
    Left =/= 0 orelse throw(proxy_path_too_long),
    Depth < Max orelse throw(too_many_proxies),
    Path#path{depth = Depth + 1, left = min(fewer(Left), Length)}.

fewer(infinity) -> infinity;
fewer(Left) -> Left - 1.

inherit(?INHERIT_ALL, Path) -> Path;
inherit(?LIMITED, Path) -> Path#path{limited = true};
inherit(_, _) -> throw(proxy_policy).                             % independent, or not understood

%% ProxyCertInfo ::= SEQUENCE { pCPathLenConstraint INTEGER OPTIONAL, SEQUENCE { policyLanguage OID } }
%% Both known languages forbid a policy, so nothing may follow the OID. DER, short lengths, and nothing else.
proxy_info(<<16#30, N, 2, 1, 0:1, Len:7, 16#30, M, 6, K, Oid/binary>>)
  when N =:= M + 5, M =:= K + 2, K =:= byte_size(Oid) -> {Len, Oid};
proxy_info(<<16#30, N, 2, 2, 0:1, Len:15, 16#30, M, 6, K, Oid/binary>>)
  when N =:= M + 6, M =:= K + 2, K =:= byte_size(Oid), Len > 127 -> {Len, Oid};
proxy_info(<<16#30, N, 16#30, M, 6, K, Oid/binary>>)
  when N =:= M + 2, M =:= K + 2, K =:= byte_size(Oid) -> {infinity, Oid};
proxy_info(_) -> throw(proxy_info_malformed).

%% An end entity or a proxy must be able to sign in TLS, and must not be able to sign certificates.
signer(Cert) ->
    case ext(?KEY_USAGE, Cert) of
        none -> ok;
        #'Extension'{extnValue = Uses} ->
            lists:member(digitalSignature, Uses) orelse throw(no_digital_signature),
            lists:member(keyCertSign, Uses) andalso throw(key_cert_sign)
    end.

is_ca(Cert) ->
    case ext(?BASIC_CONSTRAINTS, Cert) of
        #'Extension'{extnValue = #'BasicConstraints'{cA = true}} -> true;
        _ -> false
    end.

ext(Oid, #'OTPCertificate'{tbsCertificate = #'OTPTBSCertificate'{extensions = Exts}}) when is_list(Exts) ->
    case [E || #'Extension'{extnID = O} = E <- Exts, O =:= Oid] of
        [] -> none;
        [E] -> E;
        _ -> throw(duplicate_extension)
    end;
ext(_, _) -> none.

subject(#'OTPCertificate'{tbsCertificate = T}) -> T#'OTPTBSCertificate'.subject.
issuer(#'OTPCertificate'{tbsCertificate = T}) -> T#'OTPTBSCertificate'.issuer.

not_after(#'OTPCertificate'{tbsCertificate = #'OTPTBSCertificate'{validity = {'Validity', _, NotAfter}}}) ->
    Digits = case NotAfter of
                 {utcTime, [Y | _] = T} when Y < $5 -> "20" ++ T;
                 {utcTime, T} -> "19" ++ T;
                 {generalTime, T} -> T
             end,
    {ok, [Y4, Mo, D, H, Mi, S], "Z"} = io_lib:fread("~4d~2d~2d~2d~2d~2d", Digits),
    calendar:datetime_to_gregorian_seconds({{Y4, Mo, D}, {H, Mi, S}}) - ?EPOCH.
