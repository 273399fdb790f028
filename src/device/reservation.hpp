#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "polymetis/driver.hpp"

namespace polymetis::device {

/// Where processes share reservations and telemetry: `asked`, else `POLYMETIS_RUN_DIR`, else the first that can be written of
/// /run/polymetis, $XDG_RUNTIME_DIR/polymetis and a folder of the user in the system's folder for temporary files. Made where it is missing.
/// Errors: `connection_error` with each folder that was tried and why it cannot be used.
Expected<std::filesystem::path> open_run_directory(const std::filesystem::path& asked);

/// Who holds a core, as far as can be told.
struct CoreHolder {
  enum class State { free, held };
  State state = State::free;
  std::int64_t pid = 0;      ///< -1: held by a process that cannot be told
  std::string process_name;  ///< "" where not known
};

/// Cores reserved by this process; destroying it frees them, as does the end of the process (SIGKILL too, and also when a forked child
/// lives on).
class CoreLease {
 public:
  virtual ~CoreLease() = default;
  [[nodiscard]] virtual CoreRange cores() const noexcept = 0;
};

/// The cores of one device, shared by all processes that use one run directory: one file a device, one byte a core and one for the
/// configuration, each held with an open-file-description lock. Contexts of one process share one object (`reservations_of`).
///
/// Thread-safe.
class Reservations {
 public:
  virtual ~Reservations() = default;
  /// The first `count` consecutive free cores.
  /// Errors: `device_in_use` with each core's holder (pid, name); `invalid_argument` zero or more than the device has;
  /// `connection_error` the file cannot be used (full or read-only file system, another layout).
  virtual Expected<std::unique_ptr<CoreLease>> reserve(unsigned count) = 0;
  [[nodiscard]] virtual std::vector<CoreHolder> holders() const = 0;
  /// The right to configure the device, held for the moment. Error: `device_in_use` with the pid.
  virtual Expected<std::unique_ptr<CoreLease>> lock_configuration() = 0;
};

/// Opens (or makes) the file of `device` in `run_directory`; the same object for every caller in this process.
/// Errors: `invalid_configuration` when a living process uses the device with another description (both origins are named);
/// `connection_error` the file cannot be made or mapped.
Expected<std::shared_ptr<Reservations>> reservations_of(const std::filesystem::path& run_directory, const DeviceDescription& device);

}  // namespace polymetis::device
