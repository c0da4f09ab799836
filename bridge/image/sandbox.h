/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a program that reads bytes from outside may still do. */
#pragma once

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

#if defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED                                                                                  \
    0 /* a sanitizer needs more memory and more system calls than we want to allow                 \
       */
#endif

struct sandbox {
    size_t memory;    /* bytes */
    unsigned seconds; /* of the processor */
};

/* Closes every descriptor above LAST, and takes all rights away but to read and write those that
 * are left, and to use memory: whatever else is tried kills the process. False: it could not be
 * done. Under a sanitizer, which needs more, there are hardly any limits. */
bool sandbox_enter(const struct sandbox *limits, unsigned last);

/* Of RESOURCE this process has MOST from now on, and cannot ask for more. */
bool sandbox_limit(__rlimit_resource_t resource, rlim_t most);

/* A filter that lets only system calls pass which every program makes, threads among them but no
 * other process; others fail, as if there were no right to them. NULL: it could not be made. For
 * seccomp_load(), then seccomp_release(). */
scmp_filter_ctx sandbox_filter_new(void);

/* FILTER lets COUNT system calls of CALLS pass, too. */
bool sandbox_filter_allow(scmp_filter_ctx filter, const int *calls, size_t count);

/* All of LENGTH bytes to FD, or to standard output. */
bool sandbox_write_to(int fd, const void *bytes, size_t length);
bool sandbox_write(const void *bytes, size_t length);
