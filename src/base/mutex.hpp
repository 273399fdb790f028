#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/futex.hpp"

/// Which mutex guards what, checked by clang (`cmake --preset clang`); nothing elsewhere.
#if defined(__clang__)
#define POLYMETIS_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define POLYMETIS_THREAD_ATTRIBUTE(x)
#endif
#define CAPABILITY(x) POLYMETIS_THREAD_ATTRIBUTE(capability(x))
#define SCOPED_CAPABILITY POLYMETIS_THREAD_ATTRIBUTE(scoped_lockable)
#define GUARDED_BY(x) POLYMETIS_THREAD_ATTRIBUTE(guarded_by(x))
#define PT_GUARDED_BY(x) POLYMETIS_THREAD_ATTRIBUTE(pt_guarded_by(x))
#define ACQUIRED_BEFORE(...) POLYMETIS_THREAD_ATTRIBUTE(acquired_before(__VA_ARGS__))
#define REQUIRES(...) POLYMETIS_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) POLYMETIS_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) POLYMETIS_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) POLYMETIS_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) POLYMETIS_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define RETURN_CAPABILITY(x) POLYMETIS_THREAD_ATTRIBUTE(lock_returned(x))
#define NO_THREAD_SAFETY_ANALYSIS POLYMETIS_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace polymetis::base {

/// A mutex that clang can follow. Thread-safe.
class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { inner_.lock(); }
  void unlock() RELEASE() { inner_.unlock(); }
  bool try_lock() TRY_ACQUIRE(true) { return inner_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex inner_;
};

/// A mutex for what is held for less than a microsecond, and often. Who finds it taken looks again every few microseconds before it
/// sleeps; meanwhile the holder takes it again and again, its data in its own cache, so two threads on one lock are about as fast as one.
/// Unfair for these microseconds. Thread-safe.
class CAPABILITY("mutex") BriefMutex {
 public:
  BriefMutex() = default;
  BriefMutex(const BriefMutex&) = delete;
  BriefMutex& operator=(const BriefMutex&) = delete;
  void lock() ACQUIRE() {
    if (!try_lock()) lock_slowly();
  }
  void unlock() RELEASE() {
    if (state_.exchange(free, std::memory_order_release) == slept_on) futex_wake(&state_, 1);
  }
  bool try_lock() TRY_ACQUIRE(true) {
    std::uint32_t expected = free;
    return state_.compare_exchange_strong(expected, held, std::memory_order_acquire, std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint32_t free = 0;
  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t slept_on = 2;  // held, and there may be sleepers
  void lock_slowly() noexcept ACQUIRE() NO_THREAD_SAFETY_ANALYSIS;
  std::atomic<std::uint32_t> state_{free};
};

/// Holds a mutex for a scope; may let go and take it again in between. Thread-bound.
template <class M = Mutex>
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(M& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() {
    if (held_) mutex_.unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void unlock() RELEASE() {
    held_ = false;
    mutex_.unlock();
  }
  void lock() ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }

 private:
  M& mutex_;
  bool held_ = true;
};

/// A condition of a mutex. Waits may end early: call them in a loop over the condition. Thread-safe.
class CondVar {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.inner_, std::adopt_lock);
    inner_.wait(lock);
    lock.release();
  }
  /// `max()` waits for ever.
  void wait_until(Mutex& mutex, std::chrono::steady_clock::time_point deadline) REQUIRES(mutex) {
    if (deadline == std::chrono::steady_clock::time_point::max()) return wait(mutex);
    std::unique_lock<std::mutex> lock(mutex.inner_, std::adopt_lock);
    inner_.wait_until(lock, deadline);
    lock.release();
  }
  void notify_one() noexcept { inner_.notify_one(); }
  void notify_all() noexcept { inner_.notify_all(); }

 private:
  std::condition_variable inner_;
};

}  // namespace polymetis::base
