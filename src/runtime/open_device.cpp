#include "runtime/open_device.hpp"

#include "runtime/life.hpp"

namespace polymetis::runtime {

OpenDevice::~OpenDevice() {
  leak_after_fork(generation_, inner_);
  leak_after_fork(generation_, parts_);
}

Expected<std::unique_ptr<DriverInstance>> OpenDevice::load(std::shared_ptr<const Model> model, const LoadOptions& options) {
  const base::MutexLock lock(mutex_);
  return inner_->load(std::move(model), options);
}

Expected<Readiness> OpenDevice::configure(const Configuration& configuration) {
  const base::MutexLock lock(mutex_);
  return inner_->configure(configuration);
}

Expected<Readiness> OpenDevice::ready() {
  const base::MutexLock lock(mutex_);
  return inner_->ready();
}

Expected<Telemetry> OpenDevice::telemetry() {
  const base::MutexLock lock(mutex_);
  return inner_->telemetry();
}

}  // namespace polymetis::runtime
