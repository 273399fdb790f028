#include "device/registry.hpp"
#include "runtime/testing/world.hpp"

namespace polymetis {

extern const DriverFactory virtual_driver;

namespace runtime::testing {

FakeDrivers& FakeDrivers::get() {
  static FakeDrivers drivers;
  return drivers;
}

namespace {

Expected<std::unique_ptr<Driver>> create_fake(const DriverOptions& options) {
  FakeDrivers& drivers = FakeDrivers::get();
  if (!drivers.create_status.ok()) return Unexpected(drivers.create_status);
  return std::make_unique<device::testing::FakeDriver>(drivers.control, options.host);
}

const DriverFactory fake_driver{"fake", Reality::real, &create_fake};

}  // namespace
}  // namespace runtime::testing

namespace device {

std::span<const DriverFactory* const> built_in_drivers() {
  static const DriverFactory* const all[] = {&runtime::testing::fake_driver, &virtual_driver};
  return all;
}

}  // namespace device
}  // namespace polymetis
