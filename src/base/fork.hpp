#pragma once

#include <cstdint>

#include "polymetis/host.hpp"

namespace polymetis::base {

/// Which process this is in a line of forks: a forked child sees another number than its parent. An object keeps the number of its
/// making and so can answer "made before fork". A load; reentrant; safe in signal handlers after the first call.
std::uint64_t fork_generation() noexcept;

/// While it lives, `in_child` runs in each forked child before `fork` returns there, on the only thread: for closing descriptors that
/// must not outlive the parent. It may only do what a signal handler may, and must not make or end hooks. Calls run in order of making.
///
/// Thread-safe: making, ending and forking may race.
class ForkHook {
 public:
  explicit ForkHook(Task in_child);
  ~ForkHook();
  ForkHook(const ForkHook&) = delete;
  ForkHook& operator=(const ForkHook&) = delete;

 private:
  friend struct ForkRegistry;
  Task in_child_;
  ForkHook* previous_ = nullptr;
  ForkHook* next_ = nullptr;
};

/// No fork happens while it lives: for the moment between making a descriptor and telling the hook that closes it. Short; not held over a
/// fork of the own thread, nor while a hook is made or ended. Thread-safe.
class ForkBlock {
 public:
  ForkBlock();
  ~ForkBlock();
  ForkBlock(const ForkBlock&) = delete;
  ForkBlock& operator=(const ForkBlock&) = delete;
};

}  // namespace polymetis::base
