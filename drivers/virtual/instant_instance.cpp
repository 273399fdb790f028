#include "virtual/instance.hpp"

namespace polymetis::virtual_card {

Status taken_back() { return {Code::runtime_error, "the job was taken back before it started, as nobody waits for it any more"}; }

Status too_many() { return {Code::internal_error, "a job was submitted while as many were inside as the instance holds: wait for one of them"}; }

namespace {

class InstantInstance final : public DriverInstance {
 public:
  explicit InstantInstance(InstanceParts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] InstanceTraits traits() const noexcept override {
    return {.depth = instance_depth, .recall = Recall::waiting, .hang_floor = instant_hang_floor};
  }

  void submit(Job& job) noexcept override {
    const auto ticket = job.ticket();
    const auto when = job.queued;  // no clock is read: it takes no time
    ticket.end(parts_.compute->run(job.inputs, job.outputs, job.rows), {when, when, when, when, when});
  }

 private:
  const InstanceParts parts_;
};

}  // namespace

std::unique_ptr<DriverInstance> instant_instance(InstanceParts parts) { return std::make_unique<InstantInstance>(std::move(parts)); }

}  // namespace polymetis::virtual_card
