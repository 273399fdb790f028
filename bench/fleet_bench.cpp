// The fleet's figures: dispatch, latency, scaling, uneven and failing cards, overload, memory, idling. Prints JSON.

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>
#include <numeric>
#include <thread>

#include "base/futex.hpp"
#include "base/loop_host.hpp"
#include "base/thread_host.hpp"
#include "conformance/test_package.hpp"
#include "engine_queue.hpp"
#include "figure.hpp"
#include "polymetis/fleet.hpp"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace polymetis;
using namespace std::chrono_literals;
using bench::Clock;
using bench::Goal;

struct Bed {
  explicit Bed(const std::string& topology, std::shared_ptr<Host> host_ = base::ThreadHost::shared(), const FleetOptions& options = {})
      : host(std::move(host_)) {
    std::ofstream(folder.path() / "topology.toml") << topology;
    context = Context::create({.topology = folder.path() / "topology.toml",
                               .virtual_cards = VirtualCards::always,
                               .run_directory = folder.path() / "run",
                               .host = host})
                  .value();
    model = Model::load(testing::write_test_package(folder.path() / "package", {})).value();
    fleet = Fleet::create(context, options).value();
    fleet.add_model(model).value();
  }
  static std::string cards(unsigned count, const std::string& each, const std::string& compute = "none") {
    return fmt::format("[[board]]\ncount = {}\nname = \"metis-0:{{}}:0\"\ncompute = \"{}\"\n{}\n", count, compute, each);
  }
  Expected<std::uint64_t> submit(Stream& stream, const FrameOptions& options = {}) const {
    const std::span<const std::byte> input(bytes);
    return stream.submit(std::span(&input, 1), options);
  }

  testing::TemporaryFolder folder;
  std::shared_ptr<Host> host;
  Context context;
  std::shared_ptr<const Model> model;
  Fleet fleet;
  std::array<std::byte, 16> bytes{};
};

std::filesystem::path models = "build/models";  // the compiled packages
const std::string instant = "timing = \"host\"";
constexpr double card_rate = 1946;
constexpr Duration hang_floor = 250ms;  // above the driver's own, so that the bound is known
const std::string fixed = "timing = { fps = 486.5 }";

/// Frames/s of `streams` ordered streams with a deadline, all fed by this thread.
double dispatch_rate(Bed& bed, std::vector<Stream>& streams, double seconds) {
  std::uint64_t frames = 0;
  const auto begin = Clock::now();
  while (frames % 1024 != 0 || bench::since(begin) < seconds) bed.submit(streams[frames++ % streams.size()]).value();
  return static_cast<double>(frames) / bench::since(begin);
}

std::vector<Stream> counting_streams(Bed& bed, unsigned count, std::atomic<std::uint64_t>& ended) {
  std::vector<Stream> streams;
  for (unsigned i = 0; i < count; ++i)
    streams.push_back(
        bed.fleet.open_stream(bed.model, {.deadline = 100ms}, [&ended](Result&&) { ended.fetch_add(1, std::memory_order_relaxed); }).value());
  return streams;
}

void dispatch(bench::Figures& figures) {
  Bed bed(Bed::cards(2, instant));
  std::atomic<std::uint64_t> ended{0};
  auto streams = counting_streams(bed, 2, ended);
  const double one = bench::median_of([&](double s) { return dispatch_rate(bed, streams, s); });
  figures.add("dispatch_one_submitter_per_s", one, "frames/s", Goal::at_least, 2e6, bench::pairs);
  const double two = bench::median_of([&](double s) {
    std::vector<Stream> second{streams[1]};
    std::vector<Stream> first{streams[0]};
    double other = 0;
    std::thread thread([&] { other = dispatch_rate(bed, second, s); });
    const double mine = dispatch_rate(bed, first, s);
    thread.join();
    return mine + other;
  });
  figures.add("dispatch_two_submitters_per_s", two, "frames/s", Goal::at_least, 1.5e6, bench::pairs);

  const std::uint64_t before = allocations.load();
  constexpr std::uint64_t counted = 200000;
  for (std::uint64_t i = 0; i < counted; ++i) bed.submit(streams[i % 2]).value();
  figures.add("allocations_per_frame", static_cast<double>(allocations.load() - before) / counted, "allocations", Goal::at_most, 0, counted);
}

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

void memory(bench::Figures& figures) {
  Bed bed(Bed::cards(2, instant));
  std::atomic<std::uint64_t> ended{0};
  auto streams = counting_streams(bed, 2, ended);
  for (std::uint64_t i = 0; i < 1'000'000; ++i) bed.submit(streams[i % 2]).value();
  const double before = resident_mib();
  for (std::uint64_t i = 0; i < 10'000'000; ++i) bed.submit(streams[i % 2]).value();
  figures.add("rss_growth_10m_frames_mib", resident_mib() - before, "MiB", Goal::at_most, 1, 1);
}

