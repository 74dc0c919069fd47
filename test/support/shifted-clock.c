/*
 * Shifts the wall clock of a program that is started with this library in LD_PRELOAD. The file named in SHIFT_FILE holds
 * the shift in milliseconds, as eight bytes; a change of the file is a step of the clock. Monotonic clocks stay.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shift;

__attribute__((constructor)) static void open_shift(void) {
  const char *file = getenv("SHIFT_FILE");
  int opened = file ? open(file, O_RDONLY) : -1;
  if (opened < 0) return;
  void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, opened, 0);
  close(opened);
  if (mapped != MAP_FAILED) shift = mapped;
}

static void add(time_t *seconds, long *parts, long parts_per_ms) {
  int64_t ms = shift ? *shift : 0, parts_per_s = parts_per_ms * 1000;
  int64_t all = *parts + (ms % 1000) * parts_per_ms;
  *seconds += ms / 1000;
  if (all < 0) { all += parts_per_s; *seconds -= 1; }
  if (all >= parts_per_s) { all -= parts_per_s; *seconds += 1; }
  *parts = all;
}

int gettimeofday(struct timeval *time, void *zone) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
  int failed = real(time, zone);
  if (time && !failed) add(&time->tv_sec, &time->tv_usec, 1000);
  return failed;
}

int clock_gettime(clockid_t which, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int failed = real(which, time);
  if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) add(&time->tv_sec, &time->tv_nsec, 1000000);
  return failed;
}

time_t time(time_t *result) {
  struct timeval now;
  gettimeofday(&now, NULL);
  if (result) *result = now.tv_sec;
  return now.tv_sec;
}
