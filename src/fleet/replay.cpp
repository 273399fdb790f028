#include "fleet/replay.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/try.hpp"

namespace polymetis::fleet {

namespace {

/// The event of the given place in `PlanEvent`, with its fields read; nothing for a place that there is not.
template <std::size_t I = 0>
std::optional<PlanEvent> read_event(std::size_t kind, FieldReader& read) {
  if constexpr (I < std::variant_size_v<PlanEvent>) {
    if (kind != I) return read_event<I + 1>(kind, read);
    std::variant_alternative_t<I, PlanEvent> event;
    event.members(read);
    return event;
  } else {
    return std::nullopt;
  }
}

/// Whether every id names a place that the plan has: a recording is untrusted input.
class IdCheck {
 public:
  explicit IdCheck(const Plan& plan) : plan_(plan) {}
  void operator()(DeviceId id) { good_ &= !id.valid() || id.value < plan_.devices().size(); }
  void operator()(ModelId id) { good_ &= !id.valid() || id.value < plan_.models().size(); }
  void operator()(ExecutorId id) { good_ &= id.value < plan_.executors().size(); }
  void operator()(StreamId id) { good_ &= id.value < plan_.streams().size() && plan_.streams()[id].open; }
  void operator()(JobId id) { good_ &= id.value < plan_.jobs().size() && plan_.jobs()[id].executor.valid(); }
  void operator()(double value) { good_ &= value > 0 && value < 1e9; }
  template <class T>
  void operator()(const T&) {}
  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  const Plan& plan_;
  bool good_ = true;
};

bool fits(const PlanEvent& event, const Plan& plan) {
  return std::visit(
      [&plan](auto copy) {
        IdCheck check(plan);
        copy.members(check);
        using E = decltype(copy);
        if constexpr (std::is_same_v<E, event::AddExecutor>) return check.good() && copy.device.valid() && copy.model.valid() && copy.depth < 1024;
        if constexpr (std::is_same_v<E, event::Reloaded>) return check.good() && copy.depth < 1024;
        if constexpr (std::is_same_v<E, event::OpenStream>) return check.good() && copy.model.valid() && copy.overload <= Overload::drop_newest;
        if constexpr (std::is_same_v<E, event::DeviceLost> || std::is_same_v<E, event::DeviceAppeared>) return check.good() && copy.device.valid();
        return check.good();
      },
      event);
}

void note_changes(const Actions& actions, const Plan& plan, TimePoint now, Replay& replay) {
  for (const auto& change : actions.changes) {
    const std::string& subject =
        change.kind == EventKind::device ? plan.devices()[DeviceId(change.subject)].name : plan.models()[ModelId(change.subject)].name;
    replay.changes.push_back({now, subject, change.state, change.was, change.cause});
  }
}

}  // namespace

Expected<Replay> replay(std::string_view bytes, std::unique_ptr<Plan>& plan) {
  if (bytes.substr(0, recording_magic.size()) != recording_magic)
    return failure(Code::value_error, "This is not a recording of a fleet, or of another version; `FleetOptions::record` makes one.");
  FieldReader read(bytes.substr(recording_magic.size()));
  PlanOptions options;
  options.members(read);
  plan = std::make_unique<Plan>(options);
  Replay result;
  Actions actions;
  TimePoint now{};
  std::uint64_t digest = 0;
  while (!read.at_end()) {
    const std::uint64_t kind = read.number();
    if (kind == digest_entry) {
      const std::uint64_t recorded = read.number();
      result.whole = !read.failed();
      if (!result.whole) break;  // the writer died in the middle of it
      if (recorded != digest && result.same) {
        result.same = false;
        result.first_difference = result.events;
      }
      continue;
    }
    now += Duration(read.folded());
    const std::optional<PlanEvent> event = read_event(kind - 1, read);
    if (!event || read.failed() || !fits(*event, *plan)) {
      if (read.failed()) {  // the writer died in the middle of an entry
        result.whole = false;
        break;
      }
      return failure(Code::value_error,
                     fmt::format("The recording is damaged after {} events: an entry of kind {} makes no sense there.", result.events, kind));
    }
    if (result.events++ == 0) result.begin = now;
    result.whole = false;
    plan->apply(now, *event, actions);
    digest = mix_decisions(digest, actions);
    note_changes(actions, *plan, now, result);
    actions.clear();
  }
  result.span = now - result.begin;
  return result;
}

}  // namespace polymetis::fleet

namespace polymetis {

Expected<std::string> replay_recording(const std::filesystem::path& path) {
  using namespace fleet;
  using nlohmann::json;
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure(Code::value_error, fmt::format("{} cannot be read; name a recording that FleetOptions::record made.", path.string()));
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::unique_ptr<Plan> plan;
  const Replay found = TRY(fleet::replay(bytes, plan));
  const auto seconds = [](Duration d) { return std::chrono::duration<double>(d).count(); };
  json out{{"events", found.events},
           {"seconds", seconds(found.span)},
           {"same_decisions", found.same},
           {"whole", found.whole},
           {"first_difference", found.first_difference}};
  for (std::size_t i = 0; i < plan->streams().size(); ++i) {
    const Plan::Stream& s = plan->streams()[StreamId(i)];
    out["streams"].push_back({{"name", s.options.name},
                              {"offered", s.next_number},
                              {"outputs", s.outputs},
                              {"dropped", s.dropped},
                              {"late", s.late},
                              {"failed", s.failed},
                              {"retried", s.retried},
                              {"latency_p50_ms", seconds(s.latency.quantile(0.5)) * 1e3},
                              {"latency_p99_ms", seconds(s.latency.quantile(0.99)) * 1e3}});
  }
  for (std::size_t i = 0; i < plan->devices().size(); ++i) {
    const Plan::Device& d = plan->devices()[DeviceId(i)];
    out["cards"].push_back({{"name", d.name},
                            {"board", d.board},
                            {"state", device_state_name(d.state)},
                            {"frames", d.frames},
                            {"failures", d.failures},
                            {"hangs", d.hangs},
                            {"readmissions", d.readmissions},
                            {"cause", d.cause}});
  }
  for (const auto& c : found.changes)
    out["changes"].push_back(
        {{"seconds", seconds(c.time - found.begin)}, {"subject", c.subject}, {"state", c.state}, {"was", c.was}, {"cause", c.cause}});
  return out.dump();
}

}  // namespace polymetis
