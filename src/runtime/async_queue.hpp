#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "base/log.hpp"
#include "base/mutex.hpp"
#include "device/instance.hpp"
#include "polymetis/context.hpp"
#include "runtime/frame_buffers.hpp"

namespace polymetis::runtime {

/// The runs that do not block: as many at the device as it takes, a bounded number waiting, answers given one after the other on the host.
/// Thread-safe. Frames' memory is allocated once.
class AsyncQueue {
 public:
  /// What was asked for. The device may take fewer at once; then more wait.
  struct Limits {
    std::size_t inflight = 0;
    std::size_t pending = 0;
  };
  /// What the instance is told. `succeeded` (may be empty) comes before the callback of a frame that ended well, `left` after each callback.
  struct Listeners {
    std::function<void(const Stamps&)> succeeded;
    std::function<void()> left;
  };
  AsyncQueue(device::Instance& instance, const Border& border, std::size_t rows, Host& host, const base::Log& log, Limits limits,
             Listeners listeners);

  /// Said before the gate lets a frame in, and taken back where `enter` did not follow or failed: so a run that the gate lets in knows of it.
  void announce() noexcept { unfinished_.fetch_add(1, std::memory_order_relaxed); }
  void withdraw() noexcept;
  /// Takes a frame that was announced. `alive` keeps this queue until the callback has returned, `keep_alive` is kept until the device has let go of
  /// the buffers. Errors: `pending` full; those of `FrameBuffers::set`.
  Status enter(std::span<const Argument> inputs, std::span<const Argument> outputs, RunCallback callback, std::shared_ptr<void> keep_alive,
               std::shared_ptr<void> alive);
  /// Frames that have not reached the device end as `why`.
  void drop_waiting(const Status& why);
  /// Opens `latch` when the device is done with all that was queued, perhaps at once; callbacks may still be to come, as whoever waits may be
  /// inside one of them. One latch at a time.
  void open_when_device_is_done(Latch& latch);
  /// Nobody waits with it any more.
  void forget_latch();

 private:
  struct Frame {
    Frame(AsyncQueue& queue_, const Border& border) : queue(&queue_), buffers(border) {}
    AsyncQueue* const queue;
    FrameBuffers buffers;
    RunCallback callback;
    std::shared_ptr<void> keep_alive, alive;
    Status status;
    Stamps stamps;
    Frame* next = nullptr;
  };
  /// First in, first out. Thread-bound.
  class Line {
   public:
    void push(Frame& frame) noexcept;
    void push_front(Frame& frame) noexcept;
    Frame* pop() noexcept;

   private:
    Frame* first_ = nullptr;
    Frame* last_ = nullptr;
  };

  Expected<Frame*> take_free();
  void pump() noexcept;
  bool hand_over(Frame& frame) noexcept;
  void try_again_soon(const Frame& frame);
  static void done(void* argument, const Status& status, const Stamps& stamps) noexcept;
  void end(Frame& frame, const Status& status) REQUIRES(mutex_);
  void deliver() noexcept;
  void answer(Frame& frame) noexcept;
  void call(const RunCallback& callback, const Status& status, const Stamps& stamps) noexcept;
  void free(Frame& frame) REQUIRES(mutex_);
  void finished_one() noexcept REQUIRES(mutex_);

  // constant
  device::Instance& instance_;
  const Border& border_;
  const std::size_t rows_;
  Host& host_;
  const base::Log& log_;
  const Limits limits_;
  const std::size_t most_at_device_;
  const Listeners listeners_;
  // own synchronisation
  std::atomic<std::size_t> unfinished_{0};  // announced, and not ended by the device
  // guarded
  base::Mutex mutex_;
  std::vector<std::unique_ptr<Frame>> frames_ GUARDED_BY(mutex_);
  Line free_ GUARDED_BY(mutex_), waiting_ GUARDED_BY(mutex_), ended_ GUARDED_BY(mutex_);
  std::size_t taken_ GUARDED_BY(mutex_) = 0;  // frames that are not free
  std::size_t at_device_ GUARDED_BY(mutex_) = 0;
  bool pumping_ GUARDED_BY(mutex_) = false;
  bool delivering_ GUARDED_BY(mutex_) = false;
  Latch* device_is_done_ GUARDED_BY(mutex_) = nullptr;
};

}  // namespace polymetis::runtime
