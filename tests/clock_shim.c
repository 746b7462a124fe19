// SPDX-License-Identifier: Apache-2.0
// For LD_PRELOAD: shows a process another wall clock than the machine's, and leaves the others
// alone. SHIM_CLOCK is "OFFSET_S RATE": the clock is that far ahead when the process starts, and
// runs that many times as fast. (libfaketime does this, too, but not under jemalloc, which asks for
// the time before that has found its feet.)
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long real_ns(clockid_t clock) {
  struct timespec now;
  syscall(SYS_clock_gettime, clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static long long shown_ns(void) {
  static long long offset_ns, began_ns;
  static double rate;
  const long long now = real_ns(CLOCK_REALTIME);
  if (began_ns == 0) {
    double offset_s = 0;
    const char* const said = getenv("SHIM_CLOCK");
    rate = 1;
    if (said != NULL) sscanf(said, "%lf %lf", &offset_s, &rate);
    offset_ns = (long long)(offset_s * 1e9);
    began_ns = now;
  }
  return began_ns + offset_ns + (long long)((double)(now - began_ns) * rate);
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
    return (int)syscall(SYS_clock_gettime, clock, now);
  const long long ns = shown_ns();
  now->tv_sec = ns / 1000000000LL;
  now->tv_nsec = ns % 1000000000LL;
  return 0;
}

int gettimeofday(struct timeval* now, void* zone) {
  (void)zone;
  const long long ns = shown_ns();
  now->tv_sec = ns / 1000000000LL;
  now->tv_usec = ns % 1000000000LL / 1000;
  return 0;
}

time_t time(time_t* out) {
  const time_t now = (time_t)(shown_ns() / 1000000000LL);
  if (out != NULL) *out = now;
  return now;
}
