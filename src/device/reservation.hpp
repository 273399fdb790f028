#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "polymetis/driver.hpp"

namespace polymetis::device {

/// Where processes share reservations and telemetry: `asked`, else `POLYMETIS_RUN_DIR`, else the first that can be written of
/// /run/polymetis, $XDG_RUNTIME_DIR/polymetis and a folder of the user in the system's folder for temporary files. Made where it is missing.
/// Absolute. Reentrant.
/// Errors: `connection_error` with each folder that was tried and why it cannot be used.
Expected<std::filesystem::path> open_run_directory(const std::filesystem::path& asked);

/// Who holds a core, as far as can be told.
struct CoreHolder {
  enum class State { free, held };
  State state = State::free;
  std::int64_t pid = 0;      ///< -1: held by a process that cannot be told
  std::string process_name;  ///< "" where not known
};

/// "pid 123 (name): cores 0, 1; pid 456 (name): core 2", one entry a process, in the order of their first cores; "" where all are free.
/// Reentrant.
std::string in_use_by(std::span<const CoreHolder> holders);

/// Cores reserved by this process; destroying it frees them, as does the end of the process (SIGKILL too, and also when a forked child
/// lives on). In a forked child it holds nothing, and destroying it there frees nothing of the parent's. Independent of the
/// `Reservations` that gave it.
class CoreLease {
 public:
  virtual ~CoreLease() = default;
  [[nodiscard]] virtual CoreRange cores() const noexcept = 0;
};

/// The cores of one device, shared by all processes that use one run directory: one file a device, one byte a core and one for the
/// configuration, each held with an open-file-description lock. Objects, contexts and processes all meet in the kernel's locks, so any
/// number of objects for one device may live in a process. It holds no file open: only leases do, one descriptor each.
///
/// Thread-safe.
class Reservations {
 public:
  virtual ~Reservations() = default;
  /// The first `count` consecutive free cores.
  /// Errors: `device_in_use` with each core's holder (pid, name); `invalid_argument` zero or more than the device has, or made before
  /// fork; `invalid_configuration` a living process holds cores of the device under another description (both processes and
  /// what differs are named); `connection_error` the file cannot be made or used (full or read-only file system, a link, another layout).
  virtual Expected<std::unique_ptr<CoreLease>> reserve(unsigned count) = 0;
  /// One entry a core. Makes no file and asks nobody; a device without a file is free. Where the file cannot be read, all cores are
  /// held by a process that cannot be told (`reserve` says why).
  [[nodiscard]] virtual std::vector<CoreHolder> holders() const = 0;
  /// The right to configure the device, held for the moment; `cores()` of it is empty.
  /// Errors: `device_in_use` with the pid; otherwise those of `reserve`.
  virtual Expected<std::unique_ptr<CoreLease>> lock_configuration() = 0;
};

/// The reservations of `device` in `run_directory`. Touches no file: the first `reserve` or `lock_configuration` makes it.
/// Error: `invalid_configuration` more than 1024 cores, or names of more than 6 KiB.
Expected<std::shared_ptr<Reservations>> reservations_of(const std::filesystem::path& run_directory, const DeviceDescription& device);

}  // namespace polymetis::device
