#pragma once

/// The seam between the runtime and a family of devices. Everything above it is written once, for all drivers: the waiting list, the
/// order, time-outs, limits, reservation, telemetry across processes. A driver only lists, opens, loads, submits and reports.
///
/// A driver owns no thread and never sleeps: time and execution come from the `Host` that its factory was given. It never prints and
/// never throws; what goes wrong is a `Status`. Eleven methods in all; those with a body are optional.
///
/// How to write one: drivers/template/README.md. What it must keep: drivers/conformance/. In-tree C++, no promise of an ABI.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "polymetis/host.hpp"
#include "polymetis/model.hpp"
#include "polymetis/status.hpp"

namespace polymetis {

/// The numbers are those of `axrBoardType`.
enum class BoardType : int { alpha_pcie, alpha_m2, pcie, m2, devboard, sbc, unknown, europa_pcie, europa_devboard };

/// Whether a device is hardware; a virtual one is never shown as real.
enum class Reality { real, simulated };

/// A device as its driver lists it. A plain value; reentrant.
struct DeviceDescription {
  std::string name;   ///< unique in the computer, such as "metis-0:1:0"
  std::string board;  ///< what fails, heats and shares a link together; equal for the chips of one board
  BoardType board_type = BoardType::unknown;
  Reality reality = Reality::real;
  unsigned core_count = 0;
  std::uint64_t memory_bytes = 0;  ///< of the device; 0 = not known
  int board_revision = 0;
  std::string firmware_version;
  std::string flashed_firmware_version;
  std::string board_controller_firmware_version;
  std::string board_controller_board_type;
  std::vector<unsigned> clocks_mhz;  ///< the clocks it can be set to; empty = any
  std::string origin;                ///< where the description comes from ("topology /etc/…"): for people, not compared
  std::string not_usable_because;    ///< a sentence; empty = usable
  std::string behaviour;             ///< what else decides how it behaves, one short line; two processes must agree on it; empty = nothing
};

/// The settings of a device, one entry a core. A plain value.
struct Configuration {
  std::vector<unsigned> clock_mhz;        ///< 100..800 on Metis; default 800
  std::vector<unsigned> mvm_utilisation;  ///< percent, 1..100; default 100
  friend bool operator==(const Configuration&, const Configuration&) = default;
};

enum class Readiness { ready, pending };

/// What a device can tell of itself now; what it cannot is absent, never guessed.
struct Telemetry {
  Configuration configuration;
  std::optional<double> temperature_celsius;  ///< hottest junction
  std::optional<double> power_watts;
  std::uint64_t late_frames = 0;  ///< jobs whose computation ended after the modelled end (virtual cards)
};

/// Memory of a caller, lent for one job. `fd` is a shareable handle (dma-buf, memfd) to the same bytes, or -1.
struct Buffer {
  std::byte* data = nullptr;
  std::size_t size_bytes = 0;
  int fd = -1;
  std::size_t offset_bytes = 0;  ///< of the data inside `fd`
};

/// When things happened to a job, on the host's clock; never decreasing, equal where a device cannot tell them apart.
struct Stamps {
  TimePoint queued;  ///< given to the driver
  TimePoint input_started;
  TimePoint compute_started;
  TimePoint compute_ended;
  TimePoint output_ended;
};

/// What the submitting thread does until the job ends.
enum class Submitter {
  continues,  ///< `submit` must return soon: long computation goes to `Host::run_blocking`
  waits,      ///< it has nothing else to do: the driver may compute inside `submit`
};

class Job;

/// Whether an answer counted.
enum class Answer { taken, too_late };

/// A driver's right to end one job, once. Two words; copy it as needed. Thread-safe.
///
/// It names the job by number, so an answer that comes twice, or for a job whose slot was used again, is recognised and dropped.
class POLYMETIS_API Ticket {
 public:
  Ticket() noexcept = default;
  Ticket(Job* job, std::uint64_t number) noexcept : job_(job), number_(number) {}

  /// Ends the job: from here on the driver no longer touches its buffers. Outputs are complete if `status` is ok, and undefined
  /// otherwise. May be called inside `submit`, on any thread, and must be called exactly once for every job, abandoned ones too.
  Answer end(const Status& status, const Stamps& stamps) const noexcept;
  /// Whether both name the same job.
  friend bool operator==(const Ticket&, const Ticket&) = default;

 private:
  Job* job_ = nullptr;
  std::uint64_t number_ = 0;
};

/// Receives the ends of jobs; implemented above the seam.
class POLYMETIS_API JobSink {
 public:
  virtual Answer job_ended(Job& job, std::uint64_t number, const Status& status, const Stamps& stamps) noexcept = 0;

 protected:
  ~JobSink() = default;
};

/// One run on one instance, lent to the driver from `submit` until its ticket's `end`. Made above the seam.
class POLYMETIS_API Job {
 public:
  std::span<const Buffer> inputs;   ///< one a model input, sizes already checked, whole rows of `rows` frames
  std::span<const Buffer> outputs;  ///< one a model output, never overlapping an input or each other
  std::size_t rows = 1;             ///< times the network runs, over consecutive parts of each buffer
  Submitter submitter = Submitter::continues;
  TimePoint queued;

