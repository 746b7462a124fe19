// SPDX-License-Identifier: Apache-2.0
// What tests/power_cut_shim.c is told by its environment, and the journal that it writes.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { path_max = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static const char* folder;
static size_t folder_length;
static long sync_us;
static const char* lie;

static _Noreturn void give_up(const char* why) {
  dprintf(2, "power_cut_shim: %s: %s\n", why, strerror(errno));
  abort();
}

// The functions that jemalloc calls before main() come by here, too: nothing of this allocates.
static void begin(void) {
  if (journal >= 0) return;
  const char* const path = getenv("SHIM_JOURNAL");
  const char* const us = getenv("SHIM_SYNC_US");
  folder = getenv("SHIM_FOLDER");
  if (path == NULL || folder == NULL) give_up("SHIM_JOURNAL or SHIM_FOLDER is not set");
  folder_length = strlen(folder);
  sync_us = us != NULL ? atol(us) : 0;
  lie = getenv("SHIM_LIE");
  journal =
      (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (journal < 0) give_up(path);
}

static void take_lock(void) {
  pthread_mutex_lock(&lock);
  begin();
}

// -- The journal: a head and the payload, as power_cut.py reads them

struct head {
  uint64_t payload_bytes, kind, inode, number;
};

static void put(char kind, uint64_t inode, uint64_t number, const void* payload, size_t bytes) {
  const struct head head = {bytes, (unsigned char)kind, inode, number};
  struct iovec parts[2] = {{(void*)&head, sizeof head}, {(void*)payload, bytes}};
  if (syscall(SYS_writev, journal, parts, 2) != (long)(sizeof head + bytes)) give_up("the journal");
}

static void put_write(uint64_t inode, uint64_t offset, const char* data, size_t bytes) {
  // Most of what is written are the zeros of files that are filled ahead.
  if (bytes > 64 && data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0) {
    const uint64_t count = bytes;
    put('Z', inode, offset, &count, sizeof count);
  } else {
    put('W', inode, offset, data, bytes);
  }
}

static void put_names(char kind, uint64_t inode, const char* one, const char* other) {
  char both[2 * path_max + 2];
  const int bytes = snprintf(both, sizeof both, "%s%c%s", one, 0, other);
  put(kind, inode, 0, both, (size_t)bytes);
}
