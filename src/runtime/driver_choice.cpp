#include "runtime/driver_choice.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "base/try.hpp"

namespace polymetis::runtime {
namespace {

Expected<ChosenDriver> make_virtual(const DriverFactory& factory, const DriverOptions& options) {
  std::shared_ptr<Driver> driver = TRY(factory.create(options));
  static_cast<void>(TRY(driver->list()));  // a bad topology is told now, not at the first use
  return ChosenDriver{std::move(driver), {std::string(factory.name), factory.reality, true, {}}, true};
}

/// A driver that is still being written (it cannot even list) has no card that could stand in the way of virtual ones.
Expected<std::shared_ptr<Driver>> make_driver(const DriverFactory& factory, const DriverOptions& options) {
  std::shared_ptr<Driver> driver = TRY(factory.create(options));
  const auto listed = driver->list();
  if (!listed && listed.error().code() == Code::not_implemented) return Unexpected(listed.error());
  return driver;
}

ChosenDriver make_real(const DriverFactory& factory, const DriverOptions& options) {
  ChosenDriver chosen{nullptr, {std::string(factory.name), factory.reality, false, {}}};
  auto driver = make_driver(factory, options);
  if (driver) {
    chosen.driver = *std::move(driver);
    chosen.info.used = chosen.found = true;
  } else {
    chosen.found = driver.error().code() != Code::not_implemented;
    chosen.info.state = "not used: " + driver.error().to_string();
  }
  return chosen;
}

/// Why virtual cards are not used, or "" where they are.
std::string why_not_virtual(VirtualCards policy, const std::string& real_driver) {
  if (policy == VirtualCards::never) return "not used: virtual cards are forbidden (POLYMETIS_VIRTUAL=never)";
  if (policy == VirtualCards::always || real_driver.empty()) return "";
  return fmt::format("not used: the driver '{}' of real cards is there; POLYMETIS_VIRTUAL=always uses virtual cards too", real_driver);
}

}  // namespace

Expected<VirtualCards> virtual_cards_policy(const std::optional<VirtualCards>& asked) {
  if (asked) return *asked;
  const char* const value = std::getenv("POLYMETIS_VIRTUAL");
  const std::string_view text = value == nullptr ? "" : value;
  if (text.empty() || text == "auto") return VirtualCards::automatic;
  if (text == "always") return VirtualCards::always;
  if (text == "never") return VirtualCards::never;
  return failure(Code::value_error, fmt::format("POLYMETIS_VIRTUAL is '{}'; allowed are auto, always and never", text));
}

Expected<std::vector<ChosenDriver>> choose_drivers(std::span<const DriverFactory* const> factories, VirtualCards policy,
                                                   const DriverOptions& options) {
  std::vector<ChosenDriver> chosen;
  std::string real_driver;
  for (const DriverFactory* const factory : factories) {
    if (factory->reality == Reality::real) {
      chosen.push_back(make_real(*factory, options));
      if (chosen.back().found && real_driver.empty()) real_driver = factory->name;
      continue;
    }
    const std::string why_not = why_not_virtual(policy, real_driver);
    if (why_not.empty()) {
      chosen.push_back(TRY(make_virtual(*factory, options)));
    } else {
      chosen.push_back({nullptr, {std::string(factory->name), factory->reality, false, why_not}});
    }
  }
  return chosen;
}

}  // namespace polymetis::runtime
