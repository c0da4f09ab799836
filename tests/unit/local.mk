# SPDX-License-Identifier: GPL-3.0-or-later
# One program per unit; `make check` runs them all.
if ENABLE_TESTS
EXTRA_DIST += tests/unit/unit.h

# bridge/core and bridge/http
transport_test_libs = libhttp.a libdialect.a libcore.a libaccount.a libview.a libloop.a libbase.a $(XEP_LIBS) $(MHD_LIBS) $(ZLIB_LIBS) $(JWT_LIBS) \
  $(JANSSON_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS) $(CHECK_LIBS)
transport_tests = \
  tests/unit/core_field_test \
  tests/unit/account_token_test \
  tests/unit/http_body_test \
  tests/unit/http_caller_test \
  tests/unit/http_coding_test \
  tests/unit/http_cookie_test \
  tests/unit/http_head_test \
  tests/unit/http_route_test \
  tests/unit/http_server_test
check_PROGRAMS += $(transport_tests)
TESTS += $(transport_tests)
tests_unit_core_field_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_field_test_LDADD = $(transport_test_libs)
tests_unit_account_token_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_account_token_test_LDADD = $(transport_test_libs)
tests_unit_http_caller_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_http_caller_test_LDADD = $(transport_test_libs)
tests_unit_http_coding_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_http_coding_test_LDADD = $(transport_test_libs)
tests_unit_http_cookie_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_http_cookie_test_LDADD = $(transport_test_libs)
tests_unit_http_route_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_http_route_test_LDADD = $(transport_test_libs)
http_world = tests/unit/http_world.c tests/unit/http_world.h tests/unit/http_fake_core.c tests/unit/http_fake_core.h
tests_unit_http_body_test_SOURCES = tests/unit/http_body_test.c $(http_world)
tests_unit_http_body_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_http_body_test_LDADD = $(transport_test_libs)
tests_unit_http_head_test_SOURCES = tests/unit/http_head_test.c $(http_world)
tests_unit_http_head_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_http_head_test_LDADD = $(transport_test_libs)
tests_unit_http_server_test_SOURCES = tests/unit/http_server_test.c $(http_world)
tests_unit_http_server_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_http_server_test_LDADD = $(transport_test_libs)
# bridge/describe
check_PROGRAMS += tests/unit/describe_schema_test
TESTS += tests/unit/describe_schema_test
tests_unit_describe_schema_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_describe_schema_test_LDADD = libdescribe.a $(transport_test_libs)
# bridge/call
check_PROGRAMS += tests/unit/call_machine_test tests/unit/call_signal_test
TESTS += tests/unit/call_machine_test tests/unit/call_signal_test
tests_unit_call_signal_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_call_signal_test_LDADD = libcall.a $(XEP_LIBS) libbase.a $(JANSSON_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS) $(CHECK_LIBS)
tests_unit_call_machine_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_call_machine_test_LDADD = libcall.a libbase.a $(CRYPTO_LIBS) $(GLIB_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/call_trickle_test
TESTS += tests/unit/call_trickle_test
tests_unit_call_trickle_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_call_trickle_test_LDADD = libcall.a $(XEP_LIBS) libbase.a $(JANSSON_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/call_ice_test
TESTS += tests/unit/call_ice_test
tests_unit_call_ice_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_call_ice_test_LDADD = libcall.a libcore.a libloop.a libbase.a $(XEP_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) \
  $(CHECK_LIBS) $(GLIB_LIBS)
# bridge/base
base_test_libs = libbase.a $(CHECK_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)
base_tests = \
  tests/unit/base_buffer_test \
  tests/unit/base_breaker_test \
  tests/unit/base_webhook_test \
  tests/unit/base_error_clock_test \
  tests/unit/base_fetch_test \
  tests/unit/base_ice_uri_test \
  tests/unit/base_id_test \
  tests/unit/base_json_writer_test \
  tests/unit/base_log_test \
  tests/unit/base_metrics_test \
  tests/unit/base_options_test \
  tests/unit/base_origin_test \
  tests/unit/base_text_test
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)
tests_unit_base_buffer_test_SOURCES = tests/unit/base_buffer_test.c tests/unit/unit.h
tests_unit_base_buffer_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_buffer_test_LDADD = $(base_test_libs)
tests_unit_base_webhook_test_SOURCES = tests/unit/base_webhook_test.c tests/unit/unit.h
tests_unit_base_webhook_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_webhook_test_LDADD = $(base_test_libs)
tests_unit_base_breaker_test_SOURCES = tests/unit/base_breaker_test.c tests/unit/unit.h
tests_unit_base_breaker_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_breaker_test_LDADD = $(base_test_libs)
tests_unit_base_error_clock_test_SOURCES = tests/unit/base_error_clock_test.c tests/unit/unit.h
tests_unit_base_error_clock_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_error_clock_test_LDADD = $(base_test_libs)
tests_unit_base_fetch_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_fetch_test_LDADD = $(base_test_libs)
tests_unit_base_ice_uri_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_ice_uri_test_LDADD = $(base_test_libs)
tests_unit_base_id_test_SOURCES = tests/unit/base_id_test.c tests/unit/unit.h
tests_unit_base_id_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_id_test_LDADD = $(base_test_libs)
tests_unit_base_json_writer_test_SOURCES = tests/unit/base_json_writer_test.c tests/unit/unit.h
tests_unit_base_json_writer_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_json_writer_test_LDADD = $(base_test_libs)
tests_unit_base_log_test_SOURCES = tests/unit/base_log_test.c tests/unit/unit.h
tests_unit_base_log_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_log_test_LDADD = $(base_test_libs)
tests_unit_base_metrics_test_SOURCES = tests/unit/base_metrics_test.c tests/unit/unit.h
tests_unit_base_metrics_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_metrics_test_LDADD = $(base_test_libs)
tests_unit_base_options_test_SOURCES = tests/unit/base_options_test.c tests/unit/unit.h
tests_unit_base_options_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_options_test_LDADD = $(base_test_libs)
tests_unit_base_origin_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_origin_test_LDADD = $(base_test_libs)
tests_unit_base_text_test_SOURCES = tests/unit/base_text_test.c tests/unit/unit.h
tests_unit_base_text_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_base_text_test_LDADD = $(base_test_libs)

# bridge/loop and bridge/xmpp
link_world = tests/unit/xmpp_link_world.c tests/unit/xmpp_link_world.h \
  tests/unit/fake_xmpp_server.c tests/unit/fake_xmpp_server.h
link_tests = \
  tests/unit/loop_child_test \
  tests/unit/loop_test \
  tests/unit/xmpp_dispatch_test \
  tests/unit/xmpp_link_test \
  tests/unit/xmpp_link_traffic_test
check_PROGRAMS += $(link_tests)
TESTS += $(link_tests)
tests_unit_loop_child_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_loop_child_test_LDADD = libloop.a libbase.a $(GLIB_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_loop_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_loop_test_LDADD = libloop.a libbase.a $(GLIB_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_xmpp_dispatch_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xmpp_dispatch_test_LDADD = libxmpp.a libbase.a $(XEP_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/xmpp_copies_test
TESTS += tests/unit/xmpp_copies_test
tests_unit_xmpp_copies_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xmpp_copies_test_LDADD = libxmpp.a libbase.a $(XEP_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/xmpp_labels_test
TESTS += tests/unit/xmpp_labels_test
tests_unit_xmpp_labels_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xmpp_labels_test_LDADD = libxmpp.a libbase.a $(XEP_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_xmpp_link_test_SOURCES = tests/unit/xmpp_link_test.c $(link_world)
tests_unit_xmpp_link_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xmpp_link_test_LDADD = libxmpp.a libloop.a libbase.a $(XEP_LIBS) $(CRYPTO_LIBS) \
  $(CHECK_LIBS)
tests_unit_xmpp_link_traffic_test_SOURCES = tests/unit/xmpp_link_traffic_test.c $(link_world)
tests_unit_xmpp_link_traffic_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xmpp_link_traffic_test_LDADD = libxmpp.a libloop.a libbase.a $(XEP_LIBS) $(CRYPTO_LIBS) \
  $(CHECK_LIBS)
TESTS += tests/unit/xep_docs_test.sh
EXTRA_DIST += tests/unit/xep_docs_test.sh tests/vectors/xep

check_PROGRAMS += tests/unit/xep_stream_reader_test
TESTS += tests/unit/xep_stream_reader_test
tests_unit_xep_stream_reader_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_stream_reader_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/xep_jingle_test
TESTS += tests/unit/xep_jingle_test
tests_unit_xep_jingle_test_SOURCES = tests/unit/xep_jingle_test.c tests/unit/call_vector.h tests/unit/xep_read.h
tests_unit_xep_jingle_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_jingle_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/xep_jingle_change_test
TESTS += tests/unit/xep_jingle_change_test
tests_unit_xep_jingle_change_test_SOURCES = tests/unit/xep_jingle_change_test.c tests/unit/call_vector.h tests/unit/xep_read.h
tests_unit_xep_jingle_change_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_jingle_change_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)
EXTRA_DIST += tests/vectors/calls
check_PROGRAMS += tests/unit/xep_relay_only_test
TESTS += tests/unit/xep_relay_only_test
tests_unit_xep_relay_only_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_relay_only_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)
if ENABLE_ICE
check_PROGRAMS += tests/unit/xep_candidate_nice_test
TESTS += tests/unit/xep_candidate_nice_test
endif
tests_unit_xep_candidate_nice_test_CFLAGS = $(AM_CFLAGS) $(NICE_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_candidate_nice_test_LDADD = $(XEP_LIBS) $(NICE_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/xep_name_test
TESTS += tests/unit/xep_name_test
tests_unit_xep_name_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_name_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/xep_jid_test
TESTS += tests/unit/xep_jid_test
tests_unit_xep_jid_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_jid_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/xep_time_test
TESTS += tests/unit/xep_time_test
tests_unit_xep_time_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_time_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/xep_visible_test
TESTS += tests/unit/xep_visible_test
tests_unit_xep_visible_test_SOURCES = tests/unit/xep_visible_test.c tests/unit/xep_read.h tests/unit/unit.h
tests_unit_xep_visible_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_visible_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/xep_stanza_test
TESTS += tests/unit/xep_stanza_test
tests_unit_xep_stanza_test_SOURCES = tests/unit/xep_stanza_test.c tests/unit/xep_read.h
tests_unit_xep_stanza_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_stanza_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/xep_reply_test
TESTS += tests/unit/xep_reply_test
tests_unit_xep_reply_test_SOURCES = tests/unit/xep_reply_test.c tests/unit/xep_read.h tests/unit/unit.h
tests_unit_xep_reply_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_reply_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/xep_vectors_test
TESTS += tests/unit/xep_vectors_test
XEP_CODECS = tests/unit/xep_codecs.h tests/unit/xep_message_codecs.c tests/unit/xep_room_codecs.c \
  tests/unit/xep_archive_codecs.c tests/unit/xep_item_codecs.c
tests_unit_xep_vectors_test_SOURCES = tests/unit/xep_vectors_test.c tests/unit/xep_read.h $(XEP_CODECS)
tests_unit_xep_vectors_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_vectors_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS) $(JANSSON_LIBS)

# bridge/ws
ws_test_libs = libws.a libdialect.a libcore.a libaccount.a libview.a libloop.a libbase.a $(XEP_LIBS) $(WSLAY_LIBS) $(ZLIB_LIBS) $(JANSSON_LIBS) $(CHECK_LIBS) \
  $(CRYPTO_LIBS) $(GLIB_LIBS)
ws_world = tests/unit/ws_world.c tests/unit/ws_world.h tests/unit/unit.h
ws_tests = \
  tests/unit/dialect_text_test \
  tests/unit/ws_deflate_test \
  tests/unit/ws_frame_test \
  tests/unit/ws_memory_test \
  tests/unit/ws_resume_test \
  tests/unit/ws_socket_test
check_PROGRAMS += $(ws_tests)
TESTS += $(ws_tests)
tests_unit_dialect_text_test_SOURCES = tests/unit/dialect_text_test.c $(ws_world)
tests_unit_dialect_text_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_dialect_text_test_LDADD = $(ws_test_libs)
tests_unit_ws_deflate_test_SOURCES = tests/unit/ws_deflate_test.c tests/unit/unit.h
tests_unit_ws_deflate_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_ws_deflate_test_LDADD = $(ws_test_libs)
tests_unit_ws_frame_test_SOURCES = tests/unit/ws_frame_test.c tests/unit/unit.h
tests_unit_ws_frame_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_ws_frame_test_LDADD = $(ws_test_libs)
tests_unit_ws_socket_test_SOURCES = tests/unit/ws_socket_test.c $(ws_world)
tests_unit_ws_socket_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_ws_socket_test_LDADD = $(ws_test_libs)
tests_unit_ws_resume_test_SOURCES = tests/unit/ws_resume_test.c $(ws_world)
tests_unit_ws_resume_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_ws_resume_test_LDADD = $(ws_test_libs)
tests_unit_ws_memory_test_SOURCES = tests/unit/ws_memory_test.c $(ws_world)
tests_unit_ws_memory_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_ws_memory_test_LDADD = $(ws_test_libs)
check_PROGRAMS += tests/unit/bench_histogram_test
TESTS += tests/unit/bench_histogram_test
tests_unit_bench_histogram_test_SOURCES = tests/unit/bench_histogram_test.c \
  tests/bench/histogram.c tests/bench/histogram.h tests/bench/scan.c tests/bench/scan.h \
  tests/bench/schedule.c tests/bench/schedule.h
tests_unit_bench_histogram_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_bench_histogram_test_LDADD = $(GLIB_LIBS) $(CHECK_LIBS) -lm
# bridge/core without a database
check_PROGRAMS += tests/unit/call_act_test
TESTS += tests/unit/call_act_test
tests_unit_call_act_test_SOURCES = tests/unit/call_act_test.c tests/unit/core_fake_archive.c \
  tests/unit/core_fake_archive.h tests/unit/unit.h
tests_unit_call_act_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_call_act_test_LDADD = libcall.a $(core_test_libs)
check_PROGRAMS += tests/unit/room_stanza_test
TESTS += tests/unit/room_stanza_test
tests_unit_room_stanza_test_SOURCES = tests/unit/room_stanza_test.c tests/unit/unit.h
tests_unit_room_stanza_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_room_stanza_test_LDADD = libroom.a $(core_test_libs)
fake_archive = tests/unit/core_fake_archive.c tests/unit/core_fake_archive.h tests/unit/unit.h
core_test_libs = libpresence.a libcluster.a libcore.a libaccount.a libview.a libarchive.a libloop.a libbase.a $(XEP_LIBS) $(PQ_LIBS) $(JWT_LIBS) \
  $(JANSSON_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS) $(CHECK_LIBS)
core_tests = \
  tests/unit/archive_codec_test \
  tests/unit/archive_replica_test \
  tests/unit/core_account_event_test \
  tests/unit/cluster_bus_test \
  tests/unit/bound_wire_test \
  tests/unit/core_cursor_test \
  tests/unit/cluster_fanout_test \
  tests/unit/cluster_lease_test \
  tests/unit/account_limit_test \
  tests/unit/view_message_test \
  tests/unit/core_message_test \
  tests/unit/core_outbox_test \
  tests/unit/core_epoch_test \
  tests/unit/core_toggle_test \
  tests/unit/presence_contact_test \
  tests/unit/core_operation_test \
  tests/unit/core_relation_test \
  tests/unit/core_resume_test \
  tests/unit/cluster_sequencer_test \
  tests/unit/account_session_test \
  tests/unit/core_hook_test \
  tests/unit/core_typing_test
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
tests_unit_presence_contact_test_SOURCES = tests/unit/presence_contact_test.c tests/unit/unit.h
tests_unit_presence_contact_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_presence_contact_test_LDADD = $(core_test_libs)
tests_unit_core_typing_test_SOURCES = tests/unit/core_typing_test.c $(fake_archive)
tests_unit_core_typing_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_typing_test_LDADD = $(core_test_libs)
tests_unit_cluster_bus_test_SOURCES = tests/unit/cluster_bus_test.c tests/unit/unit.h
tests_unit_cluster_bus_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_cluster_bus_test_LDADD = $(core_test_libs)
tests_unit_cluster_lease_test_SOURCES = tests/unit/cluster_lease_test.c $(fake_archive)
tests_unit_cluster_lease_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_cluster_lease_test_LDADD = $(core_test_libs)
tests_unit_cluster_sequencer_test_SOURCES = tests/unit/cluster_sequencer_test.c tests/unit/unit.h
tests_unit_cluster_sequencer_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_cluster_sequencer_test_LDADD = $(core_test_libs)
tests_unit_cluster_fanout_test_SOURCES = tests/unit/cluster_fanout_test.c $(fake_archive)
tests_unit_cluster_fanout_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_cluster_fanout_test_LDADD = $(core_test_libs)
tests_unit_core_outbox_test_SOURCES = tests/unit/core_outbox_test.c $(fake_archive)
tests_unit_core_outbox_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_outbox_test_LDADD = $(core_test_libs)
tests_unit_core_message_test_SOURCES = tests/unit/core_message_test.c $(fake_archive)
tests_unit_core_message_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_message_test_LDADD = $(core_test_libs)
tests_unit_view_message_test_SOURCES = tests/unit/view_message_test.c $(fake_archive)
tests_unit_view_message_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_view_message_test_LDADD = $(core_test_libs)
tests_unit_core_epoch_test_SOURCES = tests/unit/core_epoch_test.c $(fake_archive)
tests_unit_core_epoch_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_epoch_test_LDADD = $(core_test_libs)
tests_unit_core_toggle_test_SOURCES = tests/unit/core_toggle_test.c tests/unit/unit.h
tests_unit_core_toggle_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_toggle_test_LDADD = $(core_test_libs)
tests_unit_core_operation_test_SOURCES = tests/unit/core_operation_test.c $(fake_archive)
tests_unit_core_operation_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_operation_test_LDADD = $(core_test_libs)
tests_unit_core_resume_test_SOURCES = tests/unit/core_resume_test.c $(fake_archive)
tests_unit_core_resume_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_resume_test_LDADD = $(core_test_libs)
tests_unit_core_relation_test_SOURCES = tests/unit/core_relation_test.c $(fake_archive)
tests_unit_core_relation_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_relation_test_LDADD = $(core_test_libs)
tests_unit_core_hook_test_SOURCES = tests/unit/core_hook_test.c tests/unit/unit.h
tests_unit_core_hook_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_hook_test_LDADD = $(core_test_libs) $(CURL_LIBS)
tests_unit_account_session_test_SOURCES = tests/unit/account_session_test.c $(fake_archive)
tests_unit_account_session_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_account_session_test_LDADD = $(core_test_libs)
tests_unit_core_account_event_test_SOURCES = tests/unit/core_account_event_test.c $(fake_archive)
tests_unit_core_account_event_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_account_event_test_LDADD = $(core_test_libs)
tests_unit_account_limit_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_account_limit_test_LDADD = $(core_test_libs)
tests_unit_bound_wire_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_bound_wire_test_LDADD = libbound.a $(core_test_libs)
tests_unit_core_cursor_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_core_cursor_test_LDADD = $(core_test_libs)
tests_unit_archive_codec_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_archive_codec_test_LDADD = $(core_test_libs)
tests_unit_archive_replica_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_archive_replica_test_LDADD = $(core_test_libs)
# Needs PostgreSQL: built by `make check`, run by tests/sql/run.
check_PROGRAMS += tests/unit/archive_pg_test
tests_unit_archive_pg_test_SOURCES = tests/unit/archive_pg_test.c tests/unit/archive_pg_links.c tests/unit/archive_pg_heads.c tests/unit/archive_pg_world.c tests/unit/archive_pg_world.h tests/unit/unit.h
tests_unit_archive_pg_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_archive_pg_test_LDADD = $(core_test_libs)
EXTRA_DIST += tests/sql

check_PROGRAMS += tests/unit/presence_online_test
TESTS += tests/unit/presence_online_test
tests_unit_presence_online_test_SOURCES = tests/unit/presence_online_test.c tests/unit/unit.h
tests_unit_presence_online_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_presence_online_test_LDADD = libpresence.a libcore.a libaccount.a libview.a libbase.a $(JANSSON_LIBS) $(CHECK_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)
check_PROGRAMS += tests/unit/job_runner_test
TESTS += tests/unit/job_runner_test
tests_unit_job_runner_test_SOURCES = tests/unit/job_runner_test.c $(fake_archive)
tests_unit_job_runner_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_job_runner_test_LDADD = libjob.a libcluster.a $(core_test_libs)
check_PROGRAMS += tests/unit/presence_announce_test
TESTS += tests/unit/presence_announce_test
tests_unit_presence_announce_test_SOURCES = tests/unit/presence_announce_test.c $(fake_archive) \
  bridge/feature/subscription.c bridge/presence/announce.c bridge/presence/online.c
tests_unit_presence_announce_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_presence_announce_test_LDADD = libcluster.a $(core_test_libs)
check_PROGRAMS += tests/unit/presence_user_test
TESTS += tests/unit/presence_user_test
tests_unit_presence_user_test_SOURCES = tests/unit/presence_user_test.c $(fake_archive) \
  bridge/presence/user_presence.c bridge/presence/user_presence_elsewhere.c bridge/presence/user_presence_partners.c \
  bridge/presence/user_presence_tell.c bridge/presence/status.c bridge/presence/visibility.c
tests_unit_presence_user_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_presence_user_test_LDADD = libcluster.a $(core_test_libs)
check_PROGRAMS += tests/unit/feature_search_pace_test
TESTS += tests/unit/feature_search_pace_test
tests_unit_feature_search_pace_test_SOURCES = tests/unit/feature_search_pace_test.c tests/unit/unit.h \
  bridge/feature/search_pace.c bridge/feature/search_pace.h
tests_unit_feature_search_pace_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_feature_search_pace_test_LDADD = $(CHECK_LIBS) $(GLIB_LIBS)
check_PROGRAMS += tests/unit/feature_mam_queue_test
TESTS += tests/unit/feature_mam_queue_test
tests_unit_feature_mam_queue_test_SOURCES = tests/unit/feature_mam_queue_test.c tests/unit/unit.h \
  bridge/feature/mam_queue.c bridge/feature/mam_queue.h
tests_unit_feature_mam_queue_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_feature_mam_queue_test_LDADD = libloop.a libbase.a $(XEP_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/unit/image_picture_test
TESTS += tests/unit/image_picture_test
tests_unit_image_picture_test_SOURCES = tests/unit/image_picture_test.c tests/unit/unit.h \
  bridge/image/picture.c bridge/image/picture.h bridge/image/picture_part.h
tests_unit_image_picture_test_CFLAGS = $(AM_CFLAGS) $(GD_CFLAGS) $(CHECK_CFLAGS)
tests_unit_image_picture_test_LDADD = libbase.a $(GD_LIBS) $(CHECK_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)
check_PROGRAMS += tests/unit/image_parts_test
TESTS += tests/unit/image_parts_test
tests_unit_image_parts_test_SOURCES = tests/unit/image_parts_test.c tests/unit/unit.h \
  bridge/image/parts.c bridge/image/parts.h bridge/image/picture.c bridge/image/picture.h bridge/image/picture_part.h \
  bridge/image/progress.c bridge/image/progress.h
tests_unit_image_parts_test_CFLAGS = $(AM_CFLAGS) $(GD_CFLAGS) $(JPEG_CFLAGS) $(CHECK_CFLAGS)
tests_unit_image_parts_test_LDADD = libbase.a $(GD_LIBS) $(JPEG_LIBS) $(CHECK_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS) -lm
check_PROGRAMS += tests/unit/image_scrub_test tests/unit/media_file_test
TESTS += tests/unit/image_scrub_test tests/unit/media_file_test
tests_unit_image_scrub_test_SOURCES = tests/unit/image_scrub_test.c tests/unit/unit.h bridge/image/scrub.c bridge/image/scrub.h
tests_unit_image_scrub_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_image_scrub_test_LDADD = libbase.a $(CHECK_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)
tests_unit_media_file_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_media_file_test_LDADD = libmedia.a libcore.a libloop.a libbase.a $(XEP_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) $(CURL_LIBS) \
  $(CHECK_LIBS) $(GLIB_LIBS)
check_PROGRAMS += tests/unit/image_fence_test
TESTS += tests/unit/image_fence_test
tests_unit_image_fence_test_SOURCES = tests/unit/image_fence_test.c tests/unit/unit.h \
  bridge/image/fence.c bridge/image/fence.h bridge/image/sandbox.c bridge/image/sandbox.h bridge/image/wall.c bridge/image/wall.h
tests_unit_image_fence_test_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS) $(CHECK_CFLAGS)
tests_unit_image_fence_test_LDADD = $(SECCOMP_LIBS) $(CHECK_LIBS) $(GLIB_LIBS)
check_PROGRAMS += tests/unit/media_film_test
TESTS += tests/unit/media_film_test
tests_unit_media_film_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_media_film_test_LDADD = libmedia.a libcore.a libloop.a libbase.a $(XEP_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) $(CURL_LIBS) \
  $(ZLIB_LIBS) $(CHECK_LIBS) $(GLIB_LIBS) -lm
EXTRA_DIST += tests/vectors/pictures tests/vectors/films
check_PROGRAMS += tests/unit/profile_picture_test
TESTS += tests/unit/profile_picture_test
tests_unit_profile_picture_test_SOURCES = tests/unit/profile_picture_test.c tests/unit/unit.h
tests_unit_profile_picture_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_profile_picture_test_LDADD = libprofile.a libloop.a libbase.a $(JANSSON_LIBS) $(CHECK_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)
endif
