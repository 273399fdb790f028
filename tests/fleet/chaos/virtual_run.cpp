#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/loop_host.hpp"
#include "flood.hpp"

namespace polymetis::testing {

namespace {

using namespace std::chrono_literals;

constexpr Duration longest_hang = 1500ms;  // the cards' hang floor is a second, so what hung at the end is found by then
constexpr std::size_t memory_bytes = std::size_t{32} << 20;

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

class Schedule {
 public:
  Schedule(std::uint64_t seed, const Networks& networks)
      : dice_(seed), scene_(random_scene(dice_, seed, Pace{})), networks_(networks), host_(std::make_shared<base::LoopHost>()), bed_(scene_, host_) {
    scene_.begin = begin_;
  }

  Verdict run() {
    start();
    if (wrong_.empty() && dice_.one_in(16)) saturate();
    const unsigned steps = wrong_.empty() ? dice_.between(50, 400) : 0;
    const bool breaks_off = dice_.one_in(12);
    for (unsigned i = 0; i < steps && wrong_.empty(); ++i) step();
    if (wrong_.empty() && !breaks_off) settle();
    if (wrong_.empty() && !breaks_off && !scene_.endless && !scene_.poison && dice_.one_in(4))
      if (std::string wrong = flood_->check_capacity(); !wrong.empty()) fail(wrong);
    close();
    return {wrong_, fmt::format("topology:\n{}last steps:\n{}", scene_.topology, last_steps()), frames_, digest_};
  }

 private:
  void start() {
    FleetOptions options{.memory_bytes = memory_bytes, .health = {.hang_floor = 20ms}};
    if (dice_.one_in(2)) options.no_card_wait = std::chrono::milliseconds(dice_.between(1, 2000));
    if (dice_.one_in(2)) options.health.probe_interval = probe_interval_ = std::chrono::milliseconds(dice_.between(50, 500));
    auto fleet = Fleet::create(bed_.context, options);
    if (!fleet) return fail(fleet.error().to_string());
    fleet_ = *fleet;
    fleet_.on_event([this](const Event& event) { add_to_digest(event); });
    for (const DeviceHealth& card : fleet_.health()) cards_.push_back(card.name);
    flood_.emplace(fleet_, scene_, networks_);
    const unsigned models = dice_.between(1, static_cast<unsigned>(networks_.models.size()));
    const unsigned count = dice_.between(1, 5);
    for (unsigned i = 0; i < count; ++i) open_stream(i < models ? i : dice_.below(models));
  }

  void open_stream(unsigned model) {
    const StreamOptions options = random_stream(dice_, sources_.size(), 5ms);
    auto stream = fleet_.open_stream(networks_.models[model], options);
    if (!stream) return;  // a second model finds no core where every card has one
    sources_.push_back(std::make_unique<Source>(*stream, options, adds[model], scene_));
  }

  void step() {
    if (sources_.empty()) return fail("no stream could be opened");
    Source& source = *sources_[dice_.below(static_cast<unsigned>(sources_.size()))];
    switch (dice_.below(13)) {
      case 0:
        advance(std::chrono::microseconds(dice_.between(100, 40000)));
        break;
      case 1:
        advance(std::chrono::milliseconds(dice_.between(1, 5)));
        break;
      case 2:
        if (dice_.one_in(10)) cancel(source);
        break;
      case 3:
        if (dice_.one_in(20)) close(source);
        break;
      case 4:
        submit_future(source);
        break;
      case 5:
        if (std::string wrong = check_bounds(fleet_.metrics(), sources_, memory_bytes); !wrong.empty()) fail(wrong);
        break;
      default:
        submit(source, dice_.between(1, 8));
        break;
    }
    take_all();
  }

  /// The cards are kept busy while the faults strike.
  void saturate() {
    saturated_ = true;
    const std::string wrong = flood_->check_pauses();
    note("{}", flood_->pauses());
    if (!wrong.empty()) fail(wrong);
  }

  void advance(Duration duration) {
    Latch never;
    host_->wait(never, host_->now() + duration);
    note("to {:.3f} s", seconds_of(host_->now().time_since_epoch()));
  }