/// From this thread to another and back, both asleep: what any two wake-ups cost on this computer.
double thread_round_trip_us() {
  constexpr std::uint32_t trips = 8000;
  std::atomic<std::uint32_t> there{0};
  std::atomic<std::uint32_t> back{0};
  const auto say = [](std::atomic<std::uint32_t>& word, std::uint32_t n) {
    word.store(n);
    base::futex_wake(&word, 1);
  };
  const auto hear = [](std::atomic<std::uint32_t>& word, std::uint32_t n) {
    while (word.load() != n) base::futex_wait(word, n - 1, TimePoint::max());
  };
  std::thread other([&] {
    for (std::uint32_t n = 1; n <= trips; ++n) {
      hear(there, n);
      say(back, n);
    }
  });
  std::vector<double> us;
  for (std::uint32_t n = 1; n <= trips; ++n) {
    const auto begin = Clock::now();
    say(there, n);
    hear(back, n);
    us.push_back(bench::since(begin) * 1e6);
  }
  other.join();
  return bench::median(us);
}

void latency(bench::Figures& figures) {
  {
    Bed bed(Bed::cards(2, instant));
    Stream stream = bed.fleet.open_stream(bed.model).value();
    const std::span<const std::byte> input(bed.bytes);
    std::vector<double> us;
    for (int i = 0; i < 20000; ++i) {
      const auto begin = Clock::now();
      static_cast<void>(stream.run(std::span(&input, 1)).value());
      us.push_back(bench::since(begin) * 1e6);
    }
    figures.add("idle_latency_inline_us", bench::median(us), "us", Goal::at_most, 2, us.size());
  }
  {
    // Through a thread: openvino computes on the host's threads. What the computing itself took is taken off.
    Bed bed(Bed::cards(1, "timing = \"host\"", "openvino"));
    Stream stream = bed.fleet.open_stream(bed.model).value();
    std::vector<double> us;
    for (int i = 0; i < 8000; ++i) {
      const auto begin = Clock::now();
      bed.submit(stream).value();
      const Result result = stream.next().value();
      us.push_back((bench::since(begin) - bench::Seconds(result.times.compute_ended - result.times.compute_started).count()) * 1e6);
    }
    figures.add("idle_latency_thread_us", bench::median(us), "us", Goal::at_most, 25, us.size());
    figures.add("thread_round_trip_us", thread_round_trip_us(), "us", Goal::none, 0, us.size());
  }
}

/// Frames/s that `bed` gives from now on for `seconds`, with a stream that is kept full.
double saturated_rate(Bed& bed, double seconds, const std::function<void()>& at_half = {}) {
  std::atomic<std::uint64_t> ended{0};
  Stream stream = bed.fleet.open_stream(bed.model, {}, [&](Result&& result) { ended += result.ok() ? 1 : 0; }).value();
  std::atomic<bool> stop{false};
  std::thread submitter([&] {
    while (!stop) {
      if (!bed.submit(stream)) break;
    }
  });
  std::this_thread::sleep_for(300ms);
  if (at_half) at_half();
  const std::uint64_t before = ended;
  const auto begin = Clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const double rate = static_cast<double>(ended - before) / bench::since(begin);
  stop = true;
  stream.cancel();
  submitter.join();
  return rate;
}

double cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void scaling(bench::Figures& figures) {
  for (const unsigned cards : {2U, 4U, 8U, 64U}) {
    Bed bed(Bed::cards(cards, fixed));
    const double cpu = cpu_s();
    const double rate = saturated_rate(bed, 2.0);
    figures.add(fmt::format("scaling_{}", cards), rate / (card_rate * cards), "of linear", Goal::at_least, cards == 64 ? 0.97 : 0.99, 1);
    if (cards == 64)
      figures.add("scaling_64_cpu_share", (cpu_s() - cpu) / 2.3 / std::thread::hardware_concurrency(), "of all CPUs", Goal::none, 0, 1);
  }
}

void uneven(bench::Figures& figures) {
  {
    Bed bed(
        "[[board]]\ncount = 2\nname = \"metis-0:{}:0\"\ncompute = \"none\"\ntiming = { fps = 486.5 }\n[[board]]\nname = \"metis-0:9:0\"\ncompute = "
        "\"none\"\ntiming = { fps = 121.6 }\n");
    figures.add("mixed_speed_share", saturated_rate(bed, 4.0) / (card_rate * 2.25), "of the sum of rates", Goal::at_least, 0.97, 1);
  }
  {
    Bed bed(
        Bed::cards(7, fixed) +
        "[[board]]\nname = \"metis-0:9:0\"\ncompute = \"none\"\ntiming = { fps = 486.5 }\n[[board.fault]]\nkind = \"slow\"\nfactor = 10\nat = 0.8\n");
    std::this_thread::sleep_for(200ms);
    figures.add("slow_card_share", saturated_rate(bed, 4.0, [] { std::this_thread::sleep_for(500ms); }) / (card_rate * 7), "of the healthy sum",
                Goal::at_least, 0.97, 1);
  }
}

