#include <cstring>
#include <string_view>

#include "capi/border.hpp"

using namespace polymetis;
using namespace polymetis::capi;

namespace polymetis::capi {

axrDeviceInfo* ContextObject::lend(std::vector<axrDeviceInfo> devices) {
  std::lock_guard lock(mutex_);
  // Every byte of both was zeroed before it was filled, so equal devices have equal bytes.
  if (devices.empty()) return nullptr;
  const bool same = devices.size() == devices_.size() && std::memcmp(devices.data(), devices_.data(), devices.size() * sizeof(axrDeviceInfo)) == 0;
  if (!same) devices_ = std::move(devices);
  return devices_.data();
}

}  // namespace polymetis::capi

namespace {

void fill(char (&field)[256], std::string_view text) {
  std::size_t length = std::min(text.size(), sizeof(field) - 1);
  while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U) --length;  // no half of a character
  text.copy(field, length);
}

void fill(axrDeviceInfo& to, const DeviceInfo& from) {
  const DeviceDescription& description = from.description;
  fill(to.name, description.name);
  to.subdevice_count = description.core_count;
  to.max_memory = description.memory_bytes;
  to.in_use = from.in_use ? 1 : 0;
  fill(to.in_use_by, from.in_use_by);
  to.board_type = static_cast<axrBoardType>(description.board_type);
  fill(to.firmware_version, description.firmware_version);
  to.board_revision = description.board_revision;
  fill(to.flashed_firmware_version, description.flashed_firmware_version);
  fill(to.board_controller_firmware_version, description.board_controller_firmware_version);
  fill(to.board_controller_board_type, description.board_controller_board_type);
}

/// Devices are known by name; a program may fill in nothing else.
Expected<DeviceSelector> selector_of(const char* function, const axrDeviceInfo* device) {
  if (device == nullptr) return failure(Code::invalid_argument, std::string(function) + " wants a device: NULL was given");
  std::string name(device->name, strnlen(device->name, sizeof(device->name)));
  if (name.empty()) return failure(Code::invalid_argument, std::string(function) + " wants a device: its name is empty");
  return DeviceSelector(std::move(name));
}

Status status_of_readiness(const Expected<Readiness>& readiness, const axrDeviceInfo& device) {
  if (!readiness) return readiness.error();
  if (*readiness == Readiness::ready) return {};
  return Status(Code::pending, std::string(device.name, strnlen(device.name, sizeof(device.name))) +
                                   " is still applying its configuration; ask axr_device_ready until it answers AXR_SUCCESS");
}

}  // namespace

size_t axr_list_devices(axrContext* context, axrDeviceInfo** devices) {
  if (devices != nullptr) *devices = nullptr;
  return call<ContextObject>(__func__, context, [&](ContextObject& object) -> Expected<size_t> {
    if (!object.context) return Unexpected(object.context.error());
    const auto found = object.context->list_devices();
    if (!found) return Unexpected(found.error());
    record_success(handle_of(context));
    if (devices == nullptr) return found->size();
    std::vector<axrDeviceInfo> filled(found->size());
    for (std::size_t i = 0; i < filled.size(); ++i) {
      std::memset(&filled[i], 0, sizeof(axrDeviceInfo));
      fill(filled[i], (*found)[i]);
    }
    *devices = object.lend(std::move(filled));
    return found->size();
  });
}

axrResult axr_configure_device(axrContext* context, const axrDeviceInfo* device, const axrProperties* properties) {
  return call<ContextObject>(__func__, context, [&, function = __func__](ContextObject& object) -> Status {
    if (!object.context) return object.context.error();
    const auto selector = selector_of(function, device);
    if (!selector) return selector.error();
    const auto items = properties_of(function, properties);
    if (!items) return items.error();
    return status_of_readiness(object.context->configure_device(*selector, *items), *device);
  });
}

axrResult axr_device_ready(axrContext* context, const axrDeviceInfo* device) {
  return call<ContextObject>(__func__, context, [&, function = __func__](ContextObject& object) -> Status {
    if (!object.context) return object.context.error();
    const auto selector = selector_of(function, device);
    if (!selector) return selector.error();
    return status_of_readiness(object.context->device_ready(*selector), *device);
  });
}

axrProperties* axr_read_device_configuration(axrContext* context, const axrDeviceInfo* device) {
  return call<ContextObject>(__func__, context, [&, function = __func__](ContextObject& object) -> Expected<axrProperties*> {
    if (!object.context) return Unexpected(object.context.error());
    const auto selector = selector_of(function, device);
    if (!selector) return Unexpected(selector.error());
    auto configuration = object.context->read_device_configuration(*selector);
    if (!configuration) return Unexpected(configuration.error());
    return give<axrProperties>(std::make_shared<PropertiesObject>(std::move(configuration)), context);
  });
}

axrConnection* axr_device_connect(axrContext* context, const axrDeviceInfo* device, size_t num_sub_devices, const axrProperties* properties) {
  return call<ContextObject>(__func__, context, [&, function = __func__](ContextObject& object) -> Expected<axrConnection*> {
    if (!object.context) return Unexpected(object.context.error());
    const auto selector = device == nullptr ? Expected<DeviceSelector>() : selector_of(function, device);
    if (!selector) return Unexpected(selector.error());
    const auto items = properties_of(function, properties);
    if (!items) return Unexpected(items.error());
    auto connection = object.context->device_connect(*selector, num_sub_devices, *items);
    if (!connection) return Unexpected(connection.error());
    return give<axrConnection>(std::make_shared<ConnectionObject>(*std::move(connection)), context);
  });
}
