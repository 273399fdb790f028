#include <fmt/format.h>

#include "base/try.hpp"
#include "device/admission.hpp"
#include "device/telemetry_page.hpp"
#include "polymetis/context.hpp"
#include "runtime/impl.hpp"
#include "runtime/settings.hpp"

namespace polymetis {

using runtime::at_border;
using runtime::ContextAccess;

namespace {

/// A device that has gone answers `connection_error`; then it is opened anew next time.
template <class T>
Expected<T> or_forget(runtime::Devices& devices, const runtime::OpenDevice& device, Expected<T> result) {
  if (!result && result.error().code() == Code::connection_error) devices.forget(device.description().name);
  return result;
}

/// What is not known of it is as usual.
Configuration completed(Configuration configuration, const DeviceDescription& description) {
  const Configuration usual = runtime::default_configuration(description);
  if (configuration.clock_mhz.size() != description.core_count) configuration.clock_mhz = usual.clock_mhz;
  if (configuration.mvm_utilisation.size() != description.core_count) configuration.mvm_utilisation = usual.mvm_utilisation;
  return configuration;
}

/// As the device itself tells; a virtual card's is what processes share, as each has a card of its own in it.
Expected<Configuration> configuration_of(runtime::Devices& devices, runtime::OpenDevice& device) {
  const DeviceDescription& description = device.description();
  Configuration configuration;
  if (description.reality == Reality::simulated) {
    if (const auto card = device.page().read_card()) configuration = card->configuration;
  }
  if (configuration.clock_mhz.empty()) configuration = TRY(or_forget(devices, device, device.telemetry())).configuration;
  return completed(std::move(configuration), description);
}

/// That of a virtual card, for who only looks: opens nothing and makes no file.
Expected<Configuration> peeked_configuration(const runtime::Devices& devices, const DeviceDescription& description) {
  const auto snapshot = TRY(device::peek_telemetry(devices.run_directory(), description));
  return completed(snapshot.card ? snapshot.card->configuration : Configuration{}, description);
}

}  // namespace

Expected<Readiness> Context::configure_device(const DeviceSelector& selector, const Properties& properties) const {
  return at_border([&]() -> Expected<Readiness> {
    const auto devices = TRY(ContextAccess::devices(*this));
    const auto device = TRY(devices->open(TRY(devices->find(selector))));
    const base::MutexLock one(runtime::one_at_a_time());
    const auto lock = TRY(device::lock_patiently(device->reservations()));
    const Configuration current = TRY(configuration_of(*devices, *device));
    const Configuration wanted = TRY(runtime::configuration_with(current, properties, device->description()));
    if (wanted == current) return or_forget(*devices, *device, device->ready());
    const Readiness readiness = TRY(or_forget(*devices, *device, device->configure(wanted)));
    device->page().write_card({.configuration = wanted});
    return readiness;
  });
}

Expected<Readiness> Context::device_ready(const DeviceSelector& selector) const {
  return at_border([&]() -> Expected<Readiness> {
    const auto devices = TRY(ContextAccess::devices(*this));
    const auto device = TRY(devices->open(TRY(devices->find(selector))));
    return or_forget(*devices, *device, device->ready());
  });
}

Expected<Properties> Context::read_device_configuration(const DeviceSelector& selector) const {
  return at_border([&]() -> Expected<Properties> {
    const auto devices = TRY(ContextAccess::devices(*this));
    const runtime::ListedDevice listed = TRY(devices->find(selector));
    if (listed.description.reality == Reality::simulated) return runtime::properties_of(TRY(peeked_configuration(*devices, listed.description)));
    const auto device = TRY(devices->open(listed));
    return runtime::properties_of(TRY(configuration_of(*devices, *device)));
  });
}

}  // namespace polymetis
