#include "polymetis/fleet.hpp"

#include <fmt/format.h>

#include <fstream>

#include "base/file_size_signal.hpp"
#include "base/try.hpp"
#include "fleet/checked.hpp"
#include "fleet/fleet_impl.hpp"
#include "runtime/impl.hpp"

namespace polymetis {

using fleet::Dispatcher;
using runtime::at_border;

namespace {

constexpr std::size_t most_trace_frames = 100'000'000;

Status empty_handle(const char* noun) { return runtime::is_empty(noun); }

/// Times and shares that mean something. NaN is within no bounds.
Status checked(const FleetOptions& options) {
  const HealthOptions& health = options.health;
  for (const auto& [name, time] : {std::pair{"no_card_wait", options.no_card_wait},
                                   {"hang_floor", health.hang_floor},
                                   {"first_backoff", health.first_backoff},
                                   {"longest_backoff", health.longest_backoff},
                                   {"probe_interval", health.probe_interval}})
    TRY(fleet::checked_time(name, time));
  if (!(health.hang_factor >= 1 && health.hang_factor <= 1e6))
    return {Code::value_error, fmt::format("hang_factor is from 1 to 1e6; {} was given.", health.hang_factor)};
  if (health.attempts_after_error == 0 || health.attempts_after_hang == 0)
    return {Code::value_error, "A frame needs at least one attempt; 0 were given."};
  if (health.model_breaker == 0)
    return {Code::value_error, "model_breaker is at least 1: so many frames fail before a model is stopped; 0 was given."};
  if (options.memory_bytes == 0) return {Code::value_error, "memory_bytes is above 0: frames need memory; 0 was given."};
  if (options.trace_frames > most_trace_frames)
    return {Code::value_error,
            fmt::format("trace_frames is at most {}, as each takes about 100 bytes; {} was given.", most_trace_frames, options.trace_frames)};
  return {};
}

Status checked(const ModelOptions& options) {
  TRY(fleet::checked_time("batch_wait", options.batch_wait));
  return fleet::checked_weight("A model's weight", options.weight);
}

Status checked(const StreamOptions& options) {
  TRY(fleet::checked_time("deadline", options.deadline));
  return fleet::checked_weight("A stream's weight", options.weight);
}

/// One run on its way, and one with whoever takes its results.
Status checked_memory(std::size_t memory_bytes, const Model& model) {
  std::size_t needed = 0;
  for (const auto* tensors : {&model.inputs, &model.outputs})
    for (const TensorInfo& tensor : *tensors) needed += 2 * tensor.size_bytes();
  if (memory_bytes >= needed) return {};
  return {Code::value_error,
          fmt::format("memory_bytes is {}; {} needs at least {}, two runs' inputs and outputs. Raise it.", memory_bytes, model.name, needed)};
}

void warn_of_virtual_cards(const Context& context, const fleet::Cards& cards) {
  std::size_t simulated = 0;
  for (const auto& card : cards.cards()) simulated += card.listed.description.reality == Reality::simulated ? 1 : 0;
  if (simulated == 0) return;
  context.log(LogLevel::warning,
              fmt::format("{} of the fleet's {} cards are virtual: networks run on this computer's CPU. POLYMETIS_VIRTUAL=never forbids them.",
                          simulated, cards.cards().size()));
}

}  // namespace

Fleet::Impl::~Impl() {
  if (dispatcher == nullptr) return;  // its making failed
  if (!is_parents()) {
    close(std::chrono::seconds(5));
    return;
  }
  // In a forked child threads and devices are the parent's: nothing is touched.
  static_cast<void>(new std::shared_ptr<Dispatcher>(std::move(dispatcher)));
  static_cast<void>(new fleet::Cards(std::move(cards)));
  static_cast<void>(new std::shared_ptr<void>(std::move(watch)));
}

Status Fleet::Impl::check() const {
  if (is_parents()) return runtime::made_before_fork("Fleet");
  return dispatcher->closed() ? Status(Code::invalid_argument, "The fleet was closed; make another one.") : Status();
}

void Fleet::Impl::close(Duration patience) {
  watch.reset();
  dispatcher->close(patience);
  base::MutexLock lock(mutex);
  cards.clear();
}

Expected<Fleet> Fleet::create(const FleetOptions& options) {
  return at_border([&]() -> Expected<Fleet> {
    const Context context = TRY(Context::create({.virtual_cards = options.virtual_cards}));
    return create(context, options);
  });
}

Expected<Fleet> Fleet::create(const Context& context, const FleetOptions& options) {
  return at_border([&]() -> Expected<Fleet> {
    TRY(checked(options));
    const auto owner = TRY(runtime::ContextAccess::impl(context));
    auto cards = TRY(fleet::Cards::take(owner->devices, options));
    auto impl = std::make_shared<Impl>(context, options);
    impl->host = owner->host;
    impl->events = std::make_shared<fleet::EventQueue>(impl->host);
    fleet::DispatcherOptions wished{
        .plan = {options.health, options.no_card_wait}, .trace_frames = options.trace_frames, .memory_bytes = options.memory_bytes};
    wished.on_event = [events = impl->events, log = owner->log](Event event) {
      const bool good = event.state == "ready" || event.state == "probing" || event.state == "written";
      log->format(good ? LogLevel::info : LogLevel::warning, "{}: {}{}{}", event.subject, event.state, event.cause.empty() ? "" : ": ", event.cause);
      events->push(std::move(event));
    };
    impl->dispatcher = std::make_shared<Dispatcher>(impl->host, std::move(wished));
    if (!options.record.empty()) TRY(impl->dispatcher->start_recording(options.record));
    cards.join(*impl->dispatcher);
    std::map<std::string, fleet::DeviceId> ids;
    for (const auto& card : cards.cards()) ids.emplace(card.listed.description.name, card.id);
    warn_of_virtual_cards(context, cards);
    impl->watch = owner->devices->watch([weak = std::weak_ptr(impl->dispatcher), ids](const DeviceChange& change) {
      const auto dispatcher = weak.lock();
      const auto found = ids.find(change.device);
      if (dispatcher && found != ids.end()) dispatcher->device_changed(found->second, change);
    });
    {
      base::MutexLock lock(impl->mutex);
      impl->cards = std::move(cards);
    }
    return Fleet(std::move(impl));
  });
}

Status Fleet::Impl::check(const std::shared_ptr<const Model>& model) const {
  TRY(check());
  if (!model) return {Code::invalid_argument, "The fleet was given no model; load one with Model::load."};
  return checked_memory(options.memory_bytes, *model);
}

Expected<PlacementReport> Fleet::Impl::add(const std::shared_ptr<const Model>& model, const ModelOptions& wish) {
  auto report = TRY(cards.add(*dispatcher, options.placement, model, wish));
  events->push({host->now(), EventKind::placement, model->name, report.adjusted ? "adjusted" : "placed", "", report.text});
  return report;
}

Expected<PlacementReport> Fleet::add_model(const std::shared_ptr<const Model>& model, const ModelOptions& options) {
  return at_border([&]() -> Expected<PlacementReport> {
    if (!impl_) return Unexpected(empty_handle("Fleet"));
    TRY(impl_->check(model));
    TRY(checked(options));
    base::MutexLock lock(impl_->mutex);
    return impl_->add(model, options);
  });
}

Expected<Stream> Fleet::open_stream(const std::shared_ptr<const Model>& model, const StreamOptions& options, ResultCallback callback) {
  return at_border([&]() -> Expected<Stream> {
    if (!impl_) return Unexpected(empty_handle("Fleet"));
    TRY(checked(options));
    TRY(impl_->check(model));
    base::MutexLock lock(impl_->mutex);
    if (impl_->cards.find(*model) == nullptr) TRY(impl_->add(model, {}));
    fleet::DeviceId prefer;
    if (options.prefer) prefer = TRY(impl_->cards.find(*options.prefer));
    StreamOptions named = options;
    const std::uint64_t number = impl_->streams_opened++;
    if (named.name.empty()) named.name = fmt::format("stream {}", number);
    auto record = impl_->dispatcher->open_stream(impl_->cards.find(*model)->id, named, prefer, std::move(callback));
    return Stream(std::make_shared<Stream::Impl>(impl_, std::move(record)));
  });
}

Expected<std::shared_ptr<const Model>> Fleet::load_model(const std::filesystem::path& path) const {
  if (!impl_) return Unexpected(empty_handle("Fleet"));
  return impl_->context.load_model(path);
}

std::vector<DeviceHealth> Fleet::health() const {
  if (!impl_ || impl_->is_parents()) return {};
  base::MutexLock lock(impl_->mutex);
  auto all = impl_->dispatcher->look([](const fleet::Plan& plan, const auto&) { return fleet::health_of(plan); });
  for (std::size_t i = 0; i < all.size(); ++i) all[i].is_virtual = impl_->cards.cards()[i].listed.description.reality == Reality::simulated;
  return all;
}

FleetMetrics Fleet::metrics() const {
  if (!impl_ || impl_->is_parents()) return {};
  auto metrics = impl_->dispatcher->measure(fleet::metrics_of);
  metrics.memory_used_bytes = impl_->dispatcher->memory().used_bytes();
  return metrics;
}

Explanation Fleet::explain() const {
  if (!impl_) return {};
  if (impl_->is_parents()) return {.binds = "nothing", .text = std::string(runtime::made_before_fork("Fleet").message())};
  if (impl_->dispatcher->closed()) return {.binds = "nothing", .text = "The fleet is closed."};
  return impl_->dispatcher->measure([&](const fleet::Plan& plan, const auto& streams, const fleet::Sample& now, const fleet::Sample& before) {
    return fleet::explain_of(plan, fleet::metrics_of(plan, streams, now, before), now, before, impl_->dispatcher->memory());
  });
}

void Fleet::on_event(EventCallback callback) {
  if (impl_ && !impl_->is_parents()) impl_->events->set(std::move(callback));
}

Status Fleet::write_trace(const std::filesystem::path& path) const {
  if (!impl_) return empty_handle("Fleet");
  if (impl_->is_parents()) return runtime::made_before_fork("Fleet");
  if (impl_->options.trace_frames == 0) return {Code::invalid_argument, "The fleet keeps no frames for a trace; make it with trace_frames above 0."};
  fleet::TraceNames names;
  const fleet::Trace trace = impl_->dispatcher->trace();
  {
    base::MutexLock lock(impl_->mutex);
    const std::size_t executors = impl_->dispatcher->look([&](const fleet::Plan& plan, const auto&) {
      for (std::size_t i = 0; i < plan.streams().size(); ++i) names.streams.push_back(plan.streams()[fleet::StreamId(i)].options.name);
      return plan.executors().size();
    });
    for (std::size_t i = 0; i < executors; ++i) names.executors.push_back(impl_->cards.executor_name(fleet::ExecutorId(i)));
  }
  const base::FileSizeSignalBlock block;
  std::ofstream file(path, std::ios::binary);
  file << fleet::trace_json(trace, names);
  file.close();
  if (!file) return {Code::runtime_error, fmt::format("The trace {} cannot be written; name a file that can be.", path.string())};
  return {};
}

Status Fleet::readmit(const std::string& name) {
  if (!impl_) return empty_handle("Fleet");
  TRY(impl_->check());
  fleet::DeviceId device;
  fleet::ModelId model;
  {
    base::MutexLock lock(impl_->mutex);
    for (const auto& card : impl_->cards.cards())
      if (card.listed.description.name == name) device = card.id;
    for (const auto& placed : impl_->cards.models())
      if (placed.model->name == name) model = placed.id;
  }
  if (!device.valid() && !model.valid()) return {Code::invalid_argument, fmt::format("{} is neither a device nor a model of this fleet.", name)};
  impl_->dispatcher->readmit(device, model);
  return {};
}

Host& Fleet::host() const { return *impl_->host; }
Context Fleet::context() const { return impl_ ? impl_->context : Context(); }

void Fleet::close(Duration patience) {
  if (impl_ && !impl_->is_parents()) impl_->close(patience);
}

bool Fleet::closed() const noexcept { return impl_ == nullptr || impl_->dispatcher->closed(); }

}  // namespace polymetis
