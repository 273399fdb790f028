#include "runtime/double_buffer.hpp"

#include <cstring>
#include <numeric>

#include "base/try.hpp"
#include "runtime/waiting.hpp"

namespace polymetis::runtime {
namespace {

std::size_t sum(const std::vector<std::size_t>& sizes) { return std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}); }

void copy(std::span<const Buffer> from, std::span<const Buffer> to) {
  for (std::size_t i = 0; i < from.size(); ++i) std::memcpy(to[i].data, from[i].data, from[i].size_bytes);
}

}  // namespace

DoubleBuffer::Frame::Frame(const Border& border) : memory(sum(border.inputs.sizes_bytes) + sum(border.outputs.sizes_bytes)) {
  std::byte* next = memory.data();
  for (const auto* side : {&border.inputs, &border.outputs}) {
    for (const std::size_t size : side->sizes_bytes) {
      (side == &border.inputs ? inputs : outputs).push_back({next, size, -1, 0});
      next += size;
    }
  }
}

DoubleBuffer::DoubleBuffer(const Border& border, std::size_t rows, Host& host) : border_(border), rows_(rows), host_(host), caller_(border) {
  for (auto& frame : frames_) frame = std::make_shared<Frame>(border);
}

Status DoubleBuffer::run(device::Instance& instance, std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options) {
  TRY(caller_.set(inputs, outputs));
  Status failed;
  Status status = take_result(options, failed);
  if (status.ok()) {
    copy(caller_.inputs(), frames_[count_ % delay]->inputs);
    status = submit(instance, options);
    if (!status.ok()) done(frames_[count_ % delay].get(), status, stamps_);  // its result, two runs from now
    ++count_;
  }
  caller_.let_go();
  return status.ok() ? failed : status;
}

/// The result of the run before the last goes to the caller's outputs. Its own failure is not one of this run, whose frame goes on.
Status DoubleBuffer::take_result(const RunOptions& options, Status& failed) {
  if (count_ < delay) {
    fill_with_zero_points();
    return {};
  }
  Frame& frame = *frames_[count_ % delay];
  TRY(wait_for(host_, frame.ended, options));
  stamps_ = frame.stamps;
  if (frame.status.ok()) {
    copy(frame.outputs, caller_.outputs());
  } else {
    failed =
        Status(frame.status.code(), "the run before the last, whose result this one gives, failed (this run's own frame was taken)", frame.status);
  }
  return {};
}

void DoubleBuffer::fill_with_zero_points() {
  for (std::size_t i = 0; i < border_.outputs.tensors.size(); ++i) {
    const Buffer& buffer = caller_.outputs()[i];
    std::memset(buffer.data, border_.outputs.tensors[i].zero_point, buffer.size_bytes);
  }
}

Status DoubleBuffer::submit(device::Instance& instance, const RunOptions& options) {
  Frame& frame = *frames_[count_ % delay];
  frame.status = {};
  frame.ended.reset();
  device::JobRequest request;
  request.inputs = frame.inputs;
  request.outputs = frame.outputs;
  request.rows = rows_;
  request.done = &DoubleBuffer::done;
  request.argument = &frame;
  request.keep_alive = frames_[count_ % delay];
  while (instance.submit(request) == device::JobId::none) {  // a device that holds one job: the one before ends first
    Frame& before = *frames_[(count_ + 1) % delay];
    if (before.ended.is_open()) return {Code::internal_error, "the instance has no place for a job although none of ours is inside"};
    TRY(wait_for(host_, before.ended, options));
  }
  return {};
}

void DoubleBuffer::done(void* argument, const Status& status, const Stamps& stamps) noexcept {
  auto& frame = *static_cast<Frame*>(argument);
  frame.status = status;
  frame.stamps = stamps;
  frame.ended.open();
}

}  // namespace polymetis::runtime
