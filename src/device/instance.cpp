#include "device/instance.hpp"

#include "base/fork.hpp"
#include "device/instance_state.hpp"
#include "device/telemetry_page.hpp"

namespace polymetis::device {

Instance::Instance(std::unique_ptr<DriverInstance> inner, Host& host, std::shared_ptr<CoreMeter> meter, std::shared_ptr<void> lease)
    : state_(InstanceState::make(std::move(inner), host, std::move(meter), std::move(lease))), fork_generation_(base::fork_generation()) {}

Instance::~Instance() {
  // In a forked child the device is the parent's and the host's threads are not there: nothing may be touched.
  if (fork_generation_ == base::fork_generation()) state_->close();
}

const InstanceTraits& Instance::traits() const noexcept { return state_->traits(); }

unsigned Instance::in_flight() const noexcept { return state_->in_flight(); }

JobId Instance::submit(const JobRequest& request) noexcept { return state_->submit(request); }

void Instance::abandon(JobId job) noexcept { state_->abandon(job); }

}  // namespace polymetis::device