  void cancel(Source& source) {
    note("cancel {}", source.stream.name());
    source.stream.cancel();
  }

  void close(Source& source) {
    note("close {}", source.stream.name());
    take(source);
    source.stream.close();
    source.closed = true;
  }

  void submit(Source& source, unsigned count) {
    for (unsigned i = 0; i < count && !source.closed; ++i) {
      Expected<Slot> slot = source.stream.try_slot();
      if (!slot) return;
      const Row bytes = source.input();
      std::memcpy(slot->inputs()[0].data(), bytes.data(), bytes.size());
      const auto number = source.stream.try_submit(*slot);
      if (!number && number.error().code() == Code::pending) return;
      if (!number) return fail("submit: " + number.error().to_string());
      if (*number != source.accepted)
        return fail(fmt::format("frame {} of {} was given the number {}", source.accepted, source.stream.name(), *number));
      ++source.accepted;
      ++frames_;
    }
  }

  /// On a stream of its own, whose frames come through futures only.
  void submit_future(const Source& like) {
    if (like.closed || futures_.size() >= 8) return;
    if (!future_source_) {
      const StreamOptions options{.name = "futures", .overload = Overload::drop_oldest, .queue_frames = 8};
      future_source_ = std::make_unique<Source>(fleet_.open_stream(like.stream.model(), options).value(), options,
                                                like.stream.model() == networks_.models[0] ? adds[0] : adds[1], scene_);
    }
    const Row bytes = future_source_->input();
    const std::span<const std::byte> input(bytes);
    auto future = future_source_->stream.submit_future(std::span(&input, 1));
    if (!future) return fail("submit_future: " + future.error().to_string());
    ++future_source_->accepted;
    futures_.push_back(std::move(*future));
  }

  void take_all() {
    for (auto& source : sources_) take(*source);
    while (!futures_.empty() && futures_.front().wait_for(0s) == std::future_status::ready) {
      const Result result = futures_.front().get();
      futures_.erase(futures_.begin());
      if (std::string wrong = future_source_->check_content(result, card_of(result)); !wrong.empty()) fail(wrong);
    }
  }

  void take(Source& source) {
    std::vector<Result> results;
    while (source.stream.take(results, 64) > 0) {
      for (Result& result : results) {
        add_to_digest(result);
        const std::string card = card_of(result);
        if (std::string wrong = source.check(std::move(result), card); !wrong.empty()) fail(wrong);
      }
      results.clear();
    }
  }

  [[nodiscard]] std::string card_of(const Result& result) const { return result.device < cards_.size() ? cards_[result.device] : ""; }

  void mix(std::uint64_t value) { digest_ = (digest_ ^ value) * 1099511628211U; }
  void mix(const std::string& text) {
    for (const char c : text) mix(static_cast<unsigned char>(c));
  }
  void add_to_digest(const Event& event) {
    mix(static_cast<std::uint64_t>(event.time.time_since_epoch().count()));
    for (const std::string& text : {event.subject, event.state, event.cause}) mix(text);
  }
  void add_to_digest(const Result& result) {
    for (const std::uint64_t value : {result.number, static_cast<std::uint64_t>(result.outcome), std::uint64_t{result.device},
                                      std::uint64_t{result.attempts}, static_cast<std::uint64_t>(result.times.ended.time_since_epoch().count())})
      mix(value);
    mix(result.status.to_string());
  }

  /// Everything is answered in bounded time, and when the faults are over every card is ready again.
  void settle() {
    for (auto& source : sources_)
      if (!source->closed) source->stream.finish();
    for (int i = 0; i < 400 && wrong_.empty() && !answered(); ++i) {
      advance(100ms);
      take_all();
    }
    if (wrong_.empty() && !answered()) return fail("frames were not answered within 40 s: " + unanswered());
    const TimePoint over = begin_ + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(scene_.over_s)) + longest_hang;
    if (host_->now() < over) advance(over - host_->now());
    for (int i = 0; i < 130 && !scene_.endless && !all_ready(fleet_); ++i) advance(500ms);
    for (const DeviceHealth& card : fleet_.health())
      if (wrong_.empty() && !scene_.endless && card.state != DeviceState::ready)
        fail(fmt::format("{} is {} 65 s after the faults were over: {}", card.name, device_state_name(card.state), card.cause));
    if (std::string wrong = check_fleet(fleet_, sources_, scene_); !wrong.empty()) fail(wrong);
    check_totals();
    if (probe_interval_.count() > 0 && !saturated_) check_found_out();
  }

