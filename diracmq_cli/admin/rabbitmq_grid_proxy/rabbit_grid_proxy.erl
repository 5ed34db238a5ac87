%% RFC 3820 proxies for RabbitMQ: the verify_fun of its TLS listeners, and SASL EXTERNAL.
%%
%% advanced.config: {verify_fun, {rabbit_grid_proxy, verify, Options}} in rabbit's ssl_options; Options as in
%% rabbit_grid_proxy_path:new/1 and rabbit_grid_proxy_authority:new/1. Takes the place of rabbitmq_auth_mechanism_ssl; never enable both.
-module(rabbit_grid_proxy).
-behaviour(rabbit_auth_mechanism).

-export([description/0, should_offer/1, init/1, handle_response/2]).
-export([verify/3]).

-include("rabbit_grid_proxy.hrl").

-rabbit_boot_step({?MODULE, [{description, "grid proxy EXTERNAL mechanism"},
                             {mfa, {rabbit_registry, register, [auth_mechanism, <<"EXTERNAL">>, ?MODULE]}},
                             {requires, rabbit_registry}, {enables, kernel_ready},
                             {cleanup, {rabbit_registry, unregister, [auth_mechanism, <<"EXTERNAL">>]}}]}).

%% ---- TLS: every certificate of a path, from the CA's side to the leaf --------------------------------------------

-define(AUTHORITY_OPTIONS, [crl, signing_policy]).

verify(Cert, Event, Options) when is_list(Options) ->
    OfAuthority = [Option || {Name, _} = Option <- Options, lists:member(Name, ?AUTHORITY_OPTIONS)],
    Path = rabbit_grid_proxy_path:new(Options -- OfAuthority),
    verify(Cert, Event, {Path, rabbit_grid_proxy_authority:new(OfAuthority)});
verify(Cert, Event, {Path, Authority}) ->
    case rabbit_grid_proxy_path:verify(Cert, Event, Path) of
        {valid, Next} when Event =:= valid; Event =:= valid_peer -> issued(Cert, Event, Path, Next, Authority);
        {fail, {bad_cert, Why}} -> refuse(Cert, Path, Why);
        {Verdict, Next} -> {Verdict, {Next, Authority}}
    end.

%% A certificate with its place in the path; those that CAs issued have one in the CA directory too.
issued(Cert, Event, Path, Next, Authority) ->
    Issued = case rabbit_grid_proxy_path:below_ca(Path) of
                 true -> rabbit_grid_proxy_authority:check(Cert, Authority);
                 false -> ok
             end,
    case Issued of
        ok when Event =:= valid_peer -> admit(Cert, Next);
        ok -> {valid, {Next, Authority}};
        {refused, Why} -> refuse(Cert, Path, Why)
    end.

admit(Cert, Path) ->
    Session = #session{dn = rabbit_grid_proxy_path:end_entity(Path),
                       kind = rabbit_grid_proxy_path:kind(Path),
                       depth = rabbit_grid_proxy_path:depth(Path),
                       until = rabbit_grid_proxy_path:until(Path)},
    case rabbit_grid_proxy_sessions:remember(Cert, Session) of
        ok -> {valid, Path};                                      % the last event: nothing is asked after it
        conflict -> refuse(Cert, Path, stands_for_another)
    end.

refuse(Cert, Path, Why) ->
    Subject = rabbit_grid_proxy_dn:show(rabbit_grid_proxy_path:subject(Cert)),
    rabbit_grid_proxy_log:refused(Subject, rabbit_grid_proxy_path:end_entity(Path), reason(Cert, Why)),
    {fail, {bad_cert, alert(Why)}}.

%% What ssl has an alert for; the client then learns it too.
alert(revoked) -> {revoked, unspecified};
alert(Why) -> Why.

%% For people, and the same on every OTP: it has one word for both ends of a certificate's life, and several for an
%% extendedKeyUsage without clientAuth.
reason(Cert, cert_expired) ->
    {NotBefore, _} = rabbit_grid_proxy_path:validity(Cert),
    case NotBefore > erlang:system_time(second) of true -> not_yet_valid; false -> expired end;
reason(_, {invalid_ext_keyusage, _}) -> invalid_ext_key_usage;
reason(_, {ca_invalid_ext_keyusage, _}) -> invalid_ext_key_usage;
reason(_, Why) -> Why.

%% ---- SASL EXTERNAL: the name that the path gave ------------------------------------------------------------------

description() -> [{description, <<"TLS client certificate or RFC 3820 proxy; user name is the end entity's DN">>}].

should_offer(Sock) -> rabbit_net:peercert(Sock) =/= nossl.

init(Sock) ->
    case rabbit_net:peercert(Sock) of
        {ok, Der} -> rabbit_grid_proxy_sessions:find(public_key:pkix_decode_cert(Der, otp));
        _ -> none
    end.

%% TLS 1.2 session resumption asks verify_fun nothing, so the time is looked at again here.
handle_response(_Response, #session{dn = Dn, until = Until} = Session) ->
    case Until >= erlang:system_time(second) of
        true -> login(rabbit_access_control:check_user_login(Dn, []), Session);
        false ->
            rabbit_grid_proxy_log:refused(Dn, undefined, expired),
            {refused, Dn, "certificate or proxy expired", []}
    end;
handle_response(_Response, none) ->
    {refused, none, "no verified client certificate (is ssl_options.verify_fun set?)", []}.

login({ok, _} = Ok, #session{until = Until} = Session) ->
    rabbit_grid_proxy_watchdog:watch(self(), Until),               % self() reads this connection
    rabbit_grid_proxy_log:login(Session),
    Ok;
login(Refused, _) -> Refused.
