#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "device/reservation.hpp"
#include "device/telemetry_page.hpp"

namespace polymetis::device {

/// As `Reservations::lock_configuration`, which others hold for a moment only: asked again for a second, in real time as other processes are.
/// Thread-safe.
Expected<std::unique_ptr<CoreLease>> lock_patiently(Reservations& reservations);

/// What a model wants of a card.
struct Demand {
  std::string model;
  std::uint64_t model_hash = 0;
  CoreRange cores;  ///< reserved by the caller
  std::uint64_t memory_bytes = 0;
};

/// Takes the memory, which the telemetry page shows to all processes until the meter is destroyed. Two processes do not take the same bytes: it
/// holds the device's configuration lock for the moment, and waits a second for it at most. Thread-safe.
/// Errors: `runtime_error` it does not fit, with what the card has, who has taken how much and what is wanted; those of
/// `Reservations::lock_configuration`; `internal_error` no such cores.
Expected<std::shared_ptr<CoreMeter>> admit(const DeviceDescription& device, Reservations& reservations, TelemetryPage& page, const Demand& demand);

}  // namespace polymetis::device
