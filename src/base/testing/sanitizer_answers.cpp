// What sanitizers ask a test program.

#include <unistd.h>

/// A child may have threads of its own: some tests are about that.
extern "C" [[gnu::visibility("default")]] const char* __tsan_default_options() { return "die_after_fork=0:atexit_sleep_ms=0"; }

/// No search for leaks in forked children: what the parent's threads held looks lost there.
extern "C" [[gnu::visibility("default")]] int __lsan_is_turned_off() {
  static const pid_t first = ::getpid();
  return ::getpid() != first ? 1 : 0;
}

/// What the engine's thread library keeps until the process ends.
extern "C" [[gnu::visibility("default")]] const char* __lsan_default_suppressions() { return "leak:libtbb\nleak:libhwloc\n"; }

namespace {
const int asked_before_any_fork = __lsan_is_turned_off();
}
