%% SPDX-License-Identifier: GPL-3.0-or-later
%% A bound session: a process that is a client session to the server, and whose other end is a component's link.
%%
%% Its state is that of an ejabberd_c2s without a socket, so that the server's own functions work on it: they are exported but
%% internal, and belong to ejabberd 23.01. Two keys are ours: trestle (#{link, component, key, table, waiting}) and, once it
%% is to end, trestle_end (the reason). Each session ends with the link that bound it.
-module(mod_trestle_session).
-behaviour(p1_server).

-export([start_link/1, inject/4, unbind/2, close/2, replace/2, copy/2]).
-export([filter_send/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2, code_change/3]).

-include_lib("p1_xmpp/include/xmpp.hrl").
-include_lib("ejabberd/include/logger.hrl").

-define(NS_TRESTLE, <<"urn:trestle:bind:0">>).
-define(WAITING_MAX, 1000). % stanzas injected and not yet processed
-define(QUEUE_MAX, 10000).  % of all that comes, as for the server's own sessions

%% Binds the resource of this key, {LUser, LResource}, at this host; returns when the session is open.
-spec start_link(map()) -> {ok, pid()} | {error, term()}.
start_link(Args) ->
    p1_server:start_link(?MODULE, [Args], [{max_queue, ?QUEUE_MAX}]).

%% Sends a decoded stanza as the session, after what was injected before. Wrapper is the message that it came in; its sender
%% hears of it if the session ends before. full: too many wait.
-spec inject({tuple(), pid(), pid(), counters:counters_ref()}, stanza(), binary() | undefined, message()) -> ok | full.
inject({_Key, Pid, _Link, Waiting}, Packet, Uid, Wrapper) ->
    case counters:get(Waiting, 1) >= ?WAITING_MAX of
        true -> full;
        false ->
            counters:add(Waiting, 1, 1),
            Pid ! {inject, Packet, Uid, Wrapper},
            ok
    end.

%% Ends the session after what was injected before, and answers the IQ then.
unbind(Pid, IQ) -> Pid ! {unbind, IQ}, ok.

%% Ends the session and tells the component this reason.
close(Pid, Reason) -> Pid ! {close, Reason}, ok.

%% Ends the session for another of the same resource; returns when it has ended. The link that asks needs no word of it.
replace(Pid, Link) ->
    Monitor = erlang:monitor(process, Pid),
    Pid ! {replace, Link},
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    after 5000 ->
            erlang:demonitor(Monitor, [flush]),
            exit(Pid, kill),
            ok
    end.

%% Hands the session a copy of a message that went to the offline store.
copy(Pid, Message) -> Pid ! {copy, Message}, ok.

%% ---- What goes to the component

%% Hook c2s_filter_send, before all others: there is no stream, so stanzas are wrapped and stream errors are the end.
filter_send({#stream_error{reason = Reason}, #{trestle := _} = State}) ->
    {stop, {drop, ended(State, end_reason(Reason, State))}};
filter_send({Packet, #{trestle := Ours} = State}) when is_record(Packet, message); is_record(Packet, presence);
                                                       is_record(Packet, iq) ->
    wrap(told(Packet, State), Ours, []),
    {stop, {drop, State}};
filter_send({_, #{trestle := _} = State}) ->
    {stop, {drop, State}};
filter_send(Acc) ->
    Acc.

end_reason(conflict, #{replaced := true}) -> <<"conflict">>;
end_reason('system-shutdown', _) -> <<"shutdown">>;
end_reason(reset, _) -> <<"shutdown">>;
end_reason(_, _) -> <<"kicked">>.

%% ejabberd_c2s shows this hook a refused packet as it was sent, and adds the error afterwards.
told(Packet, #{jid := JID, trestle_sending := true}) ->
    case xmpp:get_from(Packet) of
        JID -> xmpp:make_error(Packet, xmpp:err_forbidden());
        _ -> Packet
    end;
told(Packet, _) ->
    Packet.

wrap(Packet, #{link := Link} = Ours, Attrs) ->
    Inner = xmpp:encode(Packet, ?NS_CLIENT),
    Named = Inner#xmlel{attrs = lists:keystore(<<"xmlns">>, 1, Inner#xmlel.attrs, {<<"xmlns">>, ?NS_CLIENT})},
    send(Link, Ours, #xmlel{name = <<"stanza">>, attrs = names(Ours) ++ Attrs, children = [Named]}).

names(#{key := {User, Resource}}) ->
    [{<<"xmlns">>, ?NS_TRESTLE}, {<<"user">>, User}, {<<"resource">>, Resource}].

send(Link, #{host := Host, component := Component}, Child) ->
    Link ! {route, #message{from = jid:make(Host), to = jid:make(Component), sub_els = [Child]}},
    ok.

%% ---- The session

init([#{key := {User, Resource}, host := Host, link := Link} = Args]) ->
    process_flag(trap_exit, true),
    erlang:monitor(process, Link),
    {SID, JID, Address} = {ejabberd_sm:make_sid(), jid:make(User, Host, Resource), {{127, 0, 0, 1}, 0}},
    Waiting = counters:new(1, []),
    Auth = hd(ejabberd_auth:auth_modules(Host)),
    State = #{owner => self(), user => User, server => Host, lserver => Host, resource => Resource, jid => JID, sid => SID,
              ip => Address, auth_module => Auth, conn => c2s, lang => ejabberd_option:language(), access => all,
              shaper => none, pres_a => gb_sets:new(), codec_options => ejabberd_config:codec_options(),
              xmlns => ?NS_CLIENT, stream_state => established, trestle => Args#{waiting => Waiting}},
    ejabberd_sm:open_session(SID, User, Host, Resource, undefined,
                             [{ip, Address}, {conn, c2s}, {auth_module, Auth}]),
    ets:insert(maps:get(table, Args), {{User, Resource}, self(), Link, Waiting}),
    ?INFO_MSG("~ts is bound for ~ts", [jid:encode(JID), maps:get(component, Args)]),
    {ok, ejabberd_hooks:run_fold(c2s_session_opened, Host, State, [])}.

handle_call(Request, From, State) ->
    next(ejabberd_c2s:handle_call(Request, From, State)).

handle_cast({send, Packet}, State) -> next(ejabberd_c2s:send(State, Packet));
handle_cast({close, _Why}, State) -> next(ended(State, <<"kicked">>));
handle_cast(stop, State) -> next(ended(State, <<"shutdown">>));
handle_cast(Other, State) -> next(ejabberd_c2s:handle_cast(Other, State)).

handle_info({inject, Packet, Uid, _Wrapper}, #{trestle := #{waiting := Waiting}} = State) ->
    counters:sub(Waiting, 1, 1),
    next(stanza_send(Packet, Uid, State));
handle_info({copy, Message}, #{trestle := Ours} = State) ->
    wrap(Message, Ours, [{<<"offline">>, <<"1">>}]),
    {noreply, State};
handle_info({unbind, IQ}, State) ->
    next(ended(State#{trestle_answer => IQ}, silent));
handle_info({replace, Link}, #{trestle := #{link := Link}} = State) ->
    next(ended(State, silent));
handle_info({replace, _Link}, State) ->
    next(ended(State, <<"conflict">>));
handle_info({close, Reason}, State) ->
    next(ended(State, Reason));
handle_info({'DOWN', _, process, Link, _}, #{trestle := #{link := Link}} = State) ->
    next(ended(State, silent));
handle_info({'EXIT', _, Why}, State) ->
    {stop, Why, State};
handle_info(Info, #{lserver := Host} = State) ->
    next(ejabberd_hooks:run_fold(c2s_handle_info, Host, State, [Info])).

%% The first reason counts.
ended(#{trestle_end := _} = State, _) -> State;
ended(State, Reason) -> State#{trestle_end => Reason}.

next(#{trestle_end := _} = State) -> {stop, normal, State};
next(State) -> {noreply, State}.

%% The packet takes a client's way. What privacy refuses is told here: ejabberd_c2s would have archived and carbon-copied it.
stanza_send(Packet0, Uid, #{jid := JID, lserver := Host} = State) ->
    To = case xmpp:get_to(Packet0) of
             undefined -> jid:remove_resource(JID);
             Named -> Named
         end,
    Packet = xmpp:set_from_to(Packet0, JID, To),
    case is_to_all(Packet, JID) orelse ejabberd_hooks:run_fold(privacy_check_packet, Host, allow, [State, Packet, out]) of
        deny ->
            refuse(Packet, State),
            State;
        _ ->
            Sending = State#{trestle_sending => true, trestle_uid => Uid},
            maps:without([trestle_sending, trestle_uid], ejabberd_c2s:handle_authenticated_packet(Packet, Sending))
    end.

is_to_all(#presence{to = To}, JID) -> To == jid:remove_resource(JID);
is_to_all(_, _) -> false.

refuse(Packet, #{trestle := Ours, lang := Lang}) ->
    case xmpp:get_type(Packet) of
        Type when Type == error; Type == result -> ok;
        _ ->
            Error = xmpp:err_not_acceptable(<<"You have blocked this address">>, Lang),
            wrap(xmpp:make_error(Packet, Error), Ours, [])
    end.

%% Contacts see `unavailable`. A crash and the supervisor's order come here, too.
terminate(Why, #{lserver := Host, trestle := #{table := Table, key := Key, link := Link} = Ours} = State) ->
    Reason = maps:get(trestle_end, State, <<"shutdown">>),
    try ejabberd_hooks:run_fold(c2s_terminated, Host, State, [Why])
    catch Class:What -> ?ERROR_MSG("cannot end the session of ~ts well: ~p:~p", [element(1, Key), Class, What])
    end,
    ets:match_delete(Table, {Key, self(), '_', '_'}),
    tell_end(Reason, Ours, State),
    refuse_waiting(Link),
    ?INFO_MSG("~ts is no longer bound (~ts)", [jid:encode(maps:get(jid, State)), Reason]).

tell_end(silent, #{link := Link}, #{trestle_answer := IQ}) ->
    Link ! {route, xmpp:make_iq_result(IQ)};
tell_end(silent, _Ours, _State) ->
    ok;
tell_end(Reason, #{link := Link} = Ours, _State) ->
    send(Link, Ours, #xmlel{name = <<"unbound">>, attrs = names(Ours) ++ [{<<"reason">>, Reason}]}).

%% What came too late is answered, so that the component can send it again; also what another process is just now sending.
refuse_waiting(Link) ->
    receive
        {inject, _, _, Wrapper} ->
            Link ! {route, xmpp:make_error(Wrapper, xmpp:err_item_not_found())},
            refuse_waiting(Link);
        {unbind, IQ} ->
            Link ! {route, xmpp:make_error(IQ, xmpp:err_item_not_found())},
            refuse_waiting(Link)
    after 50 -> ok
    end.

code_change(_Old, State, _Extra) -> {ok, State}.
