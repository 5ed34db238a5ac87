%% What the grid's CA directory says about certificates that CAs issue, and Erlang's ssl does not ask: which names a CA
%% may certify (signing_policy), and what it has revoked.
-module(rabbit_grid_proxy_authority).

-export([new/1, check/2]).

-record(authority, {crl = off, signing_policy = off}).

%% Options: {crl, off | {require | if_present, Directory}}, {signing_policy, off | {require | if_present, File}}; both
%% off by default. The directory is a grid CA directory; the file has a term {DN of a CA, [regular expression]} for
%% each CA that has a signing policy.
new(Options) -> lists:foldl(fun option/2, #authority{}, Options).

option({crl, Mode}, Authority) -> Authority#authority{crl = mode(crl, Mode)};
option({signing_policy, Mode}, Authority) -> Authority#authority{signing_policy = mode(signing_policy, Mode)}.

mode(_, off) -> off;
mode(_, {Mode, [_ | _] = Path}) when Mode =:= require; Mode =:= if_present -> {Mode, Path};
mode(Name, Other) -> error({bad_option, {Name, Other}}).

%% Whether the CA may have issued this certificate of a CA or of an end entity: ok, or {refused, Why}. `if_present'
%% forgives only that there is nothing: what is there must be good, and a CRL must not be overdue.
check(Cert, #authority{crl = Crl, signing_policy = Policy}) ->
    try policy(Cert, Policy) of
        ok -> revocation(Cert, Crl);
        Refused -> Refused
    catch
        throw:Why -> {refused, Why}                               % a name that has no one-line form
    end.

policy(_, off) -> ok;
policy(Cert, {Mode, File}) ->
    Authority = rabbit_grid_proxy_dn:oneline(rabbit_grid_proxy_path:issuer(Cert)),
    case rabbit_grid_proxy_files:get({policy, File, Authority}, fun() -> patterns(File, Authority) end) of
        none when Mode =:= if_present -> ok;
        none -> {refused, no_signing_policy};
        {error, Why} -> {refused, {signing_policy_unusable, Why}};
        Patterns ->
            Subject = rabbit_grid_proxy_dn:oneline(rabbit_grid_proxy_path:subject(Cert)),
            case lists:any(fun(P) -> re:run(Subject, P, [{capture, none}]) =:= match end, Patterns) of
                true -> ok;
                false -> {refused, signing_policy}
            end
    end.

%% Compiled, or `none' where the file does not know the CA.
patterns(File, Authority) ->
    true = is_binary(rabbit_grid_proxy_files:contents(File)),
    {ok, Terms} = file:consult(File),
    case [Patterns || {Dn, Patterns} <- Terms, unicode:characters_to_binary(Dn) =:= Authority] of
        [] -> none;
        Known -> [compiled(P) || P <- lists:append(Known)]
    end.

compiled(Pattern) ->
    {ok, Compiled} = re:compile(["\\A(?:", Pattern, ")\\z"], [dotall, dollar_endonly]),
    Compiled.

revocation(_, off) -> ok;
revocation(Cert, {Mode, Directory}) ->
    Name = rabbit_grid_proxy_path:issuer(Cert),
    case rabbit_grid_proxy_files:get({crl, Directory, Name}, fun() -> rabbit_grid_proxy_crl:load(Directory, Name) end) of
        none when Mode =:= if_present -> ok;
        none -> {refused, no_crl};
        {error, Why} -> {refused, {crl_unusable, Why}};
        Crl ->
            case rabbit_grid_proxy_crl:status(Crl, rabbit_grid_proxy_path:serial(Cert)) of
                good -> ok;
                revoked -> {refused, revoked};
                expired -> {refused, crl_expired}
            end
    end.
