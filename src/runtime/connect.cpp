#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/try.hpp"
#include "polymetis/context.hpp"
#include "runtime/impl.hpp"
#include "runtime/instance_impl.hpp"
#include "runtime/settings.hpp"
#include "runtime/waiting.hpp"

namespace polymetis {

using runtime::at_border;
using runtime::ConnectionParts;
using runtime::ContextAccess;
using runtime::Devices;
using runtime::ListedDevice;

namespace {

Status too_many_cores(std::size_t asked, const DeviceDescription& device) {
  return {Code::invalid_argument,
          fmt::format("num_sub_devices > available: {} cores were asked for and {} has {}", asked, device.name, device.core_count)};
}

/// Connecting happens one at a time in a process. Nothing is logged meanwhile: a logger may connect.
Expected<std::shared_ptr<ConnectionParts>> connect_to(Devices& devices, const ListedDevice& device, std::size_t cores) {
  if (cores > device.description.core_count) return Unexpected(too_many_cores(cores, device.description));
  const base::MutexLock lock(runtime::one_at_a_time());
  const auto open = TRY(devices.open(device));
  std::shared_ptr<device::CoreLease> lease = TRY(open->reservations().reserve(static_cast<unsigned>(cores)));
  return std::make_shared<ConnectionParts>(device, open, std::move(lease));
}

/// Why no device would do: the failures of all of them under one sentence.
Status none_would_do(std::size_t cores, const std::vector<std::pair<std::string, Status>>& failures) {
  if (failures.empty()) {
    return {Code::connection_error, "there is no device to connect to: `polymetis doctor` says which drivers were tried and why"};
  }
  const auto is = [](Code code) { return [code](const auto& failed) { return failed.second.code() == code; }; };
  Code code = failures.back().second.code();
  if (std::all_of(failures.begin(), failures.end(), is(Code::invalid_argument))) code = Code::invalid_argument;
  if (std::any_of(failures.begin(), failures.end(), is(Code::device_in_use))) code = Code::device_in_use;
  const bool short_of_cores = code == Code::invalid_argument || code == Code::device_in_use;
  std::string text =
      short_of_cores ? fmt::format("num_sub_devices > available: no device has {} consecutive cores free", cores) : "no device could be connected to";
  for (const auto& [name, status] : failures) text += fmt::format("; {}: {}", name, status.to_string());
  return {code, text};
}

Expected<std::shared_ptr<ConnectionParts>> connect_to_named(Devices& devices, const DeviceSelector& selector, std::size_t cores) {
  auto parts = connect_to(devices, TRY(devices.find(selector)), cores);
  if (parts || parts.error().code() != Code::device_in_use) return parts;
  return failure(Code::device_in_use, "num_sub_devices > available: " + parts.error().to_string());
}

Expected<std::shared_ptr<ConnectionParts>> connect_to_any(Devices& devices, std::size_t cores, const base::Log& log) {
  std::vector<std::pair<std::string, Status>> failures;
  for (const ListedDevice& device : TRY(devices.list())) {
    auto parts = connect_to(devices, device, cores);
    if (parts) return parts;
    if (parts.error().code() == Code::connection_error) {
      log.format(LogLevel::warning, "{} is passed over: {}", device.description.name, parts.error().to_string());
    }
    failures.emplace_back(device.description.name, parts.error());
  }
  return Unexpected(none_would_do(cores, failures));
}

/// A virtual card never passes for a real one: said once in a process, to the first who listens.
void warn_of_virtual_cards(const DeviceDescription& device, const base::Log& log) {
  static std::atomic<bool> warned{false};
  if (device.reality != Reality::simulated || !log.wants(LogLevel::warning) || warned.exchange(true)) return;
  log.format(LogLevel::warning,
             "{} is a virtual card: networks run on this computer's CPU ({}). POLYMETIS_VIRTUAL=never forbids virtual cards; "
             "`polymetis devices` shows what is real",
             device.name, device.origin);
}

}  // namespace

Expected<Connection> Context::device_connect(const DeviceSelector& selector, std::size_t num_sub_devices, const Properties& properties) const {
  return at_border([&]() -> Expected<Connection> {
    const auto impl = TRY(ContextAccess::impl(*this));
    TRY(runtime::check_connect_properties(properties));
    if (num_sub_devices == 0) return failure(Code::invalid_argument, "device_connect was asked for 0 sub-devices: at least 1 core is needed");
    const bool any = std::holds_alternative<std::monostate>(selector);
    auto parts =
        any ? TRY(connect_to_any(*impl->devices, num_sub_devices, *impl->log)) : TRY(connect_to_named(*impl->devices, selector, num_sub_devices));
    warn_of_virtual_cards(parts->device->description(), *impl->log);
    auto connection = std::make_shared<Connection::Impl>(impl, std::move(parts));
    if (!impl->connections.add(connection)) return Unexpected(runtime::was_released("Context"));
    return Connection(std::move(connection));
  });
}

Expected<std::shared_ptr<ConnectionParts>> Connection::Impl::parts() {
  TRY(life.check());
  const base::MutexLock lock(mutex);
  if (!parts_now) return Unexpected(runtime::was_released("Connection"));
  return parts_now;
}

bool Connection::Impl::add(const std::shared_ptr<ModelInstance::Impl>& instance) {
  const base::MutexLock lock(mutex);
  patience = std::max(patience, instance->patience());
  return instances.add(instance);
}

void Connection::Impl::begin_release(TimePoint now) noexcept {
  if (life.made_before_fork()) return;
  release_start.first(now);
  life.release();
  for (const auto& instance : instances.close()) instance->begin_release(now);
}

void Connection::Impl::end_release() noexcept {
  if (life.made_before_fork()) return;
  TimePoint deadline = release_start.first(context->host->now());
  std::shared_ptr<ConnectionParts> last;  // let go of with no lock held: it may close the device
  {
    const base::MutexLock lock(mutex);
    last.swap(parts_now);
    deadline += patience;
  }
  last.reset();
  if (!cores_free->is_open() && !runtime::is_inside_run()) context->host->wait(*cores_free, deadline);
}

Expected<DeviceInfo> Connection::device() const {
  return at_border([&]() -> Expected<DeviceInfo> {
    if (!impl_) return Unexpected(runtime::is_empty("Connection"));
    const auto parts = TRY(impl_->parts());
    return impl_->context->devices->info(parts->listed);
  });
}

Expected<std::vector<unsigned>> Connection::cores() const {
  return at_border([&]() -> Expected<std::vector<unsigned>> {
    if (!impl_) return Unexpected(runtime::is_empty("Connection"));
    const CoreRange cores = TRY(impl_->parts())->lease->cores();
    std::vector<unsigned> result;
    for (unsigned i = 0; i < cores.count; ++i) result.push_back(cores.first + i);
    return result;
  });
}

Context Connection::context() const { return impl_ ? Context(impl_->context) : Context(); }

bool Connection::released() const noexcept { return impl_ == nullptr || impl_->life.released(); }

void Connection::release() noexcept {
  if (!impl_) return;
  impl_->begin_release(impl_->context->host->now());
  impl_->end_release();
}

}  // namespace polymetis
