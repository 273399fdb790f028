#pragma once

#include <memory>

#include "base/log.hpp"
#include "polymetis/context.hpp"
#include "runtime/children.hpp"
#include "runtime/core_allocator.hpp"
#include "runtime/departure.hpp"
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

  const Departure gone;
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
  runtime::ReleaseStart release_start;
  std::shared_ptr<Host> host;
  const std::shared_ptr<base::Log> log;
  std::shared_ptr<runtime::Devices> devices;
  runtime::Children<Connection::Impl> connections;
};

struct Connection::Impl : std::enable_shared_from_this<Connection::Impl> {
  Impl(std::shared_ptr<Context::Impl> context_, std::shared_ptr<runtime::ConnectionParts> parts_)
      : context(std::move(context_)), cores_free(parts_->gone.latch()), parts_now(std::move(parts_)) {}

  /// Those that it holds now. Errors: released, made before fork.
  [[nodiscard]] Expected<std::shared_ptr<runtime::ConnectionParts>> parts();
  /// False: it is being released, and has not taken the instance.
  bool add(const std::shared_ptr<ModelInstance::Impl>& instance);
  /// Its instances take no new run from here on. `end_release` follows, each as often as somebody releases.
  void begin_release(TimePoint now) noexcept;
  /// Waits until the cores are free, which those of a run that is going on are when it ends; but neither inside a run nor longer than the
  /// most patient of its instances would, counted from the first release.
  void end_release() noexcept;

  runtime::Life life{"Connection"};
  runtime::ReleaseStart release_start;
  const std::shared_ptr<Context::Impl> context;
  const std::shared_ptr<Latch> cores_free;
  runtime::Children<ModelInstance::Impl> instances;
  base::Mutex mutex;
  Duration patience GUARDED_BY(mutex){};
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
