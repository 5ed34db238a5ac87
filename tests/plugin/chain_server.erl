%% A TLS server with the plugin's verify_fun, as RabbitMQ would set it up, but without a broker.
%%
%% Usage: erl -noshell -pa EBIN... -s chain_server main -- LISTENERS, a file of terms {Name, SslOptions}. Prints a
%% JSON line per listener with its port, then one per connection: what verify_fun and EXTERNAL made of it, and the
%% lines that the plugin logged meanwhile. Connections must come one at a time. A line PORT VERSION FILE on standard
%% input connects from here, with any chain (OpenSSL declines to send some forged ones), and is answered by a line
%% too. Ends when standard input does.
-module(chain_server).

-export([main/0, log/2]).

-include("rabbit_grid_proxy.hrl").

main() ->
    [File] = init:get_plain_arguments(),
    {ok, Listeners} = file:consult(File),
    {ok, _} = application:ensure_all_started(ssl),
    ok = application:load(rabbitmq_grid_proxy),
    %% What rabbit_auth_mechanism_ssl asks for; else it refuses everybody.
    application:set_env(rabbit, ssl_options, [{verify, verify_peer}, {fail_if_no_peer_cert, true}]),
    application:set_env(rabbit, ssl_cert_login_from, distinguished_name),
    rabbit_grid_proxy_log:init(),
    {ok, _} = rabbit_grid_proxy_sessions:start_link(),
    {ok, _} = rabbit_grid_proxy_files:start_link(),
    logger:remove_handler(default),
    ok = logger:add_handler(lines, ?MODULE, #{config => self()}),
    [listen(Name, Options, self()) || {Name, Options} <- Listeners],
    Main = self(),
    spawn_link(fun() -> obey(Main) end),
    report([]).

obey(Main) ->
    case io:get_line("") of
        eof -> halt(0);
        Line ->
            [Port, Version, File] = string:lexemes(Line, " \n"),
            Main ! {client, #{client_got_in => connect(list_to_integer(Port), list_to_atom("tlsv" ++ Version), File)}},
            obey(Main)
    end.

connect(Port, Version, File) ->
    {ok, Pem} = file:read_file(File),
    Entries = public_key:pem_decode(Pem),
    [{'PrivateKeyInfo', Key, not_encrypted}] = [E || {'PrivateKeyInfo', _, _} = E <- Entries],
    Chain = [Der || {'Certificate', Der, not_encrypted} <- Entries],
    Options = [{cert, Chain}, {key, {'PrivateKeyInfo', Key}}, {verify, verify_none}, {versions, [Version]},
               {active, false}, binary, {log_level, none}],
    case ssl:connect({127,0,0,1}, Port, Options) of
        {ok, Socket} -> ssl:recv(Socket, 3, 10000) =:= {ok, <<"in\n">>};
        {error, _} -> false
    end.

log(#{msg := {Format, Arguments}}, #{config := Main}) when is_list(Format) ->
    Main ! {line, unicode:characters_to_binary(io_lib:format(Format, Arguments))};
log(_, _) -> ok.

report(Lines) ->
    receive
        {line, <<"grid proxy", _/binary>> = Line} -> report([Line | Lines]);
        {line, _} -> report(Lines);
        {listening, Fields} -> print(Fields), report(Lines);
        {client, Fields} -> print(Fields), report(Lines);
        {connection, Fields} -> print(Fields#{log => lists:reverse(Lines)}), report([])
    end.

print(Fields) -> io:put_chars([json(Fields), $\n]).

%% Enough of JSON for what is said here; what brokers bring for it differs from version to version.
json(Fields) when is_map(Fields) ->
    [${, lists:join($,, [[json(atom_to_binary(Name)), $:, json(Value)] || {Name, Value} <- maps:to_list(Fields)]), $}];
json(List) when is_list(List) -> [$[, lists:join($,, [json(E) || E <- List]), $]];
json(Number) when is_integer(Number) -> integer_to_list(Number);
json(Flag) when is_boolean(Flag) -> atom_to_list(Flag);
json(Name) when is_atom(Name) -> json(atom_to_binary(Name));
json(Text) -> [$", [escaped(C) || <<C>> <= Text], $"].

escaped(C) when C < 32; C > 126; C =:= $"; C =:= $\\ -> io_lib:format("\\u~4.16.0b", [C]);
escaped(C) -> C.

listen(Name, Options, Main) ->
    {ok, Listener} = ssl:listen(0, [{ip, {127,0,0,1}}, {active, false} | rabbit_ssl_options:fix(Options)]),
    {ok, {_, Port}} = ssl:sockname(Listener),
    Main ! {listening, #{listener => Name, port => Port}},
    spawn_link(fun() -> accept(Listener, mechanism(Options), Main) end).

%% Whose EXTERNAL asks: without our verify_fun, RabbitMQ's own.
mechanism(Options) ->
    case lists:keymember(verify_fun, 1, Options) of true -> rabbit_grid_proxy; false -> rabbit_auth_mechanism_ssl end.

accept(Listener, Mechanism, Main) ->
    {ok, Tcp} = ssl:transport_accept(Listener),
    Fields = case ssl:handshake(Tcp, 10000) of
                 {ok, Socket} ->
                     Known = known(Mechanism, Mechanism:init(Socket)),
                     ssl:send(Socket, <<"in\n">>),
                     ssl:close(Socket),
                     Known#{accepted => true};
                 {error, Reason} ->
                     #{accepted => false, alert => unicode:characters_to_binary(io_lib:format("~tp", [Reason]))}
             end,
    Main ! {connection, Fields},
    rabbit_grid_proxy_log:tick(),           % or it would soon only count them
    accept(Listener, Mechanism, Main).

known(rabbit_auth_mechanism_ssl, State) -> #{login => element(2, State)};
known(rabbit_grid_proxy, Session) -> (session(Session))#{login => login(Session)}.

session(none) -> #{};
session(#session{dn = Dn, kind = Kind, depth = Depth, until = Until}) ->
    #{dn => Dn, kind => Kind, depth => Depth, until => Until}.

%% Whom EXTERNAL turns away itself. Everybody else it asks the broker about, and there is none here.
login(Session) ->
    try rabbit_grid_proxy:handle_response(<<>>, Session) of
        {refused, _, Text, _} -> list_to_binary(Text)
    catch
        _:_ -> <<"broker asked">>
    end.
