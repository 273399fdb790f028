#include "fleet/cards.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/try.hpp"
#include "runtime/loader.hpp"

namespace polymetis::fleet {

namespace {

Expected<std::vector<runtime::ListedDevice>> chosen(const runtime::Devices& devices, const std::vector<DeviceSelector>& selectors) {
  if (selectors.empty()) return devices.list();
  std::vector<runtime::ListedDevice> result;
  for (const DeviceSelector& selector : selectors) result.push_back(TRY(devices.find(selector)));
  return result;
}

/// All cores that are free, one lease each, so that each can be used, and given back, by itself.
std::vector<Cards::Core> reserve_free_cores(runtime::OpenDevice& device, Status& why_not) {
  std::vector<Cards::Core> cores;
  while (cores.size() < device.description().core_count) {
    auto lease = device.reservations().reserve(1);
    if (!lease) {
      why_not = lease.error();
      break;
    }
    std::shared_ptr<device::CoreLease> shared = std::move(*lease);
    const unsigned number = shared->cores().first;
    cores.push_back({number, std::move(shared), {}});
  }
  std::sort(cores.begin(), cores.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return cores;
}

}  // namespace

Expected<Cards> Cards::take(const std::shared_ptr<runtime::Devices>& devices, const FleetOptions& options) {
  Cards cards;
  cards.devices_ = devices;
  std::string usable;
  std::string reasons;
  Code code = Code::connection_error;
  const auto wanted = TRY(chosen(*devices, options.devices));
  if (wanted.empty())
    for (const DriverInfo& driver : devices->drivers()) reasons += fmt::format("; driver {} lists none: {}", driver.name, driver.state);
  for (const runtime::ListedDevice& listed : wanted) {
    auto open = devices->open(listed);
    Status why_not = open ? Status() : open.error();
    Card card{.listed = listed};
    if (open) {
      card.open = std::move(*open);
      card.cores = reserve_free_cores(*card.open, why_not);
    }
    if (!card.cores.empty()) {
      usable += fmt::format("{}{}", usable.empty() ? "" : ", ", listed.description.name);
      cards.cards_.push_back(std::move(card));
      continue;
    }
    if (why_not.code() == Code::device_in_use) code = Code::device_in_use;
    reasons += fmt::format("; {}: {}", listed.description.name, why_not.to_string());
  }
  if (cards.cards_.size() < std::max<std::size_t>(options.require, 1))
    return failure(code, fmt::format("The fleet needs {} device{}, {} can be used{}{}{}. `polymetis devices` shows who holds what.",
                                     std::max<std::size_t>(options.require, 1), options.require > 1 ? "s" : "", cards.cards_.size(),
                                     usable.empty() ? "" : ": ", usable, reasons));
  return cards;
}

void Cards::join(Dispatcher& dispatcher) {
  for (Card& card : cards_) card.id = dispatcher.add_device(card.listed.description.name, card.listed.description.board);
}

void Cards::clear() {
  for (Card& card : cards_) {
    card.open.reset();
    card.cores.clear();
  }
}

const Cards::PlacedModel* Cards::find(const Model& model) const {
  for (const PlacedModel& placed : models_)
    if (placed.model->content_hash == model.content_hash) return &placed;
  return nullptr;
}

Expected<DeviceId> Cards::find(const DeviceSelector& selector) const {
  const auto listed = TRY(devices_->find(selector));
  std::vector<std::string> names;
  for (const Card& card : cards_) {
    if (card.listed.description.name == listed.description.name) return card.id;
    names.push_back(card.listed.description.name);
  }
  return failure(Code::invalid_argument, fmt::format("{} is not in this fleet, which has {}.", listed.description.name, fmt::join(names, ", ")));
}

std::string Cards::executor_name(ExecutorId id) const {
  for (const PlacedModel& model : models_)
    for (const Placed& placed : model.executors)
      if (placed.executor == id) return fmt::format("{} core {}, {}", placed.device, fmt::join(placed.cores, "+"), model.model->name);
  return "retired";
}

Expected<PlacementReport> Cards::add(Dispatcher& dispatcher, Placement policy, const std::shared_ptr<const Model>& model,
                                     const ModelOptions& options) {
  std::vector<bool> allowed = TRY(allowed_by(policy, options));
  const auto known = static_cast<std::size_t>(find(*model) == nullptr ? models_.size() : find(*model) - models_.data());
  const bool fresh = known == models_.size();
  if (fresh) models_.push_back({.model = model});
  PlacedModel& placed = models_[known];
  const ModelOptions options_before = std::exchange(placed.options, options);
  const std::vector<bool> allowed_before = std::exchange(placed.allowed, std::move(allowed));
  const auto wanted = place_all(policy);
  unsigned instances = 0;
  for (const auto& device : wanted) instances += device[known];
  if (instances == 0) {
    placed.options = options_before;
    placed.allowed = allowed_before;
    if (fresh) models_.pop_back();
    return failure(Code::device_in_use,
                   fmt::format("No core is left for model {}: it needs {} consecutive free cores on one device.", model->name, model->batch));
  }
  std::string missing;
  Status status = shrink(dispatcher, wanted);
  if (status.ok()) {
    if (fresh) placed.id = dispatcher.add_model(model, options.batch_wait);
    status = grow(dispatcher, wanted, missing);
  }
  if (placed.executors.empty()) {
    if (fresh) models_.pop_back();
    return Unexpected(status.ok() ? Status(Code::device_in_use, fmt::format("No instance of {} could be loaded{}.", model->name, missing)) : status);
  }
  if (!status.ok() && missing.empty()) missing = "; " + status.to_string();
  if (!fresh && options.batch_wait != options_before.batch_wait) missing += "; batch_wait stays as it was when the model was added";
  return report(policy, known, missing);
}

/// `[card]`; with `explicit_only` none but those that are named.
Expected<std::vector<bool>> Cards::allowed_by(Placement policy, const ModelOptions& options) const {
  std::vector<bool> allowed(cards_.size(), options.devices.empty() && policy != Placement::explicit_only);
  for (const DeviceSelector& selector : options.devices) {
    const DeviceId id = TRY(find(selector));
    for (std::size_t c = 0; c < cards_.size(); ++c)
      if (cards_[c].id == id) allowed[c] = true;
  }
  return allowed;
}

std::vector<std::vector<unsigned>> Cards::place_all(Placement policy) const {
  std::vector<PlacementDevice> devices;
  for (const Card& card : cards_) devices.push_back({static_cast<unsigned>(card.cores.size())});
  std::vector<PlacementModel> wishes;
  for (const PlacedModel& placed : models_)
    wishes.push_back({static_cast<unsigned>(placed.model->batch), placed.options.weight, placed.options.minimum_cores, placed.allowed});
  return place(policy, devices, wishes);
}

/// Where the model is now, and what of the wish was not to be had.
PlacementReport Cards::report(Placement policy, std::size_t index, std::string missing) const {
  const PlacedModel& placed = models_[index];
  std::string where;
  bool shares = false;
  for (std::size_t c = 0; c < cards_.size(); ++c) {
    const auto on_card = [c](const Placed& p) { return p.card == c; };
    const auto count = std::count_if(placed.executors.begin(), placed.executors.end(), on_card);
    if (count == 0) continue;
    where += fmt::format("{}{} on {}", where.empty() ? "" : ", ", count, cards_[c].listed.description.name);
    for (const PlacedModel& other : models_) shares |= &other != &placed && std::any_of(other.executors.begin(), other.executors.end(), on_card);
  }
  const std::size_t cores = placed.executors.size() * placed.model->batch;
  if (cores < placed.options.minimum_cores)
    missing += fmt::format("; wanted at least {} cores, {} can be had for it", placed.options.minimum_cores, cores);
  if (policy == Placement::model_a_device && shares) missing += "; wanted a device of its own: there are more models than devices for them";
  return {!missing.empty(), fmt::format("{}: instances: {}{}", placed.model->name, where, missing)};
}

/// Retires instances above what is wanted, so that their cores are free.
Status Cards::shrink(Dispatcher& dispatcher, const std::vector<std::vector<unsigned>>& wanted) {
  for (std::size_t m = 0; m < models_.size(); ++m) {
    for (std::size_t c = 0; c < cards_.size(); ++c) {
      auto& executors = models_[m].executors;
      const auto on_card = [c](const Placed& placed) { return placed.card == c; };
      while (std::count_if(executors.begin(), executors.end(), on_card) > static_cast<std::ptrdiff_t>(wanted[c][m])) {
        const auto last = std::find_if(executors.rbegin(), executors.rend(), on_card);
        if (!dispatcher.retire(last->executor, dispatcher.host().now() + std::chrono::seconds(10)))
          return {Code::device_in_use,
                  fmt::format("An instance of {} on {} has not ended its run within 10 s, so its core cannot be given to another model.",
                              models_[m].model->name, cards_[c].listed.description.name)};
        for (Core& core : cards_[c].cores)
          if (core.executor == last->executor) core.executor = {};
        executors.erase(std::next(last).base());
      }
    }
  }
  return {};
}

Status Cards::grow(Dispatcher& dispatcher, const std::vector<std::vector<unsigned>>& wanted, std::string& missing) {
  Status first;
  for (std::size_t m = 0; m < models_.size(); ++m) {
    for (std::size_t c = 0; c < cards_.size(); ++c) {
      Status unreachable;
      const auto have = std::count_if(models_[m].executors.begin(), models_[m].executors.end(), [c](const Placed& p) { return p.card == c; });
      for (auto count = static_cast<unsigned>(have); count < wanted[c][m]; ++count) {
        const int core = free_run(cards_[c], static_cast<unsigned>(models_[m].model->batch));
        const Status status = core < 0 ? Status(Code::device_in_use, "its free cores are not consecutive")
                                       : load(dispatcher, models_[m], c, static_cast<unsigned>(core), unreachable);
        if (status.ok()) continue;
        if (first.ok()) first = status;
        missing += fmt::format("; wanted one more {} on {}: {}", models_[m].model->name, cards_[c].listed.description.name, status.to_string());
        break;
      }
      if (unreachable.ok()) continue;
      missing += fmt::format("; those on {} follow when it answers: {}", cards_[c].listed.description.name, unreachable.to_string());
    }
  }
  return first;
}

/// Place in `card.cores` of the first `count` consecutive cores without an executor; -1: there are none.
int Cards::free_run(const Card& card, unsigned count) const {
  unsigned run = 0;
  for (std::size_t i = 0; i < card.cores.size(); ++i) {
    const bool follows = run > 0 && card.cores[i].number == card.cores[i - 1].number + 1;
    run = card.cores[i].executor.valid() ? 0 : (follows ? run + 1 : 1);
    if (run == count) return static_cast<int>(i + 1 - count);
  }
  return -1;
}

/// `unreachable`: why no connection to the card could be had, if it was tried; then its instances are left to the dispatcher to load.
Status Cards::load(Dispatcher& dispatcher, PlacedModel& model, std::size_t card_index, unsigned first, Status& unreachable) {
  Card& card = cards_[card_index];
  const auto count = static_cast<unsigned>(model.model->batch);
  auto lease = std::make_shared<std::vector<std::shared_ptr<device::CoreLease>>>();
  for (unsigned i = 0; i < count; ++i) lease->push_back(card.cores[first + i].lease);
  const runtime::LoadRequest request{.model = model.model, .cores = {card.cores[first].number, count}, .lease = lease};
  auto load_now = [devices = devices_, listed = card.listed, request]() -> Expected<std::shared_ptr<device::Instance>> {
    auto instance = runtime::load_on(TRY(devices->open(listed)), request);
    if (!instance && instance.error().code() == Code::connection_error) {
      devices->forget(listed.description.name);
      instance = runtime::load_on(TRY(devices->open(listed)), request);
    }
    if (!instance) return Unexpected(instance.error());
    return std::shared_ptr<device::Instance>(std::move(*instance));
  };
  Expected<std::shared_ptr<device::Instance>> instance = Unexpected(unreachable);
  if (unreachable.ok()) instance = load_now();
  if (!instance && instance.error().code() != Code::connection_error) return instance.error();
  if (!instance) unreachable = instance.error();
  const ExecutorId id = dispatcher.add_executor(card.id, model.id, std::move(instance), lease, load_now);
  Placed placed{id, card_index, card.listed.description.name, {}};
  for (unsigned i = 0; i < count; ++i) {
    card.cores[first + i].executor = id;
    placed.cores.push_back(card.cores[first + i].number);
  }
  model.executors.push_back(std::move(placed));
  return {};
}

}  // namespace polymetis::fleet
