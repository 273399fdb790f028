#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "polymetis/driver.hpp"

namespace polymetis::device {

class CoreMeter;
class InstanceState;

/// One run on an `Instance`. The spans and buffers are lent until `done` was called.
struct JobRequest {
  std::span<const Buffer> inputs;
  std::span<const Buffer> outputs;
  std::size_t rows = 1;
  /// `waits` counts only where the job goes to the driver on the submitting thread, which another thread's call may prevent.
  Submitter submitter = Submitter::continues;
  /// When the caller asked for it; the epoch: now (one reading of the host's clock).
  TimePoint queued{};
  /// Called exactly once, when the driver has let go of the buffers: perhaps inside `submit`, else on a thread of the host. The job's
  /// place is free by then, so it may submit the next job of this instance (a driver that ends inside `submit` is called again only
  /// after it returned: see `Instance::submit`).
  void (*done)(void* argument, const Status& status, const Stamps& stamps) noexcept = nullptr;
  void* argument = nullptr;
  /// Let go after `done`; null where the caller owns the buffers in another way.
  std::shared_ptr<void> keep_alive;
};

/// Names a submitted job; 0 names none. A job that has ended is named by no id again.
enum class JobId : std::uint64_t { none = 0 };

/// A driver's instance and its jobs, the part that all drivers need: calls come to the driver one at a time, at most `depth` jobs are
/// inside, late and double answers are dropped, buffers stay lent until the device lets go, cores are metered. A driver whose calls
/// block is called on `Host::run_blocking`.
///
/// Thread-safe. Nothing is allocated per job. What is handed to the driver outlives this object: when it is destroyed with jobs
/// inside, its state lives on until the last of them has ended; `host` must live as long (hold it in `lease`).
class Instance {
 public:
  /// `meter` (may be null) is told of each job's end, one at a time; `lease` (cores, memory, host) is let go after the driver's instance is
  /// destroyed, which happens in the destructor unless jobs are inside or it runs within a ticket's `end`.
  Instance(std::unique_ptr<DriverInstance> inner, Host& host, std::shared_ptr<CoreMeter> meter, std::shared_ptr<void> lease);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// The driver's; `depth` at least 1 and at most 63.
  [[nodiscard]] const InstanceTraits& traits() const noexcept;
  /// Jobs inside now, abandoned ones too.
  [[nodiscard]] unsigned in_flight() const noexcept;
  /// Hands a job to the driver; `JobId::none`: `depth` jobs are inside, nothing was done. A call from within `done` of this instance, while
  /// the driver's `submit` is still on the stack, returns at once and the job goes to the driver when that call has returned.
  /// The id may name a job that has ended already.
  JobId submit(const JobRequest& request) noexcept;
  /// Nobody waits for this job any more: the driver is told to end it as soon as it can. `done` is still called, once.
  void abandon(JobId job) noexcept;

 private:
  InstanceState* state_;
  std::uint64_t fork_generation_;
};

}  // namespace polymetis::device
