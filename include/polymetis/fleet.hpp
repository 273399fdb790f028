#pragma once

/// Many cards as one: `Fleet` spreads the frames of `Stream`s over every card, in order, losing none.
///
///     auto fleet = Fleet::create();                          // every usable card
///     auto stream = (*fleet).open_stream(model);
///     for (...) stream->submit(inputs);                      // blocks while the stream's queue is full
///     stream->finish();
///     while (auto result = stream->next()) use(*result);     // in order, each frame exactly once
///
/// docs/fleet.md draws the states and the one way that a frame takes.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "polymetis/context.hpp"
#include "polymetis/fleet_metrics.hpp"
#include "polymetis/result.hpp"

namespace polymetis {

/// How instances of the models are put on the devices' cores.
enum class Placement {
  balanced,        ///< every model on every device, cores shared by weight
  model_a_device,  ///< whole devices for each model, shared by weight; more models than devices: they share the last
  explicit_only,   ///< only what `ModelOptions::devices` names
};

struct HealthOptions {
  Duration hang_floor{0};             ///< no job is called hung before this age; 0: the driver's own floor
  double hang_factor = 3.0;           ///< a job hangs when it is older than this times the p99.9 of its model on its device
  unsigned attempts_after_error = 3;  ///< runs of a frame in all
  unsigned attempts_after_hang = 2;
  Duration first_backoff = std::chrono::milliseconds(100);  ///< quarantine before the first probe; doubles each time
  Duration longest_backoff = std::chrono::seconds(30);
  Duration probe_interval{0};  ///< a known answer is asked of every ready device this often; 0: never
  unsigned model_breaker = 3;  ///< a model is stopped when so many of its frames in a row have been blamed
};

struct FleetOptions {
  std::vector<DeviceSelector> devices;  ///< empty: every usable one
  std::size_t require = 1;              ///< fewer usable devices: `create` refuses
  std::optional<VirtualCards> virtual_cards;
  Placement placement = Placement::balanced;
  Duration no_card_wait{0};                         ///< how long frames wait when no card is left, before they fail with the first cause
  std::size_t memory_bytes = std::size_t{1} << 30;  ///< limit on inputs and outputs held by all streams
  HealthOptions health;
  std::filesystem::path record;  ///< the plan's events go here; empty: nowhere
  std::size_t trace_frames = 0;  ///< the last so many frames are kept for `write_trace`; about 100 bytes each
};

/// How a model shares the cards.
struct ModelOptions {
  double weight = 1.0;
  unsigned minimum_cores = 1;                          ///< over all devices; fewer: it is `adjusted`
  std::vector<DeviceSelector> devices;                 ///< empty: all
  Duration batch_wait = std::chrono::milliseconds(5);  ///< a batch that is not full goes after this
};

/// What became of a wish.
struct PlacementReport {
  bool adjusted = false;
  std::string text;  ///< "detector: 3 instances on metis-0:1:0 (wanted 4: core 3 is held by pid 12)"
};

enum class Overload {
  block,        ///< `submit` waits for room
  drop_oldest,  ///< the oldest frame that has not started ends as dropped
  drop_newest,  ///< the new frame itself ends as dropped
};

struct StreamOptions {
  std::string name;  ///< in metrics; empty: "stream 3"
  Overload overload = Overload::block;
  Duration deadline{0};                  ///< from capture; 0: none
  unsigned priority = 0;                 ///< higher goes first, always
  double weight = 1.0;                   ///< share among streams of one priority
  std::size_t queue_frames = 0;          ///< frames accepted and not started; 0: 2 an instance, and with a drop policy 4
  std::size_t queue_bytes = 0;           ///< of inputs accepted and not started; 0: a quarter of the fleet's memory
  std::size_t window_frames = 0;         ///< most frames between the oldest that has not ended and the newest that has started; 0: measured
  std::optional<DeviceSelector> prefer;  ///< another device takes its frames only when this one cannot keep up
};

/// Where results go, if not to `Stream::next`: called in order, one call at a time for a stream, on the thread that ended the frame. It must be
/// short, may submit, and what it throws is logged and dropped. Blocking in it holds up a card: use `next` for that.
using ResultCallback = std::function<void(Result&&)>;

struct FrameOptions {
  std::optional<TimePoint> captured_at;  ///< absent: now
  std::optional<Duration> deadline;      ///< replaces the stream's, from capture
  std::uint64_t tag = 0;                 ///< comes back in the result
};

/// The memory of one frame's inputs, owned by the fleet and readable by every instance without a copy. Fill it, then submit it; dropping it
/// gives it back. Thread-bound.
class POLYMETIS_API Slot {
 public:
  struct [[gnu::visibility("hidden")]] Impl;
  Slot() noexcept;
  Slot(Slot&&) noexcept;
  Slot& operator=(Slot&&) noexcept;
  ~Slot();
  /// One span a model input, for one frame.
  [[nodiscard]] std::span<const std::span<std::byte>> inputs() const noexcept;
  /// Keeps the memory from being used again while it lives, also after the slot was submitted.
  [[nodiscard]] std::shared_ptr<void> keep() const;
  explicit operator bool() const noexcept { return impl_ != nullptr; }

