%% Ends a connection when the certificate or proxy that it logged in with does.
-module(rabbit_grid_proxy_watchdog).

-export([watch/2]).

-define(RECHECK_MS, 3600000).           % the clock may be set, or the machine suspended
-define(RETRY_MS, 5000).

%% Watch the calling process, the connection's reader, until Until (seconds since 1970).
watch(Reader, Until) -> spawn(fun() -> wait(Reader, erlang:monitor(process, Reader), Until) end).

wait(Reader, Ref, Until) ->
    Left = max(0, Until - erlang:system_time(second)) * 1000,
    receive {'DOWN', Ref, _, _, _} -> ok
    after min(Left, ?RECHECK_MS) ->
        case Until > erlang:system_time(second) of
            true -> wait(Reader, Ref, Until);
            false -> close(Reader, Ref, 3)
        end
    end.

%% Once is not enough: a client that has not opened its connection yet is not in RabbitMQ's list, and one that
%% does not answer connection.close lingers.
close(Reader, _, 0) -> exit(Reader, kill);
close(Reader, Ref, Tries) ->
    try rabbit_networking:close_connection(Reader, "X.509 certificate or proxy expired")
    catch _:_ -> ok
    end,
    receive {'DOWN', Ref, _, _, _} -> ok
    after ?RETRY_MS -> close(Reader, Ref, Tries - 1)
    end.
