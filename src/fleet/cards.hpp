#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fleet/dispatcher.hpp"
#include "fleet/placement.hpp"
#include "runtime/devices.hpp"

namespace polymetis::fleet {

/// The cores that a fleet has reserved, and which executor is on which. Thread-bound: guarded by its fleet.
class Cards {
 public:
  struct Core {
    unsigned number = 0;
    std::shared_ptr<device::CoreLease> lease;
    ExecutorId executor;
  };
  struct Card {
    DeviceId id;
    runtime::ListedDevice listed;
    std::shared_ptr<runtime::OpenDevice> open;
    std::vector<Core> cores;
  };
  struct Placed {
    ExecutorId executor;
    std::size_t card = 0;
    std::string device;
    std::vector<unsigned> cores;
  };
  struct PlacedModel {
    ModelId id;
    std::shared_ptr<const Model> model;
    ModelOptions options;
    std::vector<bool> allowed;  // by card
    std::vector<Placed> executors;
  };

  /// Opens the devices of `options` and reserves each core that is free.
  /// Errors: those of `Fleet::create`.
  static Expected<Cards> take(const std::shared_ptr<runtime::Devices>& devices, const FleetOptions& options);
  void join(Dispatcher& dispatcher);

  /// Adds `model`, or changes what is wished for it, and moves instances about so that all models have their share. Errors: those of
  /// `Fleet::add_model`.
  Expected<PlacementReport> add(Dispatcher& dispatcher, Placement policy, const std::shared_ptr<const Model>& model, const ModelOptions& options);
  [[nodiscard]] const PlacedModel* find(const Model& model) const;
  [[nodiscard]] const std::vector<Card>& cards() const noexcept { return cards_; }
  [[nodiscard]] const std::vector<PlacedModel>& models() const noexcept { return models_; }
  /// Errors: `invalid_argument` no such card in this fleet, with those there are.
  [[nodiscard]] Expected<DeviceId> find(const DeviceSelector& selector) const;
  [[nodiscard]] std::string executor_name(ExecutorId id) const;
  /// Lets go of devices and cores; names stay.
  void clear();

 private:
  [[nodiscard]] Expected<std::vector<bool>> allowed_by(Placement policy, const ModelOptions& options) const;
  [[nodiscard]] std::vector<std::vector<unsigned>> place_all(Placement policy) const;
  [[nodiscard]] PlacementReport report(Placement policy, std::size_t index, std::string missing) const;
  Status shrink(Dispatcher& dispatcher, const std::vector<std::vector<unsigned>>& wanted);
  Status grow(Dispatcher& dispatcher, const std::vector<std::vector<unsigned>>& wanted, std::string& missing);
  Status load(Dispatcher& dispatcher, PlacedModel& model, std::size_t card, unsigned first, Status& unreachable);
  [[nodiscard]] int free_run(const Card& card, unsigned count) const;

  std::shared_ptr<runtime::Devices> devices_;
  std::vector<Card> cards_;
  std::vector<PlacedModel> models_;
};

}  // namespace polymetis::fleet
