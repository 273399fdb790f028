#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "polymetis/driver.hpp"

namespace polymetis::device {

/// Counters of one core since its holder reserved it; times in nanoseconds of CLOCK_MONOTONIC.
struct CoreCounters {
  std::uint64_t frames = 0;
  std::uint64_t failures = 0;
  std::uint64_t busy_ns = 0;       ///< sum of compute_ended - compute_started
  std::uint64_t last_end_ns = 0;
  std::uint64_t model_hash = 0;    ///< of the model that is loaded; 0 = none
  std::uint64_t memory_bytes = 0;  ///< of the card, taken by what is loaded here
};

/// Writes the counters of the cores that one instance runs on. Single 64-bit stores, no lock: `ended` is for the one thread that ends a
/// job of this instance at a time; thread-safe against all readers.
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

/// One shared-memory page a device beside its reservation file, a slot a core. Rebuilt if its writer died while writing.
///
/// Thread-safe.
class TelemetryPage {
 public:
  virtual ~TelemetryPage() = default;
  /// A meter for cores that the caller has reserved; zeroes their slots. The slots read as empty once it is destroyed.
  virtual std::shared_ptr<CoreMeter> meter(CoreRange cores, std::uint64_t model_hash, std::uint64_t memory_bytes) = 0;
  /// One entry a core; a core that nobody holds reads zero.
  [[nodiscard]] virtual std::vector<CoreCounters> read() const = 0;
  virtual void write_card(const CardState& state) = 0;  ///< needs the configuration lock
  [[nodiscard]] virtual std::optional<CardState> read_card() const = 0;
};

/// Errors: `connection_error` the page cannot be made or mapped, or has another version (both are named).
Expected<std::shared_ptr<TelemetryPage>> telemetry_of(const std::filesystem::path& run_directory, const DeviceDescription& device);

}  // namespace polymetis::device