void hung(bench::Figures& figures) {
  // The hanging card has one core, which always has a job waiting: the job that hangs could start when the one before it ended.
  Bed bed(
      Bed::cards(7, fixed) +
          "[[board]]\nname = \"metis-0:9:0\"\ncores = 1\ncompute = \"none\"\ntiming = { fps = 486.5 }\n[[board.fault]]\nkind = \"hang\"\nat = 1.0\n",
      base::ThreadHost::shared(), {.health = {.hang_floor = hang_floor}});
  std::atomic<TimePoint> seen{TimePoint{}};
  bed.fleet.on_event([&](const Event& event) {
    if (event.subject == "metis-0:9:0" && event.state == "suspect" && seen.load() == TimePoint{}) seen = event.time;
  });
  std::atomic<std::uint64_t> ended{0};
  std::atomic<TimePoint> last{TimePoint{}};  // the hanging card's last answer: then the hang began
  std::atomic<std::uint64_t> ended_at_last{0};
  Stream stream = bed.fleet
                      .open_stream(bed.model, {},
                                   [&](Result&& result) {
                                     ended += result.ok() ? 1 : 0;
                                     if (result.device != 7 || !result.ok()) return;
                                     last = result.times.output_ended;
                                     ended_at_last = ended.load();
                                   })
                      .value();
  std::thread submitter([&] {
    while (bed.submit(stream)) {
    }
  });
  while (bed.fleet.health()[7].state == DeviceState::ready) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(3s);
  const double rate = static_cast<double>(ended - ended_at_last) / bench::Seconds(bed.host->now() - last.load()).count();  // from the hang on
  const auto service = bed.fleet.metrics().devices[7].service;
  bed.fleet.close();
  submitter.join();
  figures.add("hung_card_share", rate / (card_rate * 7), "of the others' sum", Goal::at_least, 0.97, 1);
  const Duration bound = std::max<Duration>(hang_floor, 3 * service.p999);
  figures.add("hang_detection_over_bound", bench::Seconds(seen.load() - last.load()).count() / bench::Seconds(bound).count(), "of the bound",
              Goal::at_most, 1.2, 1);
}

void overload(bench::Figures& figures) {
  Bed bed(Bed::cards(2, fixed));
  constexpr unsigned cameras = 8;
  constexpr Duration deadline = 50ms;
  const double capacity = 2 * card_rate;
  struct Camera {
    std::atomic<std::uint64_t> outputs{0};
    std::atomic<std::uint64_t> all{0};
    std::uint64_t offered = 0;
    std::vector<double> ages;
  };
  std::vector<Camera> all(cameras + 1);
  std::vector<Stream> streams;
  for (unsigned i = 0; i <= cameras; ++i) {
    Camera& camera = all[i];
    camera.ages.reserve(100000);
    streams.push_back(bed.fleet
                          .open_stream(bed.model, {.overload = Overload::drop_oldest, .deadline = deadline, .priority = i == cameras ? 1U : 0U},
                                       [&camera](Result&& result) {
                                         ++camera.all;
                                         if (!result.ok()) return;
                                         ++camera.outputs;
                                         camera.ages.push_back(bench::Seconds(result.times.delivered - result.times.captured).count());
                                       })
                          .value());
  }
  const double priority_rate = capacity / 16;
  const auto begin = Clock::now();
  const double seconds = 4.0;
  std::vector<double> due(cameras + 1, 0.0);
  while (bench::since(begin) < seconds) {
    const double now = bench::since(begin);
    for (unsigned i = 0; i <= cameras; ++i) {
      const double period = 1 / (i == cameras ? priority_rate : 2 * capacity / cameras);
      for (; due[i] <= now; due[i] += period, ++all[i].offered) static_cast<void>(bed.submit(streams[i]).value());
    }
    std::this_thread::sleep_for(200us);
  }
  const double elapsed = bench::since(begin);
  for (Stream& stream : streams) stream.finish();
  std::this_thread::sleep_for(300ms);
  double outputs = 0;
  double squares = 0;
  double sum = 0;
  std::uint64_t answered = 0;
  std::uint64_t offered = 0;
  std::vector<double> ages;
  for (unsigned i = 0; i <= cameras; ++i) {
    outputs += static_cast<double>(all[i].outputs);
    answered += all[i].all;
    offered += all[i].offered;
    ages.insert(ages.end(), all[i].ages.begin(), all[i].ages.end());
    if (i == cameras) continue;
    sum += static_cast<double>(all[i].outputs);
    squares += static_cast<double>(all[i].outputs) * static_cast<double>(all[i].outputs);
  }
  std::sort(ages.begin(), ages.end());
  figures.add("overload_goodput_share", outputs / elapsed / capacity, "of capacity", Goal::at_least, 0.95, 1);
  figures.add("overload_age_p99_over_deadline", ages[ages.size() * 99 / 100] / bench::Seconds(deadline).count(), "of the deadline", Goal::at_most, 1,
              ages.size());
  figures.add("overload_accounted", static_cast<double>(answered) / static_cast<double>(offered), "of frames offered", Goal::at_least, 1, offered);
  figures.add("fairness_jain", sum * sum / (cameras * squares), "", Goal::at_least, 0.99, cameras);
  figures.add("priority_stream_late_share", 1 - static_cast<double>(all[cameras].outputs) / static_cast<double>(all[cameras].offered),
              "of its frames", Goal::at_most, 0, all[cameras].offered);
}

