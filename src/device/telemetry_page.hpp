#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "polymetis/driver.hpp"

namespace polymetis::device {

/// Counters of one core for the model that is loaded on it; times in nanoseconds of the host's clock (CLOCK_MONOTONIC in real time).
struct CoreCounters {
  std::uint64_t frames = 0;    ///< rows that it ran: a job's rows are shared by the instance's cores, at least one each
  std::uint64_t failures = 0;  ///< rows of jobs that failed, counted alike
  std::uint64_t busy_ns = 0;   ///< sum of compute_ended - compute_started
  std::uint64_t last_end_ns = 0;
  std::uint64_t model_hash = 0;    ///< of the model that is loaded; 0 = none
  std::uint64_t memory_bytes = 0;  ///< of the card, this core's share of what its instance takes: the sum over cores is the device's
};

/// Writes the counters of the cores that one instance runs on. Single 64-bit stores, no lock: `ended` is for the one thread that ends a
/// job of this instance at a time; thread-safe against all readers. Destroy it before the lease of its cores is let go.
class CoreMeter {
 public:
  virtual ~CoreMeter() = default;
  virtual void ended(const Status& status, const Stamps& stamps, std::size_t rows) noexcept = 0;
};

/// What the card as a whole tells; written by whoever configures it.
struct CardState {
  Configuration configuration;
  std::optional<double> temperature_celsius;
  std::optional<double> power_watts;
};

/// One shared-memory page a device beside its reservation file, a slot a core. Readers take no lock and ask nobody. An object holds one
/// descriptor and one mapping: keep one a device, not one an instance. After a fork it writes nothing in the child.
///
/// Thread-safe.
class TelemetryPage {
 public:
  virtual ~TelemetryPage() = default;
  /// A meter for cores that the caller has reserved; zeroes their slots. The slots read as empty once it is destroyed, or its process
  /// died. It may outlive this object. Null: no such cores, or made before fork.
  virtual std::shared_ptr<CoreMeter> meter(CoreRange cores, std::uint64_t model_hash, std::uint64_t memory_bytes) = 0;
  /// One entry a core; a core that nobody holds reads zero.
  [[nodiscard]] virtual std::vector<CoreCounters> read() const = 0;
  /// Replaces what is known of the card; stays after this process. For whoever has just configured or measured the device.
  virtual void write_card(const CardState& state) = 0;
  /// Absent: never written, written for another description of the device, or its writer died while writing (until the next write).
  [[nodiscard]] virtual std::optional<CardState> read_card() const = 0;
};

/// Opens (or makes) the page. A page of another version that nobody uses is made anew.
/// Errors: `connection_error` the page cannot be made or mapped, or has another version and is in use (both are named).
Expected<std::shared_ptr<TelemetryPage>> telemetry_of(const std::filesystem::path& run_directory, const DeviceDescription& device);

/// What a page says now.
struct TelemetrySnapshot {
  std::vector<CoreCounters> cores;  ///< as `TelemetryPage::read`
  std::optional<CardState> card;    ///< as `TelemetryPage::read_card`
};

/// Reads a page without making or changing one, for lists and monitors; a device without a page reads zero. Reentrant.
/// Errors: `connection_error` as above.
Expected<TelemetrySnapshot> peek_telemetry(const std::filesystem::path& run_directory, const DeviceDescription& device);

}  // namespace polymetis::device
