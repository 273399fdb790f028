#pragma once

#include <memory>
#include <span>
#include <vector>

#include "polymetis/context.hpp"

namespace polymetis::runtime {

/// A built-in driver as a context has it.
struct ChosenDriver {
  std::shared_ptr<Driver> driver;  ///< null: not used
  DriverInfo info;                 ///< `state` says why it is not used; else empty
  bool found = false;              ///< the library or the card is there, even if it cannot be used
};

/// `asked`, else POLYMETIS_VIRTUAL, else automatic.
/// Error: `value_error` the variable holds something else; what is allowed is named.
Expected<VirtualCards> virtual_cards_policy(const std::optional<VirtualCards>& asked);

/// Makes the drivers that `policy` allows. Real ones that cannot be made are not used; automatic: virtual cards only where there is neither a
/// vendor's library nor a card (a real driver whose `create` or `list` answers anything but `not_implemented`).
/// Errors: those of a virtual driver's `create` and `list` (a bad topology).
Expected<std::vector<ChosenDriver>> choose_drivers(std::span<const DriverFactory* const> factories, VirtualCards policy,
                                                   const DriverOptions& options);

}  // namespace polymetis::runtime
