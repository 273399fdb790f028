#pragma once

#include <cstddef>
#include <string_view>

#include "polymetis/driver.hpp"
#include "polymetis/properties.hpp"

namespace polymetis::runtime {

/// What `load_model_instance` is asked for.
struct LoadSettings {
  std::size_t num_sub_devices = 0;  ///< 0: the model's batch
  std::size_t aipu_cores = 0;       ///< share of the L2 memory; told to nobody, as virtual cards have no such limit
  bool input_dmabuf = false;
  bool output_dmabuf = false;
  bool double_buffer = false;
  bool device_profiling = false;
  bool host_profiling = false;
  bool elf_in_ddr = true;
  bool async_mode = false;
  std::size_t max_inflight = 4;
  std::size_t max_pending = 8;
};

/// Errors: `invalid_configuration` unknown key; `value_error` bad value (key, value and what is allowed are named).
Expected<LoadSettings> load_settings(const Properties& properties);

/// Error: as above. Nothing of it changes what is connected.
Status check_connect_properties(const Properties& properties);

/// `current` (one entry a core) with what `properties` change. Errors: as above.
Expected<Configuration> configuration_with(const Configuration& current, const Properties& properties, const DeviceDescription& device);
/// The keys of `configure_device` with the values of `configuration`.
Properties properties_of(const Configuration& configuration);
/// What a device has that never told: the highest clock, full use.
Configuration default_configuration(const DeviceDescription& device);

}  // namespace polymetis::runtime
