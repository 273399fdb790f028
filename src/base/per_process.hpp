#pragma once

#include <atomic>
#include <cstdint>

#include "base/fork.hpp"

namespace polymetis::base {

/// One T of this process, made on first use and never destroyed; a forked child makes its own, so a lock that another thread held at the fork
/// stays the parent's. For static objects. Thread-safe.
template <class T>
class PerProcess {
 public:
  constexpr PerProcess() noexcept = default;
  PerProcess(const PerProcess&) = delete;
  PerProcess& operator=(const PerProcess&) = delete;

  T& get() {
    Holder* const holder = holder_.load(std::memory_order_acquire);
    return holder != nullptr && holder->generation == fork_generation() ? holder->value : make(holder);
  }

 private:
  struct Holder {
    std::uint64_t generation = fork_generation();
    T value{};
  };
  T& make(Holder* old) {
    auto* made = new Holder;
    if (holder_.compare_exchange_strong(old, made, std::memory_order_acq_rel)) return made->value;
    delete made;
    return old->value;
  }

  std::atomic<Holder*> holder_{nullptr};
};

}  // namespace polymetis::base
