#pragma once

#include <memory>
#include <optional>

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
    std::shared_ptr<Latch> cores_free;  // when the driver's instance is gone and its cores are the connection's again
  };
  explicit Impl(Parts parts);
  ~Impl();

  Status run(std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options);
  Status run_async(std::span<const Argument> inputs, std::span<const Argument> outputs, RunCallback done, std::shared_ptr<void> keep_alive);
  /// Errors: `invalid_argument` released, made before fork.
  [[nodiscard]] Status check() const;
  [[nodiscard]] bool made_before_fork() const noexcept { return generation_ != base::fork_generation(); }
  [[nodiscard]] bool released() const noexcept { return gate_.is_released(); }

  /// No new run is taken from here on. `end_release` follows, each as often as somebody releases.
  void begin_release(TimePoint now) noexcept;
  /// Waits for the runs that are going on, but neither inside one nor longer than `patience`, counted from the first release: then they free
  /// what they hold when they end.
  void end_release() noexcept;

  [[nodiscard]] Duration patience() const noexcept { return patience_; }

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
  const Duration patience_;
  // own synchronisation
  runtime::UseGate gate_;
  runtime::ReleaseStart release_start_;
  runtime::AsyncQueue queue_;
  // owned by whoever runs
  runtime::BlockingRun blocking_;
  std::optional<runtime::DoubleBuffer> double_buffer_;
};

}  // namespace polymetis
