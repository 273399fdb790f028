#pragma once

#include <memory>
#include <string>

#include "base/fork.hpp"
#include "base/mutex.hpp"
#include "device/reservation.hpp"
#include "device/telemetry_page.hpp"
#include "polymetis/driver.hpp"

namespace polymetis::runtime {

/// An open device with all that it needs, so that whoever holds it may outlive its context. Its driver is called one call at a time.
///
/// Thread-safe.
class OpenDevice {
 public:
  struct Parts {
    std::shared_ptr<Host> host;
    std::shared_ptr<Driver> driver;
    DeviceDescription description;
    std::shared_ptr<device::Reservations> reservations;
    std::shared_ptr<device::TelemetryPage> telemetry;
  };
  OpenDevice(Parts parts, std::unique_ptr<DriverDevice> inner) : parts_(std::move(parts)), inner_(std::move(inner)) {}
  ~OpenDevice();
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;

  [[nodiscard]] const DeviceDescription& description() const noexcept { return parts_.description; }
  [[nodiscard]] Host& host() const noexcept { return *parts_.host; }
  [[nodiscard]] device::Reservations& reservations() const noexcept { return *parts_.reservations; }
  [[nodiscard]] device::TelemetryPage& page() const noexcept { return *parts_.telemetry; }

  // As those of DriverDevice.
  Expected<std::unique_ptr<DriverInstance>> load(std::shared_ptr<const Model> model, const LoadOptions& options);
  Expected<Readiness> configure(const Configuration& configuration);
  Expected<Readiness> ready();
  Expected<Telemetry> telemetry();

 private:
  Parts parts_;  // constant
  const std::uint64_t generation_ = base::fork_generation();
  base::Mutex mutex_;
  std::unique_ptr<DriverDevice> inner_ PT_GUARDED_BY(mutex_);
};

}  // namespace polymetis::runtime
