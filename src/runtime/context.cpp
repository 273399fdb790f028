#include "polymetis/context.hpp"

#include <fmt/format.h>

#include "base/thread_host.hpp"
#include "base/try.hpp"
#include "runtime/impl.hpp"

namespace polymetis {

using runtime::at_border;
using runtime::ContextAccess;

namespace runtime {

Expected<std::shared_ptr<Context::Impl>> ContextAccess::impl(const Context& context) {
  if (!context.impl_) return Unexpected(is_empty("Context"));
  if (Status status = context.impl_->life.check(); !status.ok()) return Unexpected(std::move(status));
  return context.impl_;
}

Expected<std::shared_ptr<Devices>> ContextAccess::devices(const Context& context) { return TRY(impl(context))->devices; }

}  // namespace runtime

Context::Impl::~Impl() {
  // Connections hold their context, so none is left here; in a forked child nothing of the host may be touched.
  if (!life.made_before_fork()) return;
  static_cast<void>(new std::shared_ptr<Host>(std::move(host)));
}

void Context::Impl::release() noexcept {
  if (life.made_before_fork()) return;
  life.release();
  const TimePoint began = release_start.first(host->now());
  const auto children = connections.close();
  for (const auto& child : children) child->begin_release(began);
  for (const auto& child : children) child->end_release();
  devices->close();
  log->set_logger(nullptr);
}

Expected<Context> Context::create(const ContextOptions& options) {
  return at_border([&]() -> Expected<Context> {
    std::shared_ptr<Host> host = options.host ? options.host : std::shared_ptr<Host>(base::ThreadHost::shared());
    auto log = std::make_shared<base::Log>();
    auto devices = TRY(runtime::Devices::create(options, host, log));
    return Context(std::make_shared<Impl>(std::move(host), std::move(log), std::move(devices)));
  });
}

Status Context::check() const {
  return at_border([&]() -> Status {
    TRY(ContextAccess::impl(*this));
    return {};
  });
}

Expected<std::vector<DriverInfo>> Context::drivers() const {
  return at_border([&]() -> Expected<std::vector<DriverInfo>> { return TRY(ContextAccess::devices(*this))->drivers(); });
}

Expected<std::filesystem::path> Context::run_directory() const {
  return at_border([&]() -> Expected<std::filesystem::path> { return TRY(ContextAccess::devices(*this))->run_directory(); });
}

Expected<std::vector<DeviceInfo>> Context::list_devices() const {
  return at_border([&]() -> Expected<std::vector<DeviceInfo>> {
    const auto devices = TRY(ContextAccess::devices(*this));
    std::vector<DeviceInfo> infos;
    for (const auto& device : TRY(devices->list())) infos.push_back(devices->info(device));
    return infos;
  });
}

Expected<DeviceInfo> Context::find_device(const DeviceSelector& selector) const {
  return at_border([&]() -> Expected<DeviceInfo> {
    const auto devices = TRY(ContextAccess::devices(*this));
    return devices->info(TRY(devices->find(selector)));
  });
}

Expected<std::shared_ptr<const Model>> Context::load_model(const std::filesystem::path& path) const {
  return at_border([&]() -> Expected<std::shared_ptr<const Model>> {
    TRY(ContextAccess::impl(*this));
    return Model::load(path);
  });
}

void Context::set_logger(LogLevel level, Logger logger) const {
  const auto impl = ContextAccess::impl(*this);
  if (!impl) return;
  (*impl)->log->set_level(level);
  (*impl)->log->set_logger(std::move(logger));
}

void Context::log(LogLevel level, const std::string& message) const {
  const auto impl = ContextAccess::impl(*this);
  if (impl && (*impl)->log->wants(level)) (*impl)->log->write(level, message);
}

Host& Context::host() const { return *impl_->host; }

bool Context::released() const noexcept { return impl_ == nullptr || impl_->life.released(); }

void Context::release() noexcept {
  if (impl_) impl_->release();
}

}  // namespace polymetis
