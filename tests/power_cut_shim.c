// SPDX-License-Identifier: Apache-2.0
// For LD_PRELOAD: writes down, in the order in which it happened, what a process does to the files
// under one folder. From that tests/power_cut.py knows what a disk would hold if the power went.
//
//   SHIM_FOLDER   absolute; only what lies under it is followed
//   SHIM_JOURNAL  where it is written down, outside the folder
//   SHIM_SYNC_US  a sync takes between half of this and this long (default 0)
//   SHIM_LIE      a sync of what has this in its path does nothing, and says that it did
//   SHIM_BOOT_ID  a file that is read in place of the kernel's boot id
//
// A change is made and written down under one lock, so the journal's order is the kernel's. Killed
// between the two, it lacks one change, which then has not reached the disk: nobody was told of it
// yet. A sync is no call to the kernel, whose memory outlives the process anyhow, but two records:
// what was written down before the first is on disk at the second. What goes round these functions
// (mappings, stdio, copies made by the kernel) is not followed, and found out: the test compares
// what it was told of with what is there.
#include "power_cut_journal.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

enum { fd_max = 1 << 16 };
enum { followed = 1, synchronous = 2 };

static unsigned char fds[fd_max];
static uint64_t last_sync;

// -- What is followed

static int flags_of(int fd) {
  return fd >= 0 && fd < fd_max ? __atomic_load_n(&fds[fd], __ATOMIC_ACQUIRE) : 0;
}

// The length of its path, which has no zero behind it; 0 where it has none.
static size_t path_of(int fd, char* buffer) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const long n = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, path_max / 2);
  return n > 0 ? (size_t)n : 0;
}

static int is_lied_about(int fd) {
  char path[path_max];
  if (lie == NULL) return 0;
  const size_t n = path_of(fd, path);
  memcpy(path + n, "/", 2);  // so that "/log/" is the folder's, too
  return strstr(path, lie) != NULL;
}

// The path, where it is the folder's or lies in it; else NULL.
static const char* inside(int at, const char* path, char* buffer) {
  take_lock();
  pthread_mutex_unlock(&lock);
  if (path[0] != '/' && at != AT_FDCWD) {
    const size_t n = path_of(at, buffer);
    if (n == 0) return NULL;
    snprintf(buffer + n, path_max - n, "/%s", path);
    path = buffer;
  }
  return strncmp(path, folder, folder_length) == 0 &&
                 (path[folder_length] == '/' || path[folder_length] == 0)
             ? path
             : NULL;
}

static int regular(int fd, struct stat* facts) {
  return fstat(fd, facts) == 0 && S_ISREG(facts->st_mode);
}

static int sync_of(int fd, int kind_call) {
  struct stat facts;
  if (!flags_of(fd) || fstat(fd, &facts) != 0) return (int)syscall(kind_call, fd);
  if (is_lied_about(fd)) return 0;
  take_lock();
  const uint64_t number = ++last_sync;
  put('B', facts.st_ino, number, NULL, 0);
  pthread_mutex_unlock(&lock);
  if (sync_us > 0) {
    const long us = sync_us / 2 + (long)((number * 2654435761u >> 7) % (uint64_t)(sync_us / 2 + 1));
    const struct timespec time = {us / 1000000, us % 1000000 * 1000};
    syscall(SYS_nanosleep, &time, NULL);
  }
  take_lock();
  put('E', facts.st_ino, number, NULL, 0);
  pthread_mutex_unlock(&lock);
  return 0;
}

int fsync(int fd) {
  return sync_of(fd, SYS_fsync);
}
int fdatasync(int fd) {
  return sync_of(fd, SYS_fdatasync);
}

// -- Files

