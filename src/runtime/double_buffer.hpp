#pragma once

#include <array>
#include <memory>
#include <vector>

#include "device/instance.hpp"
#include "runtime/frame_buffers.hpp"

namespace polymetis::runtime {

/// Runs with a delay of two: run i copies its inputs and returns the result of run i-2, the first two give zero points; so the device has the
/// next frame while the caller is busy. Frames own their memory, so a caller's is never lent. Thread-bound: whoever is inside the gate.
class DoubleBuffer {
 public:
  DoubleBuffer(const Border& border, std::size_t rows, Host& host);

  /// Errors: as `ModelInstance::run`; the failure of run i-2, whose frame it was; the frame of this run is taken all the same.
  Status run(device::Instance& instance, std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options);
  /// When things happened to the frame whose result the last run gave.
  [[nodiscard]] const Stamps& stamps() const noexcept { return stamps_; }

 private:
  static constexpr std::size_t delay = 2;

  /// Owned by the ring, and by its job while it is inside.
  struct Frame {
    explicit Frame(const Border& border);
    std::vector<std::byte> memory;
    std::vector<Buffer> inputs, outputs;
    Latch ended;
    Status status;
    Stamps stamps;
  };
  static void done(void* argument, const Status& status, const Stamps& stamps) noexcept;
  Status take_result(const RunOptions& options, Status& failed);
  void fill_with_zero_points();
  Status submit(device::Instance& instance, const RunOptions& options);

  const Border& border_;
  const std::size_t rows_;
  Host& host_;
  FrameBuffers caller_;
  std::array<std::shared_ptr<Frame>, delay> frames_;
  std::size_t count_ = 0;  // runs so far; frame i has the place i % delay
  Stamps stamps_;
};

}  // namespace polymetis::runtime
