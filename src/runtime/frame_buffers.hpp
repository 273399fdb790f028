#pragma once

#include <span>
#include <vector>

#include "polymetis/context.hpp"
#include "runtime/mapping.hpp"

namespace polymetis::runtime {

/// What an instance takes and gives: its tensors, and whether they may come as file descriptors.
struct Border {
  struct Side {
    const char* noun;  ///< "input" or "output"
    std::vector<TensorInfo> tensors;
    std::vector<std::size_t> sizes_bytes;
    bool takes_fds = false;
    const char* fd_property;
  };
  Side inputs{"input", {}, {}, false, "input_dmabuf"};
  Side outputs{"output", {}, {}, false, "output_dmabuf"};
};

/// The buffers of one frame, checked, and mapped where they came as file descriptors. Memory is allocated once; checking the same pointers again
/// costs a comparison each. Thread-bound.
class FrameBuffers {
 public:
  explicit FrameBuffers(const Border& border);

  /// Errors: `invalid_argument` wrong count, no memory, a size that is not the tensor's, an offset, a file descriptor where none is taken or one that
  /// cannot be mapped, an output that overlaps an input or another output. What was set before is gone then.
  Status set(std::span<const Argument> inputs, std::span<const Argument> outputs);
  /// Unmaps what was mapped; to be called when the frame has ended.
  void let_go() noexcept;

  [[nodiscard]] std::span<const Buffer> inputs() const noexcept { return inputs_; }
  [[nodiscard]] std::span<const Buffer> outputs() const noexcept { return outputs_; }

 private:
  enum class Change { none, some };
  Expected<Change> set_side(const Border::Side& side, std::span<const Argument> arguments, std::vector<Buffer>& buffers, Mapped access);
  Status set_one(const Border::Side& side, std::size_t index, const Argument& argument, Buffer& buffer, Mapped access);
  Status check_overlaps() const;

  const Border& border_;
  std::vector<Buffer> inputs_;
  std::vector<Buffer> outputs_;
  struct Mapped_ {
    const Border::Side* side;
    std::size_t index;
    Mapping mapping;
  };
  std::vector<Mapped_> mappings_;
};

}  // namespace polymetis::runtime
