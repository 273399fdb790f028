#include "runtime/frame_buffers.hpp"

#include <fmt/format.h>

#include "base/try.hpp"

namespace polymetis::runtime {
namespace {

std::string name_of(const Border::Side& side, std::size_t index) { return fmt::format("{} {} ('{}')", side.noun, index, side.tensors[index].name); }

Status bad(const Border::Side& side, std::size_t index, const std::string& what) {
  return {Code::invalid_argument, fmt::format("run: {} {}", name_of(side, index), what)};
}

Status wrong_count(const Border::Side& side, std::size_t found) {
  return {Code::invalid_argument,
          fmt::format("run wants {} {}{}: {} were given", side.tensors.size(), side.noun, side.tensors.size() == 1 ? "" : "s", found)};
}

bool overlap(const Buffer& a, const Buffer& b) noexcept { return a.data < b.data + b.size_bytes && b.data < a.data + a.size_bytes; }

Status overlaps(const std::string& output, const std::string& other) {
  return {Code::invalid_argument, fmt::format("run: {} shares memory with {}: give each its own", output, other)};
}

}  // namespace

FrameBuffers::FrameBuffers(const Border& border) : border_(border) {
  for (const std::size_t size : border.inputs.sizes_bytes) inputs_.push_back({nullptr, size, -1, 0});
  for (const std::size_t size : border.outputs.sizes_bytes) outputs_.push_back({nullptr, size, -1, 0});
}

Status FrameBuffers::set(std::span<const Argument> inputs, std::span<const Argument> outputs) {
  auto in = set_side(border_.inputs, inputs, inputs_, Mapped::read);
  auto out = in ? set_side(border_.outputs, outputs, outputs_, Mapped::write) : in;
  Status status = out ? Status() : out.error();
  if (status.ok() && (*in == Change::some || *out == Change::some)) status = check_overlaps();
  if (!status.ok()) {
    let_go();
    for (Buffer& buffer : outputs_) buffer.data = nullptr;  // so that the next set looks again
  }
  return status;
}

void FrameBuffers::let_go() noexcept {
  for (const Mapped_& mapped : mappings_) {
    Buffer& buffer = (mapped.side == &border_.inputs ? inputs_ : outputs_)[mapped.index];
    buffer.data = nullptr;
    buffer.fd = -1;
  }
  mappings_.clear();
}

Expected<FrameBuffers::Change> FrameBuffers::set_side(const Border::Side& side, std::span<const Argument> arguments, std::vector<Buffer>& buffers,
                                                      Mapped access) {
  if (arguments.size() != buffers.size()) return Unexpected(wrong_count(side, arguments.size()));
  Change change = Change::none;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const Argument& argument = arguments[i];
    const bool plain =
        argument.data != nullptr && argument.offset_bytes == 0 && (argument.size_bytes == 0 || argument.size_bytes == buffers[i].size_bytes);
    if (plain && argument.data == buffers[i].data) continue;
    change = Change::some;
    if (Status status = set_one(side, i, argument, buffers[i], access); !status.ok()) return Unexpected(std::move(status));
  }
  return change;
}

Status FrameBuffers::set_one(const Border::Side& side, std::size_t index, const Argument& argument, Buffer& buffer, Mapped access) {
  if (argument.offset_bytes != 0) return bad(side, index, fmt::format("has an offset of {} bytes; offsets must be 0", argument.offset_bytes));
  if (argument.size_bytes != 0 && argument.size_bytes != buffer.size_bytes) {
    return bad(
        side, index,
        fmt::format("wants {} bytes (shape {}): {} were given", buffer.size_bytes, fmt::join(side.tensors[index].shape, "x"), argument.size_bytes));
  }
  if (argument.data != nullptr) {
    buffer.data = static_cast<std::byte*>(argument.data);
    return {};
  }
  if (argument.fd < 0) return bad(side, index, "has no memory: neither a pointer nor a file descriptor was given");
  if (!side.takes_fds) {
    return bad(side, index, fmt::format("is the file descriptor {}, and the instance was loaded without {}=1", argument.fd, side.fd_property));
  }
  auto mapping = Mapping::make(argument.fd, buffer.size_bytes, access);
  if (!mapping) return bad(side, index, "cannot be used: " + mapping.error().to_string());
  buffer.data = mapping->data();
  buffer.fd = argument.fd;
  mappings_.push_back({&side, index, *std::move(mapping)});
  return {};
}

Status FrameBuffers::check_overlaps() const {
  for (std::size_t o = 0; o < outputs_.size(); ++o) {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (overlap(outputs_[o], inputs_[i])) return overlaps(name_of(border_.outputs, o), name_of(border_.inputs, i));
    }
    for (std::size_t i = 0; i < o; ++i) {
      if (overlap(outputs_[o], outputs_[i])) return overlaps(name_of(border_.outputs, o), name_of(border_.outputs, i));
    }
  }
  for (const Mapped_& one : mappings_) {
    for (const Mapped_& other : mappings_) {
      if (&one == &other || one.side != &border_.outputs || !one.mapping.same_memory(other.mapping)) continue;
      return overlaps(name_of(*one.side, one.index), name_of(*other.side, other.index));
    }
  }
  return {};
}

}  // namespace polymetis::runtime
