#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/mutex.hpp"
#include "runtime/change_hub.hpp"
#include "runtime/driver_choice.hpp"
#include "runtime/open_device.hpp"

namespace polymetis::runtime {

/// A device as one of the drivers lists it.
struct ListedDevice {
  DeviceDescription description;
  std::string driver_name;
  std::shared_ptr<Driver> driver;
};

/// The devices of a context: its drivers, what they list, what is open of it. Thread-safe.
class Devices {
 public:
  /// Errors: those of `Context::create`.
  static Expected<std::shared_ptr<Devices>> create(const ContextOptions& options, std::shared_ptr<Host> host, std::shared_ptr<const base::Log> log);
  Devices(std::vector<ChosenDriver> drivers, std::filesystem::path run_directory, std::shared_ptr<Host> host, std::shared_ptr<const base::Log> log);
  ~Devices();
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;

  [[nodiscard]] const std::filesystem::path& run_directory() const noexcept { return run_directory_; }
  [[nodiscard]] std::vector<DriverInfo> drivers() const;
  /// What is there now, in a stable order. A driver of real cards that cannot tell is logged and left out.
  /// Errors: those of `Driver::list` of the virtual cards.
  [[nodiscard]] Expected<std::vector<ListedDevice>> list() const;
  /// Any device: the first that can be used. Error: `invalid_argument` with what there is.
  [[nodiscard]] Expected<ListedDevice> find(const DeviceSelector& selector) const;
  /// `device` with who uses it; asks no owner and makes no file.
  [[nodiscard]] DeviceInfo info(const ListedDevice& device) const;
  [[nodiscard]] Expected<std::shared_ptr<device::Reservations>> reservations(const ListedDevice& device) const;
  /// Open once for this object; slow the first time. A virtual card takes over the configuration that processes share.
  /// Errors: `connection_error` not usable, and why; those of `Driver::open`, `reservations_of`, `telemetry_of`.
  Expected<std::shared_ptr<OpenDevice>> open(const ListedDevice& device);
  /// The next `open` asks the driver anew. For devices that answered `connection_error`.
  void forget(const std::string& name);
  /// Holds no device open any more.
  void close();

  /// `listener` is called on a thread of the host at each change, until what is returned is destroyed (one call may still be going on then).
  [[nodiscard]] std::shared_ptr<void> watch(ChangeHub::Listener listener) { return hub_->add(std::move(listener)); }

 private:
  Expected<std::shared_ptr<OpenDevice>> open_now(const ListedDevice& device) const;

  // constant
  std::vector<ChosenDriver> drivers_;
  const std::filesystem::path run_directory_;
  std::shared_ptr<Host> host_;
  const std::shared_ptr<const base::Log> log_;
  const std::uint64_t generation_ = base::fork_generation();
  const std::shared_ptr<ChangeHub> hub_ = std::make_shared<ChangeHub>();
  // guarded
  base::Mutex mutex_;
  std::map<std::string, std::shared_ptr<OpenDevice>> open_ GUARDED_BY(mutex_);
};

/// Connecting and loading happen one at a time in a process: hold it meanwhile.
base::Mutex& one_at_a_time();

}  // namespace polymetis::runtime
