#pragma once

#include <string>
#include <vector>

#include "faulty/fault_plan.hpp"
#include "virtual/toml_reader.hpp"

namespace polymetis::virtual_card {

/// Reads one `[[...fault]]` that befalls `devices` (empty: all).
faulty::Fault read_fault(TableReader& reader, std::vector<std::string> devices);

}  // namespace polymetis::virtual_card
