#include "base/thread.hpp"

#include <pthread.h>

#include <csignal>
#include <system_error>
#include <thread>

namespace polymetis::base {

namespace {
thread_local const Crew* current_crew = nullptr;
}

bool start_thread(const char* name, Task body, std::shared_ptr<void> keep) noexcept {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited: signals are for the program's own threads
  bool started = true;
  try {
    std::thread([name, body, keep = std::move(keep)]() mutable {
      pthread_setname_np(pthread_self(), name);
      body();
      keep.reset();
    }).detach();
  } catch (const std::exception&) {
    started = false;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

bool Crew::start(const char* name) {
  ++running_;
  mutex_.unlock();  // starting takes tens of microseconds
  const Task body{[](void* self) noexcept { static_cast<Crew*>(self)->thread_main(); }, this};
  const bool started = start_thread(name, body, shared_from_this());
  mutex_.lock();
  if (!started) --running_;
  return started;
}

void Crew::thread_main() noexcept {
  current_crew = this;
  run();
  MutexLock lock(mutex_);
  --running_;
  ended_.notify_all();
}

void Crew::end(Ending how, TimePoint limit) {
  MutexLock lock(mutex_);
  ending_ = how;
  wake_all();
  if (current_crew == this) return;
  while (running_ > 0 && std::chrono::steady_clock::now() < limit) ended_.wait_until(mutex_, limit);
  if (running_ == 0) ending_ = Ending::no;
}

}  // namespace polymetis::base
