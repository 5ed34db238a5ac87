%% Ends a connection when the certificate or proxy that it logged in with ends.
-module(rabbit_grid_proxy_watchdog).

-export([watch/2]).

-define(RECHECK_MS, 3600000).           % the clock may be set, or the machine suspended
-define(RETRY_MS, 3000).
-define(TRIES, 3).

%% Watch a connection's reader until Until (seconds since 1970). A process per connection ends with it; timers of
%% the module timer would stay.
watch(Reader, Until) -> spawn(fun() -> wait(Reader, erlang:monitor(process, Reader), Until) end).

wait(Reader, Monitor, Until) ->
    case Until - erlang:system_time(second) of
        Left when Left >= 0 ->
            receive {'DOWN', Monitor, _, _, _} -> ok
            after min((Left + 1) * 1000, ?RECHECK_MS) -> wait(Reader, Monitor, Until)
            end;
        _ -> close(Reader, Monitor, ?TRIES)
    end.

%% Once may not be enough: a client need not answer connection.close, and the second call makes RabbitMQ drop it.
%% Each call has a process of its own, since it waits for the reader without a limit. The reader itself is called:
%% rabbit_networking:close_connection asks all nodes for all connections first, and a thousand proxies of one pilot
%% factory end in the same second.
close(Reader, _, 0) -> exit(Reader, kill);
close(Reader, Monitor, Tries) ->
    spawn(fun() -> shutdown(Reader) end),
    receive {'DOWN', Monitor, _, _, _} -> ok
    after ?RETRY_MS -> close(Reader, Monitor, Tries - 1)
    end.

%% The reader may end while it is asked to.
shutdown(Reader) ->
    try rabbit_reader:shutdown(Reader, "X.509 certificate or proxy expired") catch exit:_ -> ok end.
