#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

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
  /// `spin`: who finds it taken looks again for a moment before it sleeps. For what is held briefly and often.
  enum class Wait { sleep, spin };
  explicit Mutex(Wait wait = Wait::sleep) noexcept {
    if (wait == Wait::spin) make_adaptive();
  }
  void lock() ACQUIRE() { inner_.lock(); }
  void unlock() RELEASE() { inner_.unlock(); }
  bool try_lock() TRY_ACQUIRE(true) { return inner_.try_lock(); }

 private:
  friend class CondVar;
  void make_adaptive() noexcept {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(inner_.native_handle(), &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  std::mutex inner_;
};

/// Holds a mutex for a scope; may let go and take it again in between. Thread-bound.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
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
  Mutex& mutex_;
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