void idle(bench::Figures& figures) {
  Bed bed(Bed::cards(64, fixed));
  Stream stream = bed.fleet.open_stream(bed.model).value();
  static_cast<void>(bed.submit(stream).value());
  std::this_thread::sleep_for(200ms);
  const double before = cpu_s();
  std::this_thread::sleep_for(3s);
  figures.add("idle_cpu_share", (cpu_s() - before) / 3, "of a CPU", Goal::at_most, 0.001, 1);
}

void virtual_time(bench::Figures& figures) {
  auto host = std::make_shared<base::LoopHost>();
  Bed bed(Bed::cards(64, fixed), host);
  std::uint64_t ended = 0;
  Stream stream = bed.fleet.open_stream(bed.model, {}, [&](Result&&) { ++ended; }).value();
  const auto run_until = [&](TimePoint until) {
    while (host->now() < until) bed.submit(stream).value();
  };
  run_until(host->now() + 1s);
  const TimePoint begin = host->now();
  const std::uint64_t before = ended;
  run_until(begin + 2s);
  const double elapsed = bench::Seconds(host->now() - begin).count();
  // All cores end in step: 256 frames at once, so the count is exact to that.
  figures.add("scaling_64_virtual_time", static_cast<double>(ended - before) / elapsed / (64 * card_rate), "of linear", Goal::at_least, 0.999,
              ended - before);
}

/// The detector on all CPUs, through the fleet and through the engine's own queue.
void real_network(bench::Figures& figures) {
  testing::TemporaryFolder folder;
  std::ofstream(folder.path() / "topology.toml") << "[[board]]\ncount = 2\nname = \"metis-0:{}:0\"\n";
  const auto model = Model::load(models / "ssd_mobilenetv2").value();
  const Context context =
      Context::create({.topology = folder.path() / "topology.toml", .virtual_cards = VirtualCards::always, .run_directory = folder.path() / "run"})
          .value();
  Fleet fleet = Fleet::create(context).value();
  bench::EngineQueue engine(model->graph);
  const std::vector<std::byte> bytes(model->inputs[0].size_bytes());
  const std::span<const std::byte> input(bytes);
  const auto through_fleet = [&](double seconds) {
    std::atomic<std::uint64_t> ended{0};
    Stream stream = fleet.open_stream(model, {}, [&](Result&& result) { ended += result.ok() ? 1 : 0; }).value();
    const auto begin = Clock::now();
    while (bench::since(begin) < seconds) stream.submit(std::span(&input, 1)).value();
    const double rate = static_cast<double>(ended) / bench::since(begin);
    stream.close();
    return rate;
  };
  figures.add("fleet_real_network_ratio", bench::median_ratio(through_fleet, [&](double s) { return engine.rate(s); }), "of the engine's own queue",
              Goal::at_least, 0.98, bench::pairs);
}

using Part = void (*)(bench::Figures&);
const std::vector<std::pair<std::string, Part>> parts = {
    {"dispatch", dispatch}, {"memory", memory},     {"latency", latency}, {"scaling", scaling},           {"uneven", uneven},
    {"hung", hung},         {"overload", overload}, {"idle", idle},       {"virtual_time", virtual_time}, {"real_network", real_network}};

}  // namespace

/// fleet_bench MODELS [PART...]
int main(int count, char** words) {
  if (count > 1) models = words[1];
  const std::vector<std::string> wanted(words + std::min(count, 2), words + count);
  bench::Figures figures;
  for (const auto& [name, part] : parts) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    std::fprintf(stderr, "fleet_bench: %s\n", name.c_str());
    part(figures);
  }
  std::puts(figures.json().c_str());
}
