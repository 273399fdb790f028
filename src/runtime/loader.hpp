#pragma once

#include <memory>

#include "device/instance.hpp"
#include "runtime/open_device.hpp"

namespace polymetis::runtime {

/// A model to be loaded on cores that the caller has reserved.
struct LoadRequest {
  std::shared_ptr<const Model> model;
  CoreRange cores;
  std::size_t rows = 1;         ///< times the network runs in one job
  std::shared_ptr<void> lease;  ///< of the cores; kept until the driver's instance is gone
};

/// Admits, loads and meters: the one way to a device::Instance. Loads one at a time in a process; the instance keeps device and lease.
///
/// Thread-safe.
/// Errors: those of `device::admit` and of `DriverDevice::load`.
Expected<std::unique_ptr<device::Instance>> load_on(const std::shared_ptr<OpenDevice>& device, const LoadRequest& request);

/// What a load takes of the card: the weights once, the activations for each row.
std::uint64_t memory_bytes_of(const Model& model, std::size_t rows) noexcept;

}  // namespace polymetis::runtime
