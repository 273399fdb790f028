#include "fleet/placement.hpp"

#include <algorithm>
#include <utility>

namespace polymetis::fleet {

namespace {

struct Board {
  const std::vector<PlacementModel>& models;
  std::vector<unsigned> free;                    // cores, by device
  std::vector<std::vector<unsigned>> instances;  // [device][model]
  std::vector<double> given;                     // cores / weight, by model

  [[nodiscard]] bool fits(std::size_t device, std::size_t model) const {
    return models[model].allowed[device] && free[device] >= models[model].batch;
  }
  void give(std::size_t device, std::size_t model) {
    free[device] -= models[model].batch;
    ++instances[device][model];
    given[model] += models[model].batch / models[model].weight;
  }
  /// The model below its share that fits on `device`, fewest on the device among equals; models.size() where there is none.
  [[nodiscard]] std::size_t poorest(std::size_t device) const {
    std::size_t best = models.size();
    for (std::size_t m = 0; m < models.size(); ++m)
      if (fits(device, m) && (best == models.size() || std::pair(given[m], instances[device][m]) < std::pair(given[best], instances[device][best])))
        best = m;
    return best;
  }
};

void give_minimum(Board& board) {
  for (std::size_t m = 0; m < board.models.size(); ++m) {
    for (unsigned cores = 0; cores < board.models[m].minimum_cores; cores += board.models[m].batch) {
      std::size_t best = board.free.size();
      for (std::size_t d = 0; d < board.free.size(); ++d)
        if (board.fits(d, m) && (best == board.free.size() || board.free[d] > board.free[best])) best = d;
      if (best < board.free.size()) board.give(best, m);
    }
  }
}

void share_cores(Board& board) {
  for (std::size_t d = 0; d < board.free.size(); ++d)
    for (std::size_t m = board.poorest(d); m < board.models.size(); m = board.poorest(d)) board.give(d, m);
}

/// The cores of one device among `models`, by weight.
void share_device(Board& board, std::size_t device, const std::vector<std::size_t>& models) {
  while (true) {
    std::size_t best = board.models.size();
    for (const std::size_t m : models)
      if (board.fits(device, m) && (best == board.models.size() || board.given[m] < board.given[best])) best = m;
    if (best == board.models.size()) return;
    board.give(device, best);
  }
}

/// Models without an instance that may use `device`, the heaviest first.
std::vector<std::size_t> homeless(const Board& board, std::size_t device) {
  std::vector<std::size_t> models;
  for (std::size_t m = 0; m < board.models.size(); ++m)
    if (board.given[m] == 0 && board.fits(device, m)) models.push_back(m);
  std::stable_sort(models.begin(), models.end(), [&](std::size_t a, std::size_t b) { return board.models[a].weight > board.models[b].weight; });
  return models;
}

void share_devices(Board& board) {
  for (std::size_t d = 0; d < board.free.size(); ++d) {
    const auto waiting = homeless(board, d);
    if (d + 1 == board.free.size() && waiting.size() > 1) {  // the last one is for all that are left
      share_device(board, d, waiting);
    } else if (const std::size_t m = waiting.empty() ? board.poorest(d) : waiting.front(); m < board.models.size()) {
      while (board.fits(d, m)) board.give(d, m);
    }
  }
  // Those that were not allowed on it and got none take an instance of the richest where they may be.
  for (std::size_t m = 0; m < board.models.size(); ++m) {
    if (board.given[m] > 0) continue;
    for (std::size_t d = board.free.size(); d-- > 0;) {
      if (!board.models[m].allowed[d]) continue;
      const auto rich = std::max_element(board.instances[d].begin(), board.instances[d].end());
      if (*rich < 2 || board.models[m].batch > board.models[static_cast<std::size_t>(rich - board.instances[d].begin())].batch) continue;
      --*rich;
      board.free[d] += board.models[static_cast<std::size_t>(rich - board.instances[d].begin())].batch;
      board.give(d, m);
      break;
    }
  }
}

}  // namespace

std::vector<std::vector<unsigned>> place(Placement policy, const std::vector<PlacementDevice>& devices, const std::vector<PlacementModel>& models) {
  Board board{models, {}, std::vector(devices.size(), std::vector<unsigned>(models.size(), 0)), std::vector<double>(models.size(), 0.0)};
  for (const PlacementDevice& device : devices) board.free.push_back(device.cores);
  if (policy == Placement::model_a_device) {
    share_devices(board);
  } else {
    give_minimum(board);
    share_cores(board);
  }
  return board.instances;
}

}  // namespace polymetis::fleet
