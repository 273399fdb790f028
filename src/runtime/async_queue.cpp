#include "runtime/async_queue.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/try.hpp"
#include "runtime/waiting.hpp"

namespace polymetis::runtime {
namespace {

constexpr auto before_trying_again = std::chrono::milliseconds(1);

}  // namespace

void AsyncQueue::Line::push(Frame& frame) noexcept {
  frame.next = nullptr;
  (first_ == nullptr ? first_ : last_->next) = &frame;
  last_ = &frame;
}

void AsyncQueue::Line::push_front(Frame& frame) noexcept {
  frame.next = first_;
  if (first_ == nullptr) last_ = &frame;
  first_ = &frame;
}

AsyncQueue::Frame* AsyncQueue::Line::pop() noexcept {
  Frame* const frame = first_;
  if (frame != nullptr) first_ = frame->next;
  return frame;
}

AsyncQueue::AsyncQueue(device::Instance& instance, const Border& border, std::size_t rows, Host& host, const base::Log& log, Limits limits,
                       Listeners listeners)
    : instance_(instance),
      border_(border),
      rows_(rows),
      host_(host),
      log_(log),
      limits_(limits),
      most_at_device_(std::min<std::size_t>(limits.inflight, instance.traits().depth)),
      listeners_(std::move(listeners)) {}

Status AsyncQueue::enter(std::span<const Argument> inputs, std::span<const Argument> outputs, RunCallback callback, std::shared_ptr<void> keep_alive,
                         std::shared_ptr<void> alive) {
  Frame& frame = *TRY(take_free());
  const Status status = frame.buffers.set(inputs, outputs);
  {
    const base::MutexLock lock(mutex_);
    if (!status.ok()) {
      free(frame);
      return status;
    }
    frame.callback = std::move(callback);
    frame.keep_alive = std::move(keep_alive);
    frame.alive = alive;
    waiting_.push(frame);
  }
  pump();
  return {};
}

Expected<AsyncQueue::Frame*> AsyncQueue::take_free() {
  const base::MutexLock lock(mutex_);
  if (taken_ == limits_.inflight + limits_.pending) {
    return failure(Code::pending,
                   fmt::format("run_async: the queue is full: {} frames are in it, as max_inflight ({}) and max_pending ({}) say: wait for a "
                               "callback, or load with larger numbers",
                               taken_, limits_.inflight, limits_.pending));
  }
  Frame* frame = free_.pop();
  if (frame == nullptr) frame = frames_.emplace_back(std::make_unique<Frame>(*this, border_)).get();
  ++taken_;
  return frame;
}

void AsyncQueue::free(Frame& frame) {
  free_.push(frame);
  --taken_;
}

/// Hands waiting frames to the device while it takes them; one thread at a time, so that they stay in order.
void AsyncQueue::pump() noexcept {
  base::MutexLock lock(mutex_);
  if (pumping_) return;
  pumping_ = true;
  while (at_device_ < most_at_device_) {
    Frame* const frame = waiting_.pop();
    if (frame == nullptr) break;
    ++at_device_;
    lock.unlock();
    const bool taken = hand_over(*frame);
    lock.lock();
    if (taken) continue;
    --at_device_;
    waiting_.push_front(*frame);
    if (at_device_ == 0) try_again_soon(*frame);  // others' jobs fill the device
    break;
  }
  pumping_ = false;
}

bool AsyncQueue::hand_over(Frame& frame) noexcept {
  device::JobRequest request;
  request.inputs = frame.buffers.inputs();
  request.outputs = frame.buffers.outputs();
  request.rows = rows_;
  request.done = &AsyncQueue::done;
  request.argument = &frame;
  return instance_.submit(request) != device::JobId::none;
}

void AsyncQueue::try_again_soon(const Frame& frame) {
  host_.call_at(host_.now() + before_trying_again, make_task([this, alive = frame.alive]() noexcept { pump(); }));
}

void AsyncQueue::done(void* argument, const Status& status, const Stamps& stamps) noexcept {
  auto& frame = *static_cast<Frame*>(argument);
  frame.stamps = stamps;
  AsyncQueue& queue = *frame.queue;
  const std::shared_ptr<void> alive = frame.alive;
  {
    const base::MutexLock lock(queue.mutex_);
    --queue.at_device_;
    queue.end(frame, status);
  }
  queue.pump();
}

/// Callbacks belong to users and may take long, so they have a thread of their own, one at a time.
void AsyncQueue::end(Frame& frame, const Status& status) {
  frame.status = status;
  ended_.push(frame);
  finished_one();
  if (std::exchange(delivering_, true)) return;
  host_.run_blocking(make_task([this, alive = frame.alive]() noexcept { deliver(); }));
}

void AsyncQueue::deliver() noexcept {
  for (;;) {
    Frame* frame = nullptr;
    {
      const base::MutexLock lock(mutex_);
      frame = ended_.pop();
      if (frame == nullptr) {
        delivering_ = false;
        return;
      }
    }
    answer(*frame);
  }
}

/// By the time of the callback the place is free and the buffers are the caller's again.
void AsyncQueue::answer(Frame& frame) noexcept {
  const RunCallback callback = std::exchange(frame.callback, nullptr);
  const Status status = std::exchange(frame.status, {});
  const Stamps stamps = frame.stamps;
  const std::shared_ptr<void> alive = std::move(frame.alive);
  frame.keep_alive.reset();
  frame.buffers.let_go();
  {
    const base::MutexLock lock(mutex_);
    free(frame);
  }
  pump();
  call(callback, status, stamps);
  listeners_.left();
}

void AsyncQueue::call(const RunCallback& callback, const Status& status, const Stamps& stamps) noexcept {
  const InsideRun inside;
  try {
    if (listeners_.succeeded && status.ok()) listeners_.succeeded(stamps);
  } catch (const std::exception&) {  // no memory for a message: the callback is called all the same
  }
  try {
    callback(status);
  } catch (const std::exception& error) {
    log_.format(LogLevel::error, "a callback of run_async threw, which it must not: {}", error.what());
  } catch (...) {
    log_.write(LogLevel::error, "a callback of run_async threw, which it must not");
  }
}

void AsyncQueue::drop_waiting(const Status& why) {
  const base::MutexLock lock(mutex_);
  while (Frame* const frame = waiting_.pop()) end(*frame, why);
}

void AsyncQueue::open_when_device_is_done(Latch& latch) {
  const base::MutexLock lock(mutex_);
  if (unfinished_.load(std::memory_order_relaxed) == 0) return latch.open();
  device_is_done_ = &latch;
}

void AsyncQueue::finished_one() noexcept {
  if (unfinished_.fetch_sub(1, std::memory_order_relaxed) != 1 || device_is_done_ == nullptr) return;
  std::exchange(device_is_done_, nullptr)->open();
}

void AsyncQueue::withdraw() noexcept {
  const base::MutexLock lock(mutex_);
  finished_one();
}

void AsyncQueue::forget_latch() {
  const base::MutexLock lock(mutex_);
  device_is_done_ = nullptr;
}

}  // namespace polymetis::runtime