  /// The known answer finds a card that computes wrongly.
  void check_found_out() {
    const std::vector<std::string> wrong = scene_.surely_wrong(2 * seconds_of(probe_interval_) + 0.1);
    for (const DeviceHealth& card : fleet_.health())
      if (std::find(wrong.begin(), wrong.end(), card.name) != wrong.end() && card.readmissions == 0)
        fail(fmt::format("{} computed wrongly, and no probe found out", card.name));
  }

  /// Over all streams that ever were, each frame is counted once; those of closed ones may still hang.
  void check_totals() {
    const std::uint64_t offered = frames_ + flood_->accepted() + (future_source_ ? future_source_->accepted : 0);
    for (int i = 0; i < 400 && ended() < offered; ++i) advance(100ms);
    if (ended() != offered) fail(fmt::format("the metrics tell of {} frames in all, {} were accepted and answered", ended(), offered));
  }
  [[nodiscard]] std::uint64_t ended() const {
    const FleetMetrics told = fleet_.metrics();
    return told.outputs + told.dropped + told.late + told.failed;
  }

  [[nodiscard]] std::string unanswered() const {
    std::string text;
    const FleetMetrics metrics = fleet_.metrics();
    for (const StreamMetrics& s : metrics.streams)
      text += fmt::format("{} ({} waiting, {} running, {} ended); ", s.name, s.waiting, s.running, s.ended);
    for (const DeviceHealth& card : fleet_.health()) text += fmt::format("{} {} {}; ", card.name, device_state_name(card.state), card.cause);
    for (const ModelMetrics& model : metrics.models) text += fmt::format("{}{} {}; ", model.name, model.stopped ? " stopped" : "", model.cause);
    return text;
  }

  [[nodiscard]] bool answered() const {
    for (const auto& source : sources_)
      if (!source->closed && source->answered < source->accepted) return false;
    return futures_.empty();
  }

  void close() {
    fleet_.close(1s);
    for (auto& source : sources_) {
      take(*source);
      if (!source->closed && source->answered != source->accepted)
        fail(fmt::format("{}: {} frames were accepted, {} answered", source->stream.name(), source->accepted, source->answered));
      if (std::string wrong = source->let_go(); !wrong.empty()) fail(wrong);
    }
    take_all();
    if (!futures_.empty()) fail("a future was never answered");
  }

  void fail(std::string why) {
    if (wrong_.empty()) wrong_ = std::move(why);
  }

  template <class... Values>
  void note(fmt::format_string<Values...> form, Values&&... values) {
    log_.push_back(fmt::format(form, std::forward<Values>(values)...));
    if (log_.size() > 100) log_.pop_front();
  }
  [[nodiscard]] std::string last_steps() const {
    std::string text;
    for (const std::string& line : log_) text += "  " + line + "\n";
    return text;
  }

  Dice dice_;
  Scene scene_;
  const Networks& networks_;
  std::shared_ptr<base::LoopHost> host_;
  SceneBed bed_;
  const TimePoint begin_ = host_->now();
  Fleet fleet_;
  std::vector<std::string> cards_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::unique_ptr<Source> future_source_;
  std::optional<Flood> flood_;
  std::vector<std::future<Result>> futures_;
  Duration probe_interval_{0};
  bool saturated_ = false;
  std::string wrong_;
  std::deque<std::string> log_;
  std::uint64_t frames_ = 0;
  std::uint64_t digest_ = 14695981039346656037U;
};

}  // namespace

Verdict run_in_virtual_time(std::uint64_t seed, const Networks& networks) {
  Verdict verdict = Schedule(seed, networks).run();
  if (verdict.wrong.empty()) verdict.wrong = check_nothing_held(networks);
  return verdict;
}

}  // namespace polymetis::testing
