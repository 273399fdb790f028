#include "runtime/instance_impl.hpp"

#include "base/try.hpp"
#include "runtime/waiting.hpp"

namespace polymetis {

using runtime::UseGate;

ModelInstance::Impl::Impl(Parts parts)
    : parts_(std::move(parts)),
      host_(*parts_.connection->context->host),
      log_(*parts_.connection->context->log),
      patience_(runtime::release_patience(parts_.instance->traits().hang_floor)),
      queue_(*parts_.instance, parts_.border, parts_.rows, host_, log_, {parts_.settings.max_inflight, parts_.settings.max_pending},
             {parts_.settings.host_profiling ? [this](const Stamps& stamps) { report(stamps); } : std::function<void(const Stamps&)>(),
              [this] {
                if (gate_.leave_queued() == UseGate::TakeDown::yes) take_down();
              }}),
      blocking_(parts_.border, parts_.rows, host_) {
  if (parts_.settings.double_buffer) double_buffer_.emplace(parts_.border, parts_.rows, host_);
}

ModelInstance::Impl::~Impl() { begin_release(host_.now()); }

Status ModelInstance::Impl::check() const {
  if (made_before_fork()) return runtime::made_before_fork("ModelInstance");
  return released() ? runtime::was_released("ModelInstance") : Status();
}

Status ModelInstance::Impl::refused(UseGate::Entry entry) const {
  if (entry == UseGate::Entry::released) return runtime::was_released("ModelInstance");
  return {Code::invalid_argument,
          "this ModelInstance is already running in another thread: one runs one frame at a time; load an instance a thread, or use run_async"};
}

Status ModelInstance::Impl::run(std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options) {
  if (made_before_fork()) return runtime::made_before_fork("ModelInstance");
  if (const auto entry = gate_.enter_run(); entry != UseGate::Entry::entered) return refused(entry);
  const runtime::InsideRun inside;
  Status status = run_inside(inputs, outputs, options);
  if (gate_.leave_run() == UseGate::TakeDown::yes) take_down();
  return status;
}

Status ModelInstance::Impl::run_inside(std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options) {
  if (gate_.any_queued()) TRY(wait_for_queued(options));
  Status status =
      double_buffer_ ? double_buffer_->run(*parts_.instance, inputs, outputs, options) : blocking_.run(*parts_.instance, inputs, outputs, options);
  if (parts_.settings.host_profiling && status.ok()) report(double_buffer_ ? double_buffer_->stamps() : blocking_.stamps());
  return status;
}

Status ModelInstance::Impl::wait_for_queued(const RunOptions& options) {
  Latch device_is_done;
  queue_.open_when_device_is_done(device_is_done);
  Status status = runtime::wait_for(host_, device_is_done, options);
  queue_.forget_latch();
  return status;
}

void ModelInstance::Impl::report(const Stamps& stamps) const {
  const auto us = [](Duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); };
  log_.format(LogLevel::debug, "profile of '{}' on {}: queue {:.1f} us, input {:.1f}, compute {:.1f}, output {:.1f}, total {:.1f}",
              parts_.model->name, parts_.device_name, us(stamps.input_started - stamps.queued), us(stamps.compute_started - stamps.input_started),
              us(stamps.compute_ended - stamps.compute_started), us(stamps.output_ended - stamps.compute_ended),
              us(stamps.output_ended - stamps.queued));
}

Status ModelInstance::Impl::run_async(std::span<const Argument> inputs, std::span<const Argument> outputs, RunCallback done,
                                      std::shared_ptr<void> keep_alive) {
  if (made_before_fork()) return runtime::made_before_fork("ModelInstance");
  if (!done) return {Code::invalid_argument, "run_async wants a callback: an empty one was given"};
  queue_.announce();
  if (const auto entry = gate_.enter_queued(); entry != UseGate::Entry::entered) {
    queue_.withdraw();
    return refused(entry);
  }
  Status status = queue_.enter(inputs, outputs, std::move(done), std::move(keep_alive), shared_from_this());
  if (status.ok()) return status;
  queue_.withdraw();
  if (gate_.leave_queued() == UseGate::TakeDown::yes) take_down();
  return status;
}

void ModelInstance::Impl::begin_release(TimePoint now) noexcept {
  if (made_before_fork()) return;
  release_start_.first(now);
  const auto release = gate_.release();
  if (release == UseGate::Release::idle) take_down();
  if (release == UseGate::Release::in_use) queue_.drop_waiting(runtime::was_released("ModelInstance"));
}

void ModelInstance::Impl::end_release() noexcept {
  if (made_before_fork() || parts_.cores_free->is_open() || runtime::is_inside_run()) return;
  host_.wait(*parts_.cores_free, release_start_.first(host_.now()) + patience_);
}

void ModelInstance::Impl::take_down() noexcept { parts_.instance.reset(); }

}  // namespace polymetis
