#include "runtime/blocking_run.hpp"

#include "base/try.hpp"
#include "runtime/waiting.hpp"

namespace polymetis::runtime {

Status BlockingRun::run(device::Instance& instance, std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options) {
  TRY(frame_->buffers.set(inputs, outputs));
  frame_->ended.reset();
  frame_->fate.store(Frame::Fate::open, std::memory_order_relaxed);
  device::JobId job = device::JobId::none;
  Status status = submit(instance, job, options);
  if (status.ok() && !frame_->ended.is_open()) {
    if (Status why = wait_for(host_, frame_->ended, options); !why.ok()) return give_up(instance, job, std::move(why), options);
  }
  if (status.ok()) status = std::move(frame_->status);
  frame_->status = {};
  stamps_ = frame_->stamps;
  frame_->buffers.let_go();
  return status;
}

Status BlockingRun::submit(device::Instance& instance, device::JobId& job, const RunOptions& options) {
  device::JobRequest request;
  request.inputs = frame_->buffers.inputs();
  request.outputs = frame_->buffers.outputs();
  request.rows = rows_;
  request.submitter = Submitter::waits;
  request.done = &BlockingRun::done;
  request.argument = frame_.get();
  while ((job = instance.submit(request)) == device::JobId::none) {
    if (abandoned_.empty()) return {Code::internal_error, "the instance has no place for a job although none of ours is inside"};
    TRY(wait_for(host_, *abandoned_.front(), options));  // frames that were interrupted and that the device still has
    abandoned_.erase(abandoned_.begin());
  }
  return {};
}

void BlockingRun::done(void* argument, const Status& status, const Stamps& stamps) noexcept {
  auto& frame = *static_cast<Frame*>(argument);
  frame.status = status;
  frame.stamps = stamps;
  if (frame.fate.exchange(Frame::Fate::ended, std::memory_order_acq_rel) != Frame::Fate::abandoned) return frame.ended.open();
  const std::shared_ptr<Latch> let_go = std::move(frame.let_go);
  delete &frame;
  let_go->open();
}

/// The job gets the frame; the next run makes another. Where it has ended in the meantime the run was in time after all.
Status BlockingRun::give_up(device::Instance& instance, device::JobId job, Status why, const RunOptions& options) {
  const auto let_go = std::make_shared<Latch>();
  auto next = std::make_unique<Frame>(border_);
  frame_->let_go = let_go;
  frame_->keep_alive = options.keep_alive;
  auto expected = Frame::Fate::open;
  if (!frame_->fate.compare_exchange_strong(expected, Frame::Fate::abandoned, std::memory_order_acq_rel)) {
    host_.wait(frame_->ended, TimePoint::max());
    frame_->keep_alive.reset();
    frame_->buffers.let_go();
    return std::exchange(frame_->status, {});
  }
  static_cast<void>(frame_.release());
  frame_ = std::move(next);
  abandoned_.push_back(let_go);
  instance.abandon(job);
  return why;
}

}  // namespace polymetis::runtime
