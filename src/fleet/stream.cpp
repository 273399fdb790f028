#include <fmt/format.h>

#include <cstring>

#include "base/try.hpp"
#include "fleet/fleet_impl.hpp"
#include "runtime/life.hpp"

namespace polymetis {

using fleet::Dispatcher;
using fleet::TensorSet;
using runtime::at_border;
using Inputs = std::span<const std::span<const std::byte>>;

namespace {

Status check(const std::shared_ptr<Stream::Impl>& stream) {
  if (!stream) return runtime::is_empty("Stream");
  return stream->fleet->is_parents() ? runtime::made_before_fork("Stream") : Status();
}

/// Copies a frame's inputs into the fleet's memory.
Expected<Slot> filled(Stream::Impl& stream, Inputs inputs, TimePoint until) {
  const auto& model = *stream.record->model;
  if (inputs.size() != model.inputs.size())
    return failure(Code::invalid_argument,
                   fmt::format("{} was given {} inputs, {} has {}.", stream.record->options.name, inputs.size(), model.name, model.inputs.size()));
  const auto sizes = stream.record->inputs->row_bytes();
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].size() != sizes[i])
      return failure(Code::invalid_argument, fmt::format("Input {} ({}) has {} bytes, one frame of {} has {}.", i, model.inputs[i].name,
                                                         inputs[i].size(), model.name, sizes[i]));
  Slot slot = FleetAccess::slot(*TRY(stream.fleet->dispatcher->take_input(*stream.record, until)));
  for (std::size_t i = 0; i < inputs.size(); ++i) std::memcpy(slot.inputs()[i].data(), inputs[i].data(), inputs[i].size());
  return slot;
}

Expected<std::uint64_t> submit_slot(Stream::Impl& stream, Slot& slot, const FrameOptions& options, TimePoint until,
                                    Submitter submitter = Submitter::continues, std::unique_ptr<std::promise<Result>> promise = nullptr) {
  TensorSet* set = FleetAccess::set_of(slot);
  if (set == nullptr || &set->pool() != stream.record->inputs.get())
    return failure(Code::invalid_argument,
                   fmt::format("The slot is not of {}; take it from the stream that it is submitted to.", stream.record->options.name));
  auto number = stream.fleet->dispatcher->submit(*stream.record, set, options, until, submitter, std::move(promise));
  if (number) FleetAccess::take(slot);
  return number;
}

}  // namespace

Stream::Impl::~Impl() {
  if (!fleet->is_parents()) fleet->dispatcher->close(*record);
}

Expected<Slot> Stream::slot() {
  return at_border([&]() -> Expected<Slot> {
    TRY(check(impl_));
    return FleetAccess::slot(*TRY(impl_->fleet->dispatcher->take_input(*impl_->record, TimePoint::max())));
  });
}

Expected<Slot> Stream::try_slot(TimePoint until) {
  return at_border([&]() -> Expected<Slot> {
    TRY(check(impl_));
    return FleetAccess::slot(*TRY(impl_->fleet->dispatcher->take_input(*impl_->record, until)));
  });
}

Expected<std::uint64_t> Stream::submit(Slot slot, const FrameOptions& options) {
  return at_border([&]() -> Expected<std::uint64_t> {
    TRY(check(impl_));
    return submit_slot(*impl_, slot, options, TimePoint::max());
  });
}

Expected<std::uint64_t> Stream::try_submit(Slot& slot, const FrameOptions& options, TimePoint until) {
  return at_border([&]() -> Expected<std::uint64_t> {
    TRY(check(impl_));
    return submit_slot(*impl_, slot, options, until);
  });
}

Expected<std::uint64_t> Stream::submit(Inputs inputs, const FrameOptions& options) {
  return at_border([&]() -> Expected<std::uint64_t> {
    TRY(check(impl_));
    Slot slot = TRY(filled(*impl_, inputs, TimePoint::max()));
    return submit_slot(*impl_, slot, options, TimePoint::max());
  });
}

Expected<Result> Stream::run(Inputs inputs, const FrameOptions& options) {
  return at_border([&]() -> Expected<Result> {
    TRY(check(impl_));
    if (impl_->record->callback)
      return failure(Code::invalid_argument, fmt::format("{} has a callback, so `run` would never see its result.", impl_->record->options.name));
    Slot slot = TRY(filled(*impl_, inputs, TimePoint::max()));
    const std::uint64_t number = TRY(submit_slot(*impl_, slot, options, TimePoint::max(), Submitter::waits));
    while (auto result = impl_->fleet->dispatcher->next(*impl_->record, TimePoint::max()))
      if (result->number == number) return std::move(*result);
    return failure(Code::invalid_argument, fmt::format("{} was closed while a frame ran.", impl_->record->options.name));
  });
}

Expected<std::future<Result>> Stream::submit_future(Inputs inputs, const FrameOptions& options) {
  return at_border([&]() -> Expected<std::future<Result>> {
    TRY(check(impl_));
    Slot slot = TRY(filled(*impl_, inputs, TimePoint::max()));
    auto promise = std::make_unique<std::promise<Result>>();
    std::future<Result> future = promise->get_future();
    TRY(submit_slot(*impl_, slot, options, TimePoint::max(), Submitter::continues, std::move(promise)));
    return future;
  });
}

std::optional<Result> Stream::next(TimePoint until) {
  if (!check(impl_).ok()) return std::nullopt;
  return impl_->fleet->dispatcher->next(*impl_->record, until);
}

std::size_t Stream::take(std::vector<Result>& results, std::size_t most) {
  return check(impl_).ok() ? impl_->fleet->dispatcher->take(*impl_->record, results, most) : 0;
}

bool Stream::exhausted() const { return !check(impl_).ok() || impl_->fleet->dispatcher->exhausted(*impl_->record); }

void Stream::finish() {
  if (check(impl_).ok()) impl_->fleet->dispatcher->finish(*impl_->record);
}

void Stream::cancel() {
  if (check(impl_).ok()) impl_->fleet->dispatcher->cancel(*impl_->record);
}

void Stream::close() {
  if (check(impl_).ok()) impl_->fleet->dispatcher->close(*impl_->record);
}

const std::string& Stream::name() const { return impl_->record->options.name; }
std::shared_ptr<const Model> Stream::model() const { return impl_ ? impl_->record->model : nullptr; }

}  // namespace polymetis
