%% A certificate revocation list (RFC 5280, 5), reduced to what a login asks of it.
-module(rabbit_grid_proxy_crl).

-export([load/2, status/2]).

-include("rabbit_grid_proxy.hrl").

%% ssl would do it too ({crl_check, true}), but reads, decodes, encodes again and hashes the whole list at every
%% handshake, whatever its crl_cache keeps: 3 MB cost more than everything else in it together.
-record(crl, {until,           % nextUpdate, seconds since 1970
              width,           % octets of a serial number below
              serials}).       % one binary, sorted: reference counted, so that looking at it copies nothing

%% The CRLs of the CA called Name in a grid CA directory, <hash>.r0 and so on, that a certificate of that CA there,
%% <hash>.0 and so on, has signed: #crl{}, `none', or {error, Why}. A CA that has renewed its key may have several.
%% To be called through rabbit_grid_proxy_files.
load(Directory, Name) ->
    Normal = public_key:pkix_normalize_name(Name),
    Hash = filename:join(Directory, public_key:short_name_hash(Normal)),
    Authorities = [Cert || {_, Octets} <- numbered(Hash ++ "."), Cert <- [certificate(Octets)],
                           public_key:pkix_normalize_name(rabbit_grid_proxy_path:subject(Cert)) =:= Normal],
    Lists = [read(Path, Octets) || {Path, Octets} <- numbered(Hash ++ ".r")],
    case [List || List <- Lists, public_key:pkix_normalize_name(public_key:pkix_crl_issuer(List)) =:= Normal] of
        [] -> none;
        Ours ->
            case [List || List <- Ours, lists:any(fun(Cert) -> public_key:pkix_crl_verify(List, Cert) end, Authorities)] of
                [] -> {error, crl_not_signed_by_its_ca};
                Signed -> merge([reduce(List) || List <- Signed])
            end
    end.

%% What the list says of a serial number: good | revoked | expired. What was revoked once stays so.
status(#crl{until = Until} = Crl, Serial) ->
    case revoked(Crl, Serial) of
        true -> revoked;
        false -> case Until >= erlang:system_time(second) of true -> good; false -> expired end
    end.

numbered(Prefix) -> numbered(Prefix, 0).

numbered(Prefix, N) ->
    Path = Prefix ++ integer_to_list(N),
    case rabbit_grid_proxy_files:contents(Path) of
        none -> [];
        Octets -> [{Path, Octets} | numbered(Prefix, N + 1)]
    end.

certificate(Octets) -> public_key:pkix_decode_cert(der('Certificate', Octets), otp).

read(Path, Octets) ->
    try public_key:der_decode('CertificateList', der('CertificateList', Octets))
    catch error:_ -> error({not_a_crl, Path})
    end.

der(Type, <<"-----BEGIN", _/binary>> = Pem) ->
    [Der | _] = [Der || {Kind, Der, not_encrypted} <- public_key:pem_decode(Pem), Kind =:= Type],
    Der;
der(_, Der) -> Der.

%% Only complete lists: a critical extension would say that this one holds a part of what was revoked.
reduce(#'CertificateList'{tbsCertList = #'TBSCertList'{nextUpdate = Next, revokedCertificates = Revoked,
                                                       crlExtensions = Extensions}}) ->
    [error({crl_extension, Id}) || is_list(Extensions), #'Extension'{extnID = Id, critical = true} <- Extensions],
    Serials = case Revoked of asn1_NOVALUE -> []; _ -> [element(2, R) || R <- Revoked] end,
    {rabbit_grid_proxy_path:seconds(Next), Serials}.

merge(Lists) ->
    Serials = lists:usort(lists:append([S || {_, S} <- Lists])),
    Width = lists:max([0 | [byte_size(binary:encode_unsigned(S)) || S <- Serials]]),
    #crl{until = lists:max([Until || {Until, _} <- Lists]),
         width = Width,
         serials = << <<S:Width/unit:8>> || S <- Serials >>}.

revoked(#crl{width = Width, serials = Serials}, Serial) ->
    Width > 0 andalso found(Serial, Serials, Width, 0, byte_size(Serials) div Width).

found(_, _, _, From, From) -> false;
found(Serial, Serials, Width, From, To) ->
    Middle = (From + To) div 2,
    case binary:decode_unsigned(binary:part(Serials, Middle * Width, Width)) of
        Serial -> true;
        Less when Less < Serial -> found(Serial, Serials, Width, Middle + 1, To);
        _ -> found(Serial, Serials, Width, From, Middle)
    end.