  [[nodiscard]] Ticket ticket() noexcept { return {this, number_}; }

 protected:
  explicit Job(JobSink& sink) noexcept : sink_(&sink) {}
  ~Job() = default;

  JobSink* sink_;
  std::uint64_t number_ = 0;
  friend class Ticket;
};

inline Answer Ticket::end(const Status& status, const Stamps& stamps) const noexcept {
  return job_->sink_->job_ended(*job_, number_, status, stamps);
}

/// How far a submitted job can be taken back.
enum class Recall {
  none,     ///< it runs to its end once submitted
  waiting,  ///< one that has not started can be taken back
  running,  ///< a running one can be stopped too
};

/// Whether `submit` can keep its caller waiting.
enum class Blocking {
  never,   ///< it returns soon; if the submitter waits, it may compute
  always,  ///< it returns when the device has answered: call it on `Host::run_blocking`
};

/// What a loaded instance declares. A plain value, fixed for its life.
struct InstanceTraits {
  unsigned depth = 1;  ///< jobs that it holds at once; above it, submission waits outside the driver
  Blocking blocking = Blocking::never;
  Recall recall = Recall::none;
  Duration hang_floor = std::chrono::seconds(1);  ///< no job is called hung before it is this old
};

/// A model loaded on cores of a device. Thread-bound: the runtime calls its methods one at a time; tickets end on any thread.
/// Destroyed only after each of its jobs has ended and never inside one of its calls; perhaps as soon as the last ticket's `end` was called,
/// on another thread and before that call returned, so what a driver does after the last `end` may not touch the instance.
class POLYMETIS_API DriverInstance {
 public:
  virtual ~DriverInstance() = default;

  [[nodiscard]] virtual InstanceTraits traits() const noexcept = 0;
  /// Takes `job` and ends it, now or later, through its ticket. At most `depth` jobs are inside at once; they end in the order of
  /// their submission, unless one fails.
  /// Failures (end status): `connection_error` device lost, link failed; `runtime_error` the run failed; `internal_error`.
  virtual void submit(Job& job) noexcept = 0;
  /// Nobody waits for this job any more: end it (with any status) as soon as `recall` allows. Its buffers stay lent until then.
  virtual void abandon(Ticket) noexcept {}
};

/// The cores of a device: `count` consecutive ones from `first`.
struct CoreRange {
  unsigned first = 0;
  unsigned count = 0;
  friend bool operator==(const CoreRange&, const CoreRange&) = default;
};

struct LoadOptions {
  CoreRange cores;
};

/// An open device. Thread-bound as above: calls come one at a time, from any thread.
class POLYMETIS_API DriverDevice {
 public:
  virtual ~DriverDevice() = default;

  /// Loads `model` on `options.cores`, which are reserved for the caller. Memory has been admitted already.
  /// Errors: `incompatible_device` the package is not for this device; `value_error` its graph does not match its description;
  /// `connection_error` device lost; `not_implemented`.
  virtual Expected<std::unique_ptr<DriverInstance>> load(std::shared_ptr<const Model> model, const LoadOptions& options) = 0;
  /// Applies all of `configuration` (checked before, one entry a core) or nothing; `pending` where it takes a while.
  virtual Expected<Readiness> configure(const Configuration& configuration) = 0;
  /// Whether the last configuration has been applied.
  virtual Expected<Readiness> ready() { return Readiness::ready; }
  virtual Expected<Telemetry> telemetry() = 0;
};

/// A change in what a driver lists.
struct DeviceChange {
  enum class Kind { appeared, lost };
  Kind kind = Kind::appeared;
  std::string device;
  std::string cause;  ///< a sentence; empty where not known
};

/// One family of devices. Thread-safe; each factory gives one for one host.
class POLYMETIS_API Driver {
 public:
  virtual ~Driver() = default;

  /// Such as "virtual". Static storage.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// What is there now, in a stable order. Cheap: wakes no device and loads no library's heavy part.
  /// Errors: `connection_error` its library or bus cannot be asked; `invalid_configuration` for a bad topology; `not_implemented` it is still
  /// being written: it is not used, and does not stand in the way of virtual cards.
  virtual Expected<std::vector<DeviceDescription>> list() = 0;
  /// Opens a device that `list` named; slow.
  /// Errors: `invalid_argument` no such device; `connection_error`; `not_implemented`.
  virtual Expected<std::unique_ptr<DriverDevice>> open(const DeviceDescription& device) = 0;
  /// Calls `listener` on a thread of the host at each change, until the driver is destroyed or another listener is set.
  virtual void watch(std::function<void(const DeviceChange&)> listener) { static_cast<void>(listener); }
};

/// What a driver is made with.
struct DriverOptions {
  std::shared_ptr<Host> host;
  std::filesystem::path topology;  ///< of virtual cards; empty: `POLYMETIS_TOPOLOGY`, else the default. Real drivers ignore it
};

/// How a driver comes into the program: one constant per folder of drivers/, named `<folder>_driver`.
struct DriverFactory {
  std::string_view name;  ///< the folder's
  Reality reality = Reality::real;
  /// Cheap. Errors: those of `list`; `not_implemented`.
  Expected<std::unique_ptr<Driver>> (*create)(const DriverOptions& options) = nullptr;
};

}  // namespace polymetis
