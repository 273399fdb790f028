#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "device/instance.hpp"
#include "runtime/frame_buffers.hpp"

namespace polymetis::runtime {

/// The runs that block, one at a time. Thread-bound: whoever is inside the instance's gate.
class BlockingRun {
 public:
  BlockingRun(const Border& border, std::size_t rows, Host& host) : border_(border), rows_(rows), host_(host), frame_(new Frame(border)) {}

  /// Runs one frame; the calling thread computes where the driver lets it.
  Status run(device::Instance& instance, std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options);
  /// When things happened to the last frame that ended.
  [[nodiscard]] const Stamps& stamps() const noexcept { return stamps_; }

 private:
  /// One frame on its way. Owned by the run; by its job from the moment when the run was interrupted.
  struct Frame {
    explicit Frame(const Border& border) : buffers(border) {}
    enum class Fate { open, ended, abandoned };

    FrameBuffers buffers;
    Status status;
    Stamps stamps;
    Latch ended;
    std::atomic<Fate> fate{Fate::open};
    std::shared_ptr<Latch> let_go;  // opened when an abandoned frame's buffers are free
    std::shared_ptr<void> keep_alive;
  };
  static void done(void* argument, const Status& status, const Stamps& stamps) noexcept;
  Status submit(device::Instance& instance, device::JobId& job, const RunOptions& options);
  Status give_up(device::Instance& instance, device::JobId job, Status why, const RunOptions& options);

  const Border& border_;
  const std::size_t rows_;
  Host& host_;
  std::unique_ptr<Frame> frame_;
  Stamps stamps_;
  std::vector<std::shared_ptr<Latch>> abandoned_;  // oldest first
};

}  // namespace polymetis::runtime
