#include <fmt/format.h>

#include "faulty/faulty.hpp"
#include "faulty/faulty_instance.hpp"
#include "faulty/injector.hpp"

namespace polymetis::faulty {

namespace {

class FaultyDevice final : public DriverDevice {
 public:
  FaultyDevice(std::unique_ptr<DriverDevice> inner, std::shared_ptr<Injector> injector, std::shared_ptr<Health> health)
      : inner_(std::move(inner)), injector_(std::move(injector)), health_(std::move(health)), life_(health_->life()) {}

  Expected<std::unique_ptr<DriverInstance>> load(std::shared_ptr<const Model> model, const LoadOptions& options) override {
    if (Status status = health_->status(life_); !status.ok()) return Unexpected(status);
    auto loaded = inner_->load(std::move(model), options);
    if (!loaded) return loaded;
    return faulty_instance(std::move(*loaded), injector_, health_, life_);
  }
  Expected<Readiness> configure(const Configuration& configuration) override {
    if (Status status = health_->status(life_); !status.ok()) return Unexpected(status);
    return inner_->configure(configuration);
  }
  Expected<Readiness> ready() override {
    if (Status status = health_->status(life_); !status.ok()) return Unexpected(status);
    return inner_->ready();
  }
  Expected<Telemetry> telemetry() override {
    if (Status status = health_->status(life_); !status.ok()) return Unexpected(status);
    return inner_->telemetry();
  }

 private:
  const std::unique_ptr<DriverDevice> inner_;
  const std::shared_ptr<Injector> injector_;
  const std::shared_ptr<Health> health_;
  const unsigned life_;
};

class FaultyDriver final : public Driver {
 public:
  FaultyDriver(std::unique_ptr<Driver> inner, FaultPlan plan, std::shared_ptr<Host> host)
      : inner_(std::move(inner)), injector_(std::make_shared<Injector>(std::move(plan), std::move(host))) {
    if (const auto devices = inner_->list()) {
      for (const auto& device : *devices) static_cast<void>(injector_->health(device.name));
    }
    injector_->start();
  }
  ~FaultyDriver() override {
    inner_->watch(nullptr);
    injector_->stop();
  }
  FaultyDriver(const FaultyDriver&) = delete;
  FaultyDriver& operator=(const FaultyDriver&) = delete;

  [[nodiscard]] std::string_view name() const noexcept override { return inner_->name(); }

  Expected<std::vector<DeviceDescription>> list() override {
    auto devices = inner_->list();
    if (devices) std::erase_if(*devices, [this](const auto& device) { return injector_->health(device.name)->lost(); });
    return devices;
  }

  Expected<std::unique_ptr<DriverDevice>> open(const DeviceDescription& device) override {
    auto health = injector_->health(device.name);
    if (Status status = health->status(health->life()); !status.ok()) return Unexpected(status);
    auto opened = inner_->open(device);
    if (!opened) return opened;
    return std::make_unique<FaultyDevice>(std::move(*opened), injector_, std::move(health));
  }

  void watch(std::function<void(const DeviceChange&)> listener) override {
    injector_->watch(listener);
    inner_->watch(std::move(listener));
  }

 private:
  const std::unique_ptr<Driver> inner_;
  const std::shared_ptr<Injector> injector_;
};

}  // namespace

std::unique_ptr<Driver> faulty(std::unique_ptr<Driver> inner, FaultPlan plan, std::shared_ptr<Host> host) {
  return std::make_unique<FaultyDriver>(std::move(inner), std::move(plan), std::move(host));
}

}  // namespace polymetis::faulty
