#pragma once

#include <memory>

#include "base/log.hpp"
#include "polymetis/context.hpp"
#include "runtime/children.hpp"
#include "runtime/core_allocator.hpp"
#include "runtime/devices.hpp"
#include "runtime/life.hpp"

/// What is behind the handles of polymetis/context.hpp, for the runtime itself and for the fleet, which shares a context's devices:
///
///     auto devices = TRY(ContextAccess::devices(context));             // list, find, open, watch
///     auto device = TRY(devices->open(TRY(devices->find(selector))));  // reservations(), page(), configure()
///     std::shared_ptr<device::CoreLease> cores = TRY(device->reservations().reserve(count));
///     auto instance = TRY(load_on(device, {.model = model, .cores = cores->cores(), .lease = cores}));  // loader.hpp
namespace polymetis::runtime {

/// What a connection holds, kept by its instances too.
struct ConnectionParts {
  ConnectionParts(ListedDevice listed_device, std::shared_ptr<OpenDevice> open_device, std::shared_ptr<device::CoreLease> core_lease)
      : listed(std::move(listed_device)), device(std::move(open_device)), lease(std::move(core_lease)), free_cores(lease->cores()) {}

  const ListedDevice listed;
  const std::shared_ptr<OpenDevice> device;
  const std::shared_ptr<device::CoreLease> lease;
  CoreAllocator free_cores;
};

}  // namespace polymetis::runtime

namespace polymetis {

struct Context::Impl {
  Impl(std::shared_ptr<Host> host_, std::shared_ptr<base::Log> log_, std::shared_ptr<runtime::Devices> devices_)
      : host(std::move(host_)), log(std::move(log_)), devices(std::move(devices_)) {}
  ~Impl();

  void release() noexcept;

  runtime::Life life{"Context"};
  std::shared_ptr<Host> host;
  const std::shared_ptr<base::Log> log;
  std::shared_ptr<runtime::Devices> devices;
  runtime::Children<Connection::Impl> connections;
};

struct Connection::Impl : std::enable_shared_from_this<Connection::Impl> {
  Impl(std::shared_ptr<Context::Impl> context_, std::shared_ptr<runtime::ConnectionParts> parts_)
      : context(std::move(context_)), parts_now(std::move(parts_)) {}

  /// Those that it holds now. Errors: released, made before fork.
  [[nodiscard]] Expected<std::shared_ptr<runtime::ConnectionParts>> parts();
  /// Its instances take no new run from here on. True for the first caller, who then calls `end_release`.
  bool begin_release() noexcept;
  /// Waits for the runs of its instances, not longer than each of them says; then the cores are free.
  void end_release() noexcept;

  runtime::Life life{"Connection"};
  const std::shared_ptr<Context::Impl> context;
  runtime::Children<ModelInstance::Impl> instances;
  std::vector<std::shared_ptr<ModelInstance::Impl>> releasing;  // owned by whoever released
  base::Mutex mutex;
  std::shared_ptr<runtime::ConnectionParts> parts_now GUARDED_BY(mutex);
};

namespace runtime {

struct ContextAccess {
  /// Errors: `invalid_argument` empty, released, made before fork.
  static Expected<std::shared_ptr<Context::Impl>> impl(const Context& context);
  static Expected<std::shared_ptr<Devices>> devices(const Context& context);
};

}  // namespace runtime
}  // namespace polymetis