 private:
  friend class FleetAccess;
  std::unique_ptr<Impl, void (*)(Impl*)> impl_;
};

/// Frames of one source, answered in order. A handle: copies name the same stream; the last one gone closes it (what waits is dropped,
/// what runs is finished, results not taken are thrown away). Thread-safe; after `Fleet::close` every call is an `invalid_argument`.
class POLYMETIS_API Stream {
 public:
  struct [[gnu::visibility("hidden")]] Impl;
  Stream() = default;
  explicit Stream(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  /// Memory for one frame. `slot` waits while the fleet's memory is used up; `try_slot` only until `until`, by default not at all.
  /// Errors: `pending` (try_slot) none is free; `runtime_error` results that are kept hold it all: with no frame of this stream on its way none
  /// came back for two seconds of waiting; `invalid_argument` closed, made before fork.
  [[nodiscard]] Expected<Slot> slot();
  [[nodiscard]] Expected<Slot> try_slot(TimePoint until = TimePoint::min());
  /// Submits a slot of this stream, which never blocks unless the policy is `block` and the queue is full. Gives the frame's number.
  /// Errors: `invalid_argument` closed, finished, a slot of another stream; `runtime_error` with a drop policy, 65536 results lie untaken.
  Expected<std::uint64_t> submit(Slot slot, const FrameOptions& options = {});
  /// As above but waits only until `until`, by default not at all: `pending` when the queue is full then and the policy is `block`; `slot` is
  /// left as it was.
  Expected<std::uint64_t> try_submit(Slot& slot, const FrameOptions& options = {}, TimePoint until = TimePoint::min());
  /// Copies `inputs` (one span a model input, sizes of one frame) into a slot and submits it.
  /// Errors: also `invalid_argument` wrong count or size.
  Expected<std::uint64_t> submit(std::span<const std::span<const std::byte>> inputs, const FrameOptions& options = {});
  /// Runs one frame and waits for it; computes on this thread when a card is idle. Only for streams with neither callback nor other
  /// submitters.
  Expected<Result> run(std::span<const std::span<const std::byte>> inputs, const FrameOptions& options = {});
  /// Submits, and the result comes through a future instead of `next` or the callback.
  Expected<std::future<Result>> submit_future(std::span<const std::span<const std::byte>> inputs, const FrameOptions& options = {});

  /// The next result in order; blocks. Empty: finished and all taken, closed, or `until` was reached.
  [[nodiscard]] std::optional<Result> next(TimePoint until = TimePoint::max());
  /// Results that are there, up to `most`, without blocking.
  std::size_t take(std::vector<Result>& results, std::size_t most);
  /// Whether everything that was submitted has been answered and taken and no more will come.
  [[nodiscard]] bool exhausted() const;

  /// No more frames; those accepted are still answered.
  void finish();
  /// Frames that have not started end as dropped, those running are finished.
  void cancel();
  /// `cancel`, and results that nobody took are thrown away. When it returns the callback is not running and will not be called again, unless
  /// this is called within a callback.
  void close();
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] std::shared_ptr<const Model> model() const;
  explicit operator bool() const noexcept { return impl_ != nullptr; }

