#pragma once

#include <memory>

#include "faulty/injector.hpp"
#include "polymetis/driver.hpp"

namespace polymetis::faulty {

/// `inner`, loaded in one `life` of its device, with the faults of `injector`.
std::unique_ptr<DriverInstance> faulty_instance(std::unique_ptr<DriverInstance> inner, std::shared_ptr<Injector> injector,
                                                std::shared_ptr<Health> health, unsigned life);

}  // namespace polymetis::faulty