static int open_at(int at, const char* path, int flags, mode_t mode) {
  char buffer[path_max];
  const char* const name = inside(at, path, buffer);
  if (name == NULL) {
    const int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    if (fd >= 0 && fd < fd_max) __atomic_store_n(&fds[fd], 0, __ATOMIC_RELEASE);
    return fd;
  }
  take_lock();
  struct stat facts;
  const int was_there = fstatat(AT_FDCWD, name, &facts, 0) == 0;
  const int fd = (int)syscall(SYS_openat, at, path, flags, mode);
  if (fd >= fd_max) give_up("too many files");
  if (fd >= 0 && fstat(fd, &facts) == 0) {
    if (!was_there) put_names('C', facts.st_ino, name, "");
    if (was_there && (flags & O_TRUNC) != 0) put('T', facts.st_ino, 0, NULL, 0);
    const int writes_through = (flags & O_DSYNC) != 0 ? synchronous : 0;  // a bit of O_SYNC, too
    __atomic_store_n(&fds[fd], followed | writes_through, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

#define MODE_OF(flags)                            \
  mode_t mode = 0;                                \
  if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) { \
    va_list rest;                                 \
    va_start(rest, flags);                        \
    mode = va_arg(rest, mode_t);                  \
    va_end(rest);                                 \
  }

int open(const char* path, int flags, ...) {
  MODE_OF(flags)
  return open_at(AT_FDCWD, path, flags, mode);
}
int openat(int at, const char* path, int flags, ...) {
  MODE_OF(flags)
  return open_at(at, path, flags, mode);
}
int creat(const char* path, mode_t mode) {
  return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int close(int fd) {
  if (flags_of(fd)) __atomic_store_n(&fds[fd], 0, __ATOMIC_RELEASE);
  return (int)syscall(SYS_close, fd);
}

// `offset` < 0: where the descriptor stands.
static ssize_t write_parts(int fd, const struct iovec* parts, int count, off_t offset) {
  const int flags = flags_of(fd);
  struct stat facts;
  const int follow = flags && regular(fd, &facts);
  if (follow) take_lock();
  ssize_t n;
  if (offset < 0) {
    n = syscall(SYS_writev, fd, parts, count);
  } else {
    n = syscall(SYS_pwritev, fd, parts, count, offset, 0);
  }
  if (!follow) return n;
  const int error = errno;
  if (n > 0) {
    uint64_t at = (uint64_t)(offset >= 0 ? offset : syscall(SYS_lseek, fd, 0, SEEK_CUR) - n);
    size_t left = (size_t)n;
    for (int i = 0; i < count && left > 0; ++i) {
      const size_t bytes = parts[i].iov_len < left ? parts[i].iov_len : left;
      put_write(facts.st_ino, at, parts[i].iov_base, bytes);
      at += bytes;
      left -= bytes;
    }
  }
  pthread_mutex_unlock(&lock);
  if ((flags & synchronous) != 0 && n > 0) fdatasync(fd);
  errno = error;
  return n;
}

ssize_t write(int fd, const void* data, size_t bytes) {
  if (!flags_of(fd)) return syscall(SYS_write, fd, data, bytes);
  const struct iovec part = {(void*)data, bytes};
  return write_parts(fd, &part, 1, -1);
}
ssize_t writev(int fd, const struct iovec* parts, int count) {
  return write_parts(fd, parts, count, -1);
}
ssize_t pwrite(int fd, const void* data, size_t bytes, off_t offset) {
  const struct iovec part = {(void*)data, bytes};
  return write_parts(fd, &part, 1, offset);
}

int ftruncate(int fd, off_t size) {
  struct stat facts;
  const int follow = flags_of(fd) && regular(fd, &facts);
  if (!follow) return (int)syscall(SYS_ftruncate, fd, size);
  take_lock();
  const int result = (int)syscall(SYS_ftruncate, fd, size);
  if (result == 0) put('T', facts.st_ino, (uint64_t)size, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  if (!flags_of(fd)) return (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
  take_lock();
  struct stat facts;
  const int follow = regular(fd, &facts);
  const int result = (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
  if (follow && result == 0 && mode == 0 && offset + bytes > facts.st_size) {
    put('T', facts.st_ino, (uint64_t)(offset + bytes), NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return result;
}
int posix_fallocate(int fd, off_t offset, off_t bytes) {
  return fallocate(fd, 0, offset, bytes) == 0 ? 0 : errno;
}

// -- The same under the names of systems on which sizes had 32 bits

#define ALSO(name, plain) extern __typeof(plain)(name) __attribute__((alias(#plain)))
ALSO(open64, open);
ALSO(openat64, openat);
ALSO(pwrite64, pwrite);
ALSO(ftruncate64, ftruncate);
ALSO(fallocate64, fallocate);
ALSO(posix_fallocate64, posix_fallocate);

// -- Names

#define FOLLOWED_NAME(at, path, call, kind, inode_of) \
  char buffer[path_max];                              \
  const char* const name = inside(at, path, buffer);  \
  if (name == NULL) return (int)(call);               \
  take_lock();                                        \
  const int result = (int)(call);                     \
  struct stat facts = {0};                            \
  if (result == 0) {                                  \
    if (inode_of) fstatat(AT_FDCWD, name, &facts, 0); \
    put_names(kind, facts.st_ino, name, "");          \
  }                                                   \
  pthread_mutex_unlock(&lock);                        \
  return result;

int mkdir(const char* path, mode_t mode) {
  FOLLOWED_NAME(AT_FDCWD, path, syscall(SYS_mkdirat, AT_FDCWD, path, mode), 'D', 1)
}
int unlinkat(int at, const char* path, int flags) {
  FOLLOWED_NAME(at, path, syscall(SYS_unlinkat, at, path, flags), 'U', 0)
}
int unlink(const char* path) {
  return unlinkat(AT_FDCWD, path, 0);
}
int rmdir(const char* path) {
  return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
int remove(const char* path) {
  return unlink(path) == 0 ? 0 : errno == EISDIR || errno == EPERM ? rmdir(path) : -1;
}

static int two_names(const char* from, const char* to, int number, char kind) {
  char unused[path_max];
  const int follow = inside(AT_FDCWD, from, unused) != NULL || inside(AT_FDCWD, to, unused) != NULL;
  if (follow) take_lock();
  const int result = number == SYS_linkat
                         ? (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0)
                         : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (follow && result == 0) put_names(kind, 0, from, to);
  if (follow) pthread_mutex_unlock(&lock);
  return result;
}
int rename(const char* from, const char* to) {
  return two_names(from, to, SYS_renameat2, 'R');
}
int link(const char* from, const char* to) {
  return two_names(from, to, SYS_linkat, 'L');
}

// -- The boot id: after a power cut the kernel is another one

FILE* fopen64(const char* path, const char* mode) {
  FILE* (*const real)(const char*, const char*) =
      (FILE * (*)(const char*, const char*)) dlsym(RTLD_NEXT, "fopen64");
  const char* const other = getenv("SHIM_BOOT_ID");
  return real(other != NULL && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 ? other : path,
              mode);
}
