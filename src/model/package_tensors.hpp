#pragma once

#include <vector>

#include "model/json_node.hpp"
#include "polymetis/model.hpp"

namespace polymetis::model {

/// The tensors of `model.json` under `key` ("inputs" or "outputs"), each of the given batch.
Expected<std::vector<TensorInfo>> read_tensors(const JsonNode& root, std::string_view key, std::size_t batch);

}  // namespace polymetis::model
