# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
  bridge/base/base64url.c bridge/base/base64url.h \
  bridge/base/breaker.c bridge/base/breaker.h \
  bridge/base/buffer.c bridge/base/buffer.h \
  bridge/base/clock.c bridge/base/clock.h \
  bridge/base/error.c bridge/base/error.h bridge/base/error.def \
  bridge/base/fetch.c bridge/base/fetch.h \
  bridge/base/file_link.c bridge/base/file_link.h \
  bridge/base/ice_uri.c bridge/base/ice_uri.h \
  bridge/base/id.c bridge/base/id.h \
  bridge/base/image.c bridge/base/image.h \
  bridge/base/json_writer.c bridge/base/json_writer.h \
  bridge/base/log.c bridge/base/log.h \
  bridge/base/metrics.c bridge/base/metrics.h bridge/base/metrics.def \
  bridge/base/options.c bridge/base/options.h bridge/base/options.def bridge/base/limits.def \
  bridge/base/options_check.c bridge/base/options_check.h \
  bridge/base/options_print.c bridge/base/options_table.h \
  bridge/base/options_type.c bridge/base/options_type.h \
  bridge/base/origin.c bridge/base/origin.h \
  bridge/base/rate.c bridge/base/rate.h \
  bridge/base/redis_url.c bridge/base/redis_url.h \
  bridge/base/rollout.c bridge/base/rollout.h \
  bridge/base/service.c bridge/base/service.h \
  bridge/base/tally.c bridge/base/tally.h \
  bridge/base/text.c bridge/base/text.h \
  bridge/base/webhook.c bridge/base/webhook.h \
  bridge/base/wheel.c bridge/base/wheel.h \
  bridge/base/words.h \
  bridge/base/zip.c bridge/base/zip.h
