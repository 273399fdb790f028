#pragma once

#include <memory>

#include "faulty/fault_plan.hpp"
#include "polymetis/driver.hpp"

namespace polymetis::faulty {

/// `inner` with the faults of `plan`, on time and execution of `host`; works over any driver, real ones too. It has the name of `inner`, and keeps
/// what the seam promises except where a fault is just that (hang without `holds`, answers_twice, corrupt).
///
/// The first fault of the plan whose conditions are true strikes a job. In virtual time the same plan strikes the same jobs at the same times.
/// Thread-safe.
std::unique_ptr<Driver> faulty(std::unique_ptr<Driver> inner, FaultPlan plan, std::shared_ptr<Host> host);

/// Such as "link_flap". Static storage.
[[nodiscard]] std::string_view fault_name(FaultKind kind) noexcept;

}  // namespace polymetis::faulty
