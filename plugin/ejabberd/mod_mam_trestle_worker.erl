%% SPDX-License-Identifier: GPL-3.0-or-later
%% A connection of mod_mam_trestle to PostgreSQL: one query at a time, in the order in which they are asked for. It opens
%% when it is needed, and is given up when it does not answer in time.
-module(mod_mam_trestle_worker).
-behaviour(gen_server).

-export([start_link/3, ask/4, stamp/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-define(ANSWER_MAX, 5000). % milliseconds; of a replayed batch 20 times that
-define(RETRY, 500).
-define(WARM_AGAIN, 5000).
-define(QUEUE_MAX, 2000).
-define(VERSION, <<"1">>).

%% Parameters are sent as binary data: each is a text first.
-define(STATEMENTS,
        #{version => "SELECT mam_version()::text",
          try_host => "SELECT mam_try($1::text)::text",
          append => "SELECT mam_append($1::text, $2::text::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text::timestamptz,"
          " $9::text, $10::text)::text",
          append_many => "SELECT x::text FROM mam_append_many($1::text::jsonb) x",
          find => "SELECT uid::text, pos::text, floor(extract(epoch FROM stamp) * 1000000)::bigint::text, peer, nick, stanza, kind, sender"
          " FROM mam_find($1::text, $2::text, $3::text::timestamptz, $4::text::timestamptz, $5::text::uuid, $6::text::uuid, NULL,"
          " $7::text::int, $8::text::boolean)",
          count => "SELECT mam_count($1::text, $2::text, $3::text::timestamptz, $4::text::timestamptz)::text",
          is_empty => "SELECT mam_is_empty($1::text)::text",
          trim => "SELECT mam_trim($1::text, $2::text::timestamptz, NULL, $3::text::int)::text",
          remove => "SELECT mam_remove($1::text, $2::text)::text"}).

%% Microseconds since 1970 as PostgreSQL reads them.
stamp(Micros) ->
    list_to_binary(calendar:system_time_to_rfc3339(Micros, [{unit, microsecond}, {offset, "Z"}])).

%% ---- Asking -------------------------------------------------------------------------------------------

start_link(Name, Host, Opts) ->
    gen_server:start_link({local, Name}, ?MODULE, {Host, Opts}, []).

%% {ok, rows of binaries and null} or {error, Why}: timeout, away, full, or the SQLSTATE.
ask(Worker, Name, Parameters, Timeout) ->
    case whereis(Worker) of
        undefined ->
            {error, away};
        Pid ->
            case process_info(Pid, message_queue_len) of
                {message_queue_len, Length} when Length < ?QUEUE_MAX ->
                    try gen_server:call(Pid, {ask, Name, Parameters, erlang:monotonic_time(millisecond) + Timeout}, Timeout)
                    catch exit:{timeout, _} -> {error, timeout};
                          exit:_ -> {error, away}
                    end;
                _ -> {error, full}
            end
    end.

%% ---- The process --------------------------------------------------------------------------------------

init({Host, Opts}) ->
    process_flag(trap_exit, true),
    self() ! warm, % the first query of a connection is slow
    {ok, #{host => Host, opts => Opts, db => undefined, tried => undefined}}.

handle_call({ask, Name, Parameters, Until}, _From, State) ->
    case erlang:monotonic_time(millisecond) > Until of
        true -> {reply, {error, timeout}, State}; % nobody waits any more
        false ->
            Opened = db_open(State),
            {Reply, Next} = db_ask(Opened, Name, Parameters),
            {reply, Reply, Next}
    end.

handle_cast(_, State) ->
    {noreply, State}.

handle_info(warm, State) ->
    Opened = db_open(State),
    maps:get(db, Opened) == undefined andalso erlang:send_after(?WARM_AGAIN, self(), warm),
    {noreply, Opened};
handle_info({'DOWN', _, process, Db, Why}, #{db := Db} = State) ->
    {noreply, db_lost(Why, State#{db := undefined})};
handle_info(_, State) ->
    {noreply, State}.

terminate(_Reason, State) ->
    db_close(State).

%% The connection is gone; the archive counts as away until there is another.
db_lost(Why, #{host := Host} = State) ->
    mod_mam_trestle_spool:note_problem(Host, problem(Why)),
    erlang:send_after(?RETRY, self(), warm),
    State.

db_close(#{db := undefined} = State) ->
    State;
db_close(#{db := Db} = State) ->
    exit(Db, kill),
    State#{db := undefined}.

%% Opens it, unless that was tried just now.
db_open(#{db := undefined, tried := Tried, opts := Opts, host := Host} = State) ->
    Now = erlang:monotonic_time(millisecond),
    case Tried /= undefined andalso Now - Tried < ?RETRY of
        true -> State;
        false ->
            Get = fun(Name) -> gen_mod:get_opt(Name, Opts) end,
            Opened = try pgsql:connect([{host, Get(host)}, {port, Get(port)}, {database, Get(database)}, {user, Get(username)},
                                    {password, Get(password)}, {as_binary, true}, {connect_timeout, 2000}]) of
                         {ok, Pid} -> db_prepare(Pid, Host);
                         {error, Reason} -> {error, problem(Reason)}
                     catch _:Why -> {error, problem(Why)}
                     end,
            Db = case Opened of
                     {ok, Connection} -> mod_mam_trestle_spool:note_problem(Host, none), Connection;
                     {error, Problem} -> mod_mam_trestle_spool:note_problem(Host, Problem), undefined
                 end,
            State#{db := Db, tried := erlang:monotonic_time(millisecond)}
    end;
db_open(State) ->
    State.

%% The connection, if what it is to be asked is there.
db_prepare(Db, Host) ->
    erlang:monitor(process, Db),
    try
        maps:foreach(fun(Name, Text) -> {prepared, {ok, _, _, _}} = {prepared, gen_server:call(Db, {prepare, {atom_to_binary(Name, utf8), Text}}, ?ANSWER_MAX)} end,
                     ?STATEMENTS),
        case db_run(Db, version, []) of
            {ok, [[?VERSION]]} -> {tried, {ok, _}} = {tried, db_execute(Db, try_host, [Host], ?ANSWER_MAX)}, {ok, Db};
            _ -> throw(<<"the functions are of another version">>)
        end
    catch
        _:Why ->
            exit(Db, kill),
            {error, problem(Why)}
    end.

%% What is said of it, for people.
problem({badmatch, Why}) -> problem(Why);
problem({Step, {error, Why}}) when Step == prepared; Step == tried -> problem(Why);
problem({error, Why}) -> problem(Why);
problem(Why) when is_binary(Why) -> Why;
problem(Why) when is_list(Why) ->
    case lists:keyfind(message, 1, Why) of
        {message, Text} -> iolist_to_binary([Text]);
        false -> str:format("~p", [Why])
    end;
problem({Why, {gen_server, call, _}}) -> problem(Why);
problem(undef) -> <<"Erlang's client of PostgreSQL is not installed (Debian: erlang-p1-pgsql)">>;
problem(timeout) -> <<"PostgreSQL does not answer">>;
problem({Why, [{_, _, _, _} | _]}) -> problem(Why); % what it was called with, a password for one, is nobody's business
problem(Why) -> str:format("~p", [Why]).

db_ask(#{db := undefined} = State, _Name, _Parameters) ->
    {{error, away}, State};
db_ask(#{db := Db} = State, Name, Parameters) ->
    try {db_run(Db, Name, Parameters), State}
    catch exit:Why -> {{error, away}, db_lost(Why, db_close(State))}
    end.

db_run(Db, Name, Parameters) ->
    Patience = case Name of append_many -> 20 * ?ANSWER_MAX; _ -> ?ANSWER_MAX end,
    case db_execute(Db, Name, Parameters, Patience) of
        {ok, {_Command, Rows}} -> {ok, [[value(Column) || Column <- Row] || Row <- Rows]};
        {error, Error} -> {error, sqlstate(Error)}
    end.

db_execute(Db, Name, Parameters, Patience) ->
    gen_server:call(Db, {execute, {atom_to_binary(Name, utf8), Parameters}}, Patience).

value({_Type, Value}) -> value(Value);
value(Value) -> Value.

sqlstate(Error) when is_list(Error) ->
    case lists:keyfind(code, 1, Error) of
        {code, Code} -> iolist_to_binary([Code]);
        false -> Error
    end;
sqlstate(Error) ->
    Error.
