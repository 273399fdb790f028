#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <vector>

#include "device/instance.hpp"
#include "fleet/ids.hpp"
#include "polymetis/fleet.hpp"

namespace polymetis::fleet {

class Dispatcher;
struct StreamRecord;

/// What a thread has yet to do outside the lock. A job that ends within `start`, or a caller's function that submits, adds to the list of the
/// call that is under way, so a million frames need no more stack than one. Thread-bound: one a thread.
class Todo {
 public:
  static Todo& of_this_thread();
  /// Does all; called within itself it returns at once and the outer call goes on.
  void run();
  /// Does all, also within itself, then waits for `latch`; what comes up meanwhile (in virtual time the wait turns the loop) is done too.
  bool wait(Host& host, Latch& latch, TimePoint until);
  /// Keeps `dispatcher` until all is done.
  void keep(Dispatcher& dispatcher);

  /// Whether a caller's function is under way on this thread: then nothing may wait for the end of such functions.
  [[nodiscard]] bool in_callback() const noexcept { return callbacks_ > 0; }
  class InCallback {
   public:
    InCallback() noexcept { ++of_this_thread().callbacks_; }
    ~InCallback() { --of_this_thread().callbacks_; }
    InCallback(const InCallback&) = delete;
    InCallback& operator=(const InCallback&) = delete;
  };

  template <class T>
  struct List {
    std::vector<T> entries;
    std::size_t next = 0;  ///< those before it are done
    void push_back(T&& entry) { entries.push_back(std::move(entry)); }
    void push_back(const T& entry) { entries.push_back(entry); }
    void clear() noexcept {
      entries.clear();
      next = 0;
    }
  };
  struct Start {
    Dispatcher* dispatcher;
    void* record;
    std::uint64_t serial;
    Submitter submitter;
  };
  struct Abandon {
    std::shared_ptr<device::Instance> instance;
    device::JobId job;
  };
  struct Reload {
    Dispatcher* dispatcher;
    ExecutorId executor;
  };
  struct Fulfil {
    std::unique_ptr<std::promise<Result>> promise;
    Result result;
  };
  struct Drain {
    Dispatcher* dispatcher;
    std::shared_ptr<StreamRecord> stream;
    Result first;
  };
  struct Tell {
    Dispatcher* dispatcher;
    Event event;
  };
  List<Latch*> latches;
  List<Start> starts;
  List<Abandon> abandons;
  List<Reload> reloads;
  List<Fulfil> fulfils;
  List<Drain> drains;
  List<Tell> tells;
  List<std::shared_ptr<void>> ends;  ///< let go outside the lock: what they destroy may call back

 private:
  bool do_once();
  void do_all() {
    while (do_once()) {
    }
  }

  bool running_ = false;
  unsigned callbacks_ = 0;
  std::vector<std::shared_ptr<Dispatcher>> kept_;
};

}  // namespace polymetis::fleet