 private:
  friend class FleetAccess;
  std::shared_ptr<Impl> impl_;
};

enum class EventKind : std::uint8_t { device, model, stream, placement };

/// A change of state with its cause.
struct Event {
  TimePoint time;
  EventKind kind = EventKind::device;
  std::string subject;  ///< the device, model or stream
  std::string state;    ///< what it is now, such as "quarantined"
  std::string was;
  std::string cause;  ///< a sentence
};

/// Called on a thread of its own that may block; what it throws is logged and dropped. Events wait in order; the oldest of more than
/// 10,000 are dropped and counted in the next one's cause.
using EventCallback = std::function<void(const Event&)>;

/// A handle; the last one gone closes the fleet. Thread-safe.
class POLYMETIS_API Fleet {
 public:
  struct [[gnu::visibility("hidden")]] Impl;
  Fleet() = default;
  explicit Fleet(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  /// Takes every core of the chosen devices that is free.
  /// Errors: `value_error` an option out of its bounds; `device_in_use`/`connection_error` fewer than `require` usable devices, with each one's
  /// reason; `invalid_argument` unknown device; those of `Context::create`.
  [[nodiscard]] static Expected<Fleet> create(const FleetOptions& options = {});
  /// Shares the cards of `context` with code that uses the axruntime API: cores that it has connected are left to it.
  [[nodiscard]] static Expected<Fleet> create(const Context& context, const FleetOptions& options = {});

  /// Puts `model` on cards; said again, changes its share and its devices. A first `open_stream` does it too, with the defaults. A card that is out
  /// of reach gets its instances when it answers again; the report says so. Errors: `value_error` an option out of its bounds; those of
  /// `Connection::load_model_instance`; `device_in_use` no core is left for it.
  Expected<PlacementReport> add_model(const std::shared_ptr<const Model>& model, const ModelOptions& options = {});
  [[nodiscard]] Expected<Stream> open_stream(const std::shared_ptr<const Model>& model, const StreamOptions& options = {},
                                             ResultCallback callback = {});
  [[nodiscard]] Expected<std::shared_ptr<const Model>> load_model(const std::filesystem::path& path) const;

  /// In the order of `Result::device`; once closed, as it was then. Like the two below empty in a process forked since.
  [[nodiscard]] std::vector<DeviceHealth> health() const;
  [[nodiscard]] FleetMetrics metrics() const;
  /// What binds now, with the numbers; only what was measured.
  [[nodiscard]] Explanation explain() const;
  void on_event(EventCallback callback);
  /// The last frames in the Chrome trace event format (JSON), for Perfetto. Errors: `invalid_argument` no `trace_frames`; `runtime_error`
  /// the file cannot be written.
  Status write_trace(const std::filesystem::path& path) const;
  /// Ends a device's quarantine or a model's stop now.
  Status readmit(const std::string& device_or_model);
  [[nodiscard]] Host& host() const;
  [[nodiscard]] Context context() const;

  /// Drops what waits, gives running jobs `patience` to end, abandons the rest, ends all streams. Every frame has its result, and callbacks that
  /// return within `patience` have returned.
  void close(Duration patience = std::chrono::seconds(5));
  [[nodiscard]] bool closed() const noexcept;
  explicit operator bool() const noexcept { return impl_ != nullptr; }

 private:
  std::shared_ptr<Impl> impl_;
};

/// Feeds a recording (`FleetOptions::record`) to a fresh plan in virtual time; gives what happened as JSON: `events`, `seconds`, `same_decisions`,
/// `whole`, `streams`, `cards`, `changes`. Reentrant.
/// Errors: `value_error` not a recording, another version, or damaged.
[[nodiscard]] POLYMETIS_API Expected<std::string> replay_recording(const std::filesystem::path& path);

}  // namespace polymetis
