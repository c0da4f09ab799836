%% SPDX-License-Identifier: GPL-3.0-or-later
%% What mod_mam_trestle asks of PostgreSQL goes through here. What is to be added and is not taken in time goes to a file, a
%% line of JSON for each; while it has something, all that is added goes there, and from there to PostgreSQL, in order. What
%% is read again after a crash was perhaps taken before: entries can be repeated.
-module(mod_mam_trestle_spool).
-behaviour(gen_server).

-export([prepare/3, start_link/2, append/2, ask/5, remove/2, note_problem/2, state/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-include_lib("ejabberd/include/logger.hrl").

-define(TICK, 500).
-define(BATCH, 500).
-define(READ_MAX, 1048576).
-define(REPLAY_MAX, 30000).
-define(KEY(Host), {?MODULE, Host}).

%% Names the connections of a host; whatever is done with them needs that.
prepare(Host, Count, Timeout) ->
    Workers = [binary_to_atom(<<"mod_mam_trestle_", (integer_to_binary(N))/binary, "_", Host/binary>>, utf8)
               || N <- lists:seq(1, Count)],
    persistent_term:put(?KEY(Host), #{workers => list_to_tuple(Workers), timeout => Timeout, spooling => atomics:new(1, [])}),
    ets:new(table(Host), [named_table, public]), % of the supervisor
    note_problem(Host, <<"not connected yet">>),
    Workers.

table(Host) ->
    gen_mod:get_module_proc(Host, mod_mam_trestle_state).

%% Why connections to PostgreSQL cannot be used; none: they can.
note_problem(Host, Said) ->
    Problem = printable(Said),
    Before = ets:lookup(table(Host), problem),
    ets:insert(table(Host), {problem, Problem}),
    Before /= [] andalso Before /= [{problem, Problem}] andalso mod_trestle:archive_changed(Host).

%% As it may stand in XML: PostgreSQL may speak in any charset before it knows ours.
printable(none) ->
    none;
printable(Text) ->
    Letters = case unicode:characters_to_list(Text) of
                  List when is_list(List) -> List;
                  _ -> [case Byte < 128 of true -> Byte; false -> $? end || <<Byte>> <= Text]
              end,
    unicode:characters_to_binary([case Letter < 32 of true -> $\s; false -> Letter end || Letter <- lists:sublist(Letters, 200)]).

%% {Problem, bytes that wait}.
state(Host) ->
    Problem = try ets:lookup_element(table(Host), problem, 2) catch error:badarg -> <<"not started">> end,
    case persistent_term:get(?KEY(Host), undefined) of
        #{spooling := Flag} -> {Problem, atomics:get(Flag, 1)};
        undefined -> {<<"not started">>, 0}
    end.

start_link(Host, Opts) ->
    gen_server:start_link({local, name(Host)}, ?MODULE, {Host, Opts}, []).

name(Host) ->
    gen_mod:get_module_proc(Host, ?MODULE).

%% What is added to one archive keeps its order: it takes one connection.
worker(#{workers := Workers}, Owner) ->
    element(erlang:phash2(Owner, tuple_size(Workers)) + 1, Workers).

%% Both ends of a conversation take the same connection.
conversation(#{owner := Owner, peer := Peer}) ->
    {min(Owner, Peer), max(Owner, Peer)}.

append(Host, Entry) ->
    case persistent_term:get(?KEY(Host), undefined) of
        undefined ->
            ?ERROR_MSG("mod_mam_trestle is not loaded for ~ts: a stanza is lost to the archive", [Host]),
            {error, not_loaded};
        #{spooling := Flag, timeout := Timeout} = Pool ->
            case atomics:get(Flag, 1) of
                0 ->
                    Names = [owner, uid, direction, peer, sender, origin, stanza, stamp, kind, nick],
                    Values = [maps:get(Name, Entry) || Name <- Names],
                    case mod_mam_trestle_worker:ask(worker(Pool, conversation(Entry)), append, Values, Timeout) of
                        {ok, _} -> ok;
                        {error, _} -> spool(Host, Entry)
                    end;
                _ -> spool(Host, Entry)
            end
    end.

%% An archive is to be emptied: in its turn, behind what is to be added.
remove(Host, Owner) ->
    spool(Host, #{owner => Owner, remove => true}).

spool(Host, Entry) ->
    try gen_server:call(name(Host), {add, Entry}, 5000)
    catch exit:Why ->
            ?ERROR_MSG("A stanza of ~ts is lost to the archive: ~p", [maps:get(owner, Entry), Why]),
            {error, lost}
    end.

ask(Host, Owner, Name, Parameters, Timeout) ->
    case persistent_term:get(?KEY(Host), undefined) of
        undefined -> {error, not_loaded};
        Pool -> mod_mam_trestle_worker:ask(worker(Pool, Owner), Name, Parameters, Timeout)
    end.

%% ---- The file -----------------------------------------------------------------------------------------

init({Host, Opts}) ->
    process_flag(trap_exit, true),
    Safe = re:replace(Host, "[^a-zA-Z0-9.-]", "_", [global, {return, list}]),
    Path = filename:join(mnesia:system_info(directory), "trestle_spool_" ++ Safe ++ ".json"),
    State = #{host => Host, path => Path, size => filelib:file_size(Path), offset => 0, max => gen_mod:get_opt(spool_max, Opts),
              replay => undefined, batch => undefined},
    erlang:send_after(?TICK, self(), tick),
    {ok, note(mended(State))}.

%% The server ended while it wrote: the torn line ends here.
mended(#{path := Path, size := Size} = State) when Size > 0 ->
    {ok, File} = file:open(Path, [read, write, raw, binary]),
    {ok, Last} = file:pread(File, Size - 1, 1),
    Added = case Last of
                <<"\n">> -> 0;
                _ -> ok = file:pwrite(File, Size, <<"\n">>), 1
            end,
    file:close(File),
    State#{size := Size + Added};
mended(State) ->
    State.

%% Whoever adds is told whether there is something in the file.
note(#{host := Host, size := Size, offset := Offset} = State) ->
    #{spooling := Flag} = persistent_term:get(?KEY(Host)),
    atomics:put(Flag, 1, max(Size - Offset, 0)),
    State.

handle_call({add, Entry}, _From, #{path := Path, size := Size, max := Max} = State) ->
    Line = [jiffy:encode(Entry), $\n],
    Length = iolist_size(Line),
    Written = case Size + Length > Max of
                  true -> {error, full};
                  false -> file:write_file(Path, Line, [append, raw])
              end,
    case Written of
        ok ->
            self() ! replay,
            {reply, ok, note(State#{size := Size + Length})};
        {error, Why} ->
            ?ERROR_MSG("A stanza of ~ts is lost to the archive, the spool says ~p", [maps:get(owner, Entry), Why]),
            {reply, Written, State#{size := filelib:file_size(Path)}}
    end.

handle_cast(_, State) ->
    {noreply, State}.

handle_info(tick, State) ->
    erlang:send_after(?TICK, self(), tick),
    {noreply, replay(State)};
handle_info(replay, State) ->
    {noreply, replay(State)};
handle_info({replayed, Pid, Result}, #{replay := Pid} = State) ->
    {noreply, replayed(Result, State#{replay := undefined})};
handle_info({'EXIT', Pid, _}, #{replay := Pid} = State) ->
    {noreply, State#{replay := undefined, batch := undefined}};
handle_info(_, State) ->
    {noreply, State}.

terminate(_Reason, _State) ->
    ok.

%% ---- Replay -------------------------------------------------------------------------------------------

%% The next entries, and where they end. Not more than one that empties an archive, and that alone.
peek(#{path := Path, offset := Offset, size := Size}) ->
    {ok, File} = file:open(Path, [read, raw, binary, {read_ahead, 65536}]),
    {ok, _} = file:position(File, Offset),
    Read = peek_lines(File, Offset, Offset + ?READ_MAX, Size, []),
    file:close(File),
    Read.

peek_lines(File, Offset, Limit, Size, Entries) when Offset < Size, Offset < Limit, length(Entries) < ?BATCH ->
    case file:read_line(File) of
        {ok, Line} ->
            Next = Offset + byte_size(Line),
            case {entry(Line), Entries} of
                {none, _} -> peek_lines(File, Next, Limit, Size, Entries);
                {#{<<"remove">> := true} = Entry, []} -> {[Entry], Next};
                {#{<<"remove">> := true}, _} -> {lists:reverse(Entries), Offset};
                {Entry, _} -> peek_lines(File, Next, Limit, Size, [Entry | Entries])
            end;
        eof -> {lists:reverse(Entries), Size}
    end;
peek_lines(_File, Offset, _Limit, _Size, Entries) ->
    {lists:reverse(Entries), Offset}.

entry(Line) ->
    try jiffy:decode(Line, [return_maps]) of
        #{} = Entry -> Entry;
        _ -> none
    catch _:_ -> none
    end.

replay(#{replay := undefined, size := Size, offset := Offset, host := Host} = State) when Size > Offset ->
    try peek(State) of
        {[], Next} ->
            replay(advance(Next, State));
        {[First | _] = Entries, Next} ->
            Self = self(),
            {Name, Parameters} = case First of
                                     #{<<"remove">> := true, <<"owner">> := Owner} -> {remove, [Owner, null]};
                                     _ -> {append_many, [iolist_to_binary(jiffy:encode(Entries))]}
                                 end,
            Pid = spawn_link(fun() -> Self ! {replayed, self(), ask(Host, spool, Name, Parameters, ?REPLAY_MAX)} end),
            State#{replay := Pid, batch := {Name, Entries, Next}}
    catch
        error:{badmatch, {error, Why}} ->
            ?ERROR_MSG("The spool ~ts cannot be read: ~p", [maps:get(path, State), Why]),
            note(State#{size := filelib:file_size(maps:get(path, State)), offset := 0})
    end;
replay(State) ->
    State.

replayed({ok, Rows}, #{batch := {Name, Entries, Next}} = State) ->
    Name == append_many andalso lists:foreach(
                                  fun({[null], #{<<"owner">> := Owner} = Entry}) ->
                                          ?ERROR_MSG("PostgreSQL does not take a stanza of ~ts, it is lost to the archive: ~p", [Owner, Entry]);
                                     (_) -> ok
                                  end, lists:zip(Rows, Entries)),
    replay(advance(Next, State#{batch := undefined}));
replayed({error, Why}, State) ->
    ?WARNING_MSG("The spool of ~ts waits: ~p", [maps:get(host, State), Why]),
    State#{batch := undefined}.

advance(Next, #{size := Size, path := Path} = State) when Next >= Size ->
    file:delete(Path),
    note(State#{size := 0, offset := 0});
advance(Next, State) ->
    State#{offset := Next}.
