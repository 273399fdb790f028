#include "flood.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace polymetis::testing {

namespace {

using namespace std::chrono_literals;

/// The design lets no healthy card wait for a hung one: the window hides the bound, depth hides the hand-over. What is left is that a source fills
/// its queue every half millisecond, and that frames taken from a card that failed go first.
constexpr Duration longest_pause = 5ms;
constexpr Duration warm_up = 100ms;  // the window is as wide as rates and bounds ask once these were measured
constexpr double least_share = 0.9;  // of the sum of the rates

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double ms_of(Duration duration) { return 1e3 * seconds_of(duration); }

}  // namespace

Flood::Flood(Fleet& fleet, const Scene& scene, const Networks& networks) : fleet_(fleet), host_(fleet.host()), scene_(scene), networks_(networks) {}

std::string Flood::check_pauses() {
  std::map<std::uint32_t, Runs> runs;
  const auto note = [&runs](Result&& result) {
    if (result.ok()) runs[result.device].emplace_back(result.times.compute_started, result.times.compute_ended);
  };
  std::vector<Stream> streams = open_all(note);
  keep_full(streams, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(scene_.over_s)) + 300ms);
  const TimePoint end = host_.now();
  for (Stream& stream : streams) stream.finish();  // what stands behind a hung frame comes out as well
  for (Stream& stream : streams)
    for (int i = 0; i < 100 && !stream.exhausted(); ++i) wait(100ms);
  std::string wrong;
  const std::vector<DeviceHealth> cards = fleet_.health();
  for (std::uint32_t c = 0; c < cards.size() && wrong.empty(); ++c)
    if (scene_.struck.count(cards[c].name) == 0) wrong = check_pauses_of(cards[c].name, runs[c], end);
  return wrong;
}

std::string Flood::check_pauses_of(const std::string& card, Runs& runs, TimePoint end) {
  std::sort(runs.begin(), runs.end());
  runs.emplace_back(end, end);
  Duration longest{0};
  TimePoint when;
  TimePoint busy_until = scene_.begin + warm_up;
  for (const auto& [from, until] : runs) {
    if (std::min(from, end) - busy_until > longest) {
      longest = std::min(from, end) - busy_until;
      when = busy_until;
    }
    busy_until = std::max(busy_until, until);
  }
  if (longest <= longest_pause) return "";
  return fmt::format("{} has no fault and paused for {:.1f} ms while others were in trouble, at {:.3f} s", card, ms_of(longest),
                     seconds_of(when - scene_.begin));
}

std::string Flood::check_capacity() {
  std::uint64_t ended = 0;
  std::string wrong;
  const auto count = [&](Result&& result) {
    ++ended;
    if (!result.ok() && wrong.empty())
      wrong = fmt::format("after the faults frame {} ends as {}: {}", result.number, outcome_name(result.outcome), result.status.message());
  };
  std::vector<Stream> streams = open_all(count);
  keep_full(streams, 600ms);  // cards that were slow show that they have recovered
  const std::uint64_t before = ended;
  const TimePoint begin = host_.now();
  keep_full(streams, 400ms);
  const double rate = static_cast<double>(ended - before) / seconds_of(host_.now() - begin);
  for (Stream& stream : streams) stream.close();
  double wanted = 0;
  for (const DeviceMetrics& card : fleet_.metrics().devices)  // a model may not have been loaded on a card whose link was down then
    if (card.instances > 0 || scene_.struck.count(card.name) == 0) wanted += scene_.rates.at(card.name);
  if (!wrong.empty() || rate >= least_share * wanted) return wrong;
  return fmt::format("after the faults the cards give {:.0f} frames/s, they could give {:.0f}", rate, wanted);
}

/// One for each model: a card may run only one of them.
std::vector<Stream> Flood::open_all(const ResultCallback& callback) {
  std::vector<Stream> streams;
  for (const ModelMetrics& used : fleet_.metrics().models)
    for (const auto& model : networks_.models)
      if (model->name == used.name) streams.push_back(value_of(fleet_.open_stream(model, {.name = "flood", .queue_frames = 64}, callback)));
  return streams;
}

void Flood::keep_full(std::vector<Stream>& streams, Duration duration) {
  for (const TimePoint end = host_.now() + duration; host_.now() < end; wait(500us))
    for (Stream& stream : streams) fill(stream);
}

void Flood::fill(Stream& stream) {
  const Row bytes = FleetBed::row(0);
  for (int i = 0; i < 256; ++i) {  // with no card left frames end at once, and the stream is never full
    auto slot = stream.try_slot();
    if (!slot) return;
    std::memcpy(slot->inputs()[0].data(), bytes.data(), bytes.size());
    if (!stream.try_submit(*slot)) return;
    ++accepted_;
  }
}

void Flood::wait(Duration duration) {
  Latch never;
  host_.wait(never, host_.now() + duration);
}

}  // namespace polymetis::testing
