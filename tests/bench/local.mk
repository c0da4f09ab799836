# SPDX-License-Identifier: GPL-3.0-or-later
# The load generator and the limit probes; scripts/stack gives them a system to measure.
EXTRA_DIST += tests/bench/README.md tests/bench/RESULTS.md tests/bench/run tests/bench/limit_commit tests/bench/calls
if ENABLE_BENCH
noinst_LIBRARIES += tests/bench/libbench.a
tests_bench_libbench_a_SOURCES = \
  tests/bench/check.c tests/bench/check.h \
  tests/bench/cpu.c tests/bench/cpu.h \
  tests/bench/drive.c tests/bench/drive.h \
  tests/bench/engine.c tests/bench/engine.h \
  tests/bench/histogram.c tests/bench/histogram.h \
  tests/bench/http.c tests/bench/http.h \
  tests/bench/receivers.c tests/bench/receivers.h \
  tests/bench/report.c tests/bench/report.h \
  tests/bench/scan.c tests/bench/scan.h \
  tests/bench/schedule.c tests/bench/schedule.h \
  tests/bench/send.c tests/bench/send.h \
  tests/bench/stack.c tests/bench/stack.h \
  tests/bench/workload.c tests/bench/workload.h tests/bench/workload_idle.c \
  tests/bench/workload_typing.c \
  tests/bench/world.c tests/bench/world.h \
  tests/bench/ws.c tests/bench/ws.h

bench_libs = tests/bench/libbench.a $(GLIB_LIBS) $(JANSSON_LIBS) $(PQ_LIBS) -lm
noinst_PROGRAMS += tests/bench/load tests/bench/limit_batch tests/bench/limit_http
tests_bench_load_SOURCES = tests/bench/load.c
tests_bench_load_LDADD = $(bench_libs)
tests_bench_limit_batch_SOURCES = \
  tests/bench/limit_batch.c tests/bench/limit_rows.c tests/bench/limit_rows.h
tests_bench_limit_batch_LDADD = $(bench_libs)
tests_bench_limit_http_SOURCES = tests/bench/limit_http.c
tests_bench_limit_http_LDADD = $(GLIB_LIBS)
endif
