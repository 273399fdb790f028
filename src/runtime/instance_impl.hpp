#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "runtime/async_queue.hpp"
#include "runtime/blocking_run.hpp"
#include "runtime/double_buffer.hpp"
#include "runtime/impl.hpp"
#include "runtime/settings.hpp"
#include "runtime/use_gate.hpp"

namespace polymetis {

struct ModelInstance::Impl : std::enable_shared_from_this<ModelInstance::Impl> {
  struct Parts {
    std::shared_ptr<Connection::Impl> connection;
    std::shared_ptr<const Model> model;
    runtime::LoadSettings settings;
    runtime::Border border;
    std::size_t rows = 1;
    std::unique_ptr<device::Instance> instance;  // until it is taken down
    std::string device_name;
  };
  explicit Impl(Parts parts);
  ~Impl();

  Status run(std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options);
  Status run_async(std::span<const Argument> inputs, std::span<const Argument> outputs, RunCallback done, std::shared_ptr<void> keep_alive);
  /// Errors: `invalid_argument` released, made before fork.
  [[nodiscard]] Status check() const;
  [[nodiscard]] bool made_before_fork() const noexcept { return generation_ != base::fork_generation(); }
  [[nodiscard]] bool released() const noexcept { return gate_.is_released(); }

  /// No new run is taken from here on. True for the first caller, who then calls `end_release`.
  bool begin_release() noexcept;
  /// Waits for the runs that are going on, but neither inside one of them nor longer than the driver's hang floor: then they free what they
  /// hold when they end.
  void end_release() noexcept;

  [[nodiscard]] const runtime::Border& border() const noexcept { return parts_.border; }
  [[nodiscard]] const std::shared_ptr<Connection::Impl>& connection() const noexcept { return parts_.connection; }

 private:
  Status refused(runtime::UseGate::Entry entry) const;
  Status run_inside(std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options);
  Status wait_for_queued(const RunOptions& options);
  void report(const Stamps& stamps) const;
  void take_down() noexcept;

  // constant
  Parts parts_;
  Host& host_;
  const base::Log& log_;
  const std::uint64_t generation_ = base::fork_generation();
  const Duration hang_floor_;
  // own synchronisation
  runtime::UseGate gate_;
  std::atomic<std::thread::id> runner_{};  // the thread of the blocking run that is going on
  Latch taken_down_;
  runtime::AsyncQueue queue_;
  // owned by whoever runs
  runtime::BlockingRun blocking_;
  std::optional<runtime::DoubleBuffer> double_buffer_;
};

}  // namespace polymetis
