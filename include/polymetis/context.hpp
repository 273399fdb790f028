#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "polymetis/driver.hpp"
#include "polymetis/log.hpp"
#include "polymetis/model.hpp"
#include "polymetis/properties.hpp"
#include "polymetis/status.hpp"

/// The axruntime object tree: a Context owns Connections and Models, a Connection owns ModelInstances.
///
/// Each class is a handle: copies name the same object, the last one gone releases it, a child keeps its parent alive. `release()`
/// does it now, for the children too, from any thread and in any order. It waits for the runs that are going on, for all of them together not
/// longer than the longest hang floor of their instances (`InstanceTraits`) and 5 s at most; inside a run's callback it does not wait. Cores of
/// a run that is longer are freed when it ends. A second release waits as the first does, until the same time. After a release every call
/// is an `invalid_argument` that says so, and after a fork every call in the child is one that says "made before fork".
/// All are thread-safe; one ModelInstance runs one frame at a time.
namespace polymetis {

/// Whether virtual cards may be used. `automatic`: only where neither the vendor's library nor a card is there.
enum class VirtualCards { automatic, always, never };

struct ContextOptions {
  /// Topology file of the virtual cards; empty: `POLYMETIS_TOPOLOGY`, else two PCIe cards.
  std::filesystem::path topology;
  /// Absent: `POLYMETIS_VIRTUAL` (auto, always, never), else automatic.
  std::optional<VirtualCards> virtual_cards;
  /// Where processes share reservations and telemetry; empty: `POLYMETIS_RUN_DIR`, else the first that can be written of
  /// /run/polymetis, $XDG_RUNTIME_DIR/polymetis and a folder of the user in the system's folder for temporary files.
  std::filesystem::path run_directory;
  /// Time and execution; null: threads and real time, shared by the process.
  std::shared_ptr<Host> host;
};

/// Who holds a core and what ran on it, as its holder wrote it into the telemetry page; all zero where nobody holds it.
struct CoreUse {
  std::int64_t pid = 0;      ///< 0 = free, -1 = held by a process that cannot be told
  std::string process_name;  ///< "" where not known
  std::uint64_t frames = 0;  ///< run by the model that is loaded on it now
  std::uint64_t failures = 0;
  Duration busy{};                 ///< computing, in all
  std::uint64_t memory_bytes = 0;  ///< of the card, this core's share
};

/// A driver that is built in, and what became of it in a context.
struct DriverInfo {
  std::string name;
  Reality reality = Reality::real;
  bool used = false;  ///< its devices are listed
  std::string state;  ///< a sentence: how many devices, or why it is not used
};

/// A device with what is known of its use, by this and other processes.
struct DeviceInfo {
  DeviceDescription description;
  std::string driver;
  bool in_use = false;                     ///< a core of it is reserved
  std::string in_use_by;                   ///< "pid 123 (name): cores 0, 1; pid 456 (name): core 2"
  std::vector<std::int64_t> core_holders;  ///< pid a core, 0 = free, -1 = held by a process that cannot be told
  std::uint64_t memory_used_bytes = 0;     ///< by models loaded through Polymetis
  std::vector<CoreUse> cores;              ///< one a core
};

/// A device by its place in `list_devices`, by name (':' and '-' are equal), or any with the cores free.
using DeviceSelector = std::variant<std::monostate, std::size_t, std::string>;

/// Memory of one tensor: `data`, or a shareable `fd` that can be mapped (dma-buf, memfd).
struct Argument {
  void* data = nullptr;
  int fd = -1;                   ///< used where `data` is null
  std::size_t offset_bytes = 0;  ///< must be 0
  std::size_t size_bytes = 0;    ///< 0: not checked
};

struct RunOptions {
  /// Asked now and then while the run waits; true ends the wait, the job is abandoned and its buffers stay lent. Null: never asked.
  bool (*interrupted)(void* argument) = nullptr;
  void* interrupted_argument = nullptr;
  /// Kept until the device lets go of the buffers, also when the wait ended before.
  std::shared_ptr<void> keep_alive;
};

/// Called once with the end of an asynchronous run, on a thread of the host; the place in the queue is free by then and the buffers
/// may be used again. It may call everything, `run` too: what was queued before is run first, and called back when this has returned.
using RunCallback = std::function<void(const Status&)>;

class Connection;
class Context;
namespace runtime {
struct ContextAccess;
}

class POLYMETIS_API ModelInstance {
 public:
  struct [[gnu::visibility("hidden")]] Impl;
  ModelInstance() = default;
  explicit ModelInstance(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  /// Runs one frame (or one batch) and blocks until the outputs are written. Sizes are those of `inputs()` and `outputs()`.
  /// With `double_buffer` the outputs are those of the run before the last; the first two are zero points.
  /// Errors: `invalid_argument` wrong count, size, overlap, offset, released, made before fork, or already running in another thread;
  /// `connection_error` the device or its link failed; `runtime_error` the run failed or was interrupted.
  Status run(std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options = {}) const;
  /// Queues one frame and returns at once; `done` is called exactly once unless this call fails. With `double_buffer` too, the outputs are
  /// those of this frame, and it does not count among the runs of `run`.
  /// Errors: as `run`; `pending` the queue is full (`max_inflight` + `max_pending`).
  Status run_async(std::span<const Argument> inputs, std::span<const Argument> outputs, RunCallback done,
                   std::shared_ptr<void> keep_alive = {}) const;
  /// Tensors as this instance takes them: the model's, the leading dimension multiplied where it has more cores than the model's batch.
  [[nodiscard]] Expected<std::vector<TensorInfo>> inputs() const;
  [[nodiscard]] Expected<std::vector<TensorInfo>> outputs() const;
  [[nodiscard]] Connection connection() const;
  [[nodiscard]] bool released() const noexcept;
  void release() noexcept;
  explicit operator bool() const noexcept { return impl_ != nullptr; }

 private:
  std::shared_ptr<Impl> impl_;
};

class POLYMETIS_API Connection {
 public:
  struct [[gnu::visibility("hidden")]] Impl;
  Connection() = default;
  explicit Connection(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  /// Loads `model` on free cores of this connection. Properties: `num_sub_devices`, `aipu_cores`, `input_dmabuf`, `output_dmabuf`,
  /// `double_buffer`, `device_profiling`, `host_profiling`, `elf_in_ddr`, `async_mode`, `max_inflight`, `max_pending`.
  /// Errors: `invalid_configuration` unknown key; `value_error` bad value; `invalid_argument` more cores than are free, released;
  /// `runtime_error` does not fit the card's memory (with the numbers); those of `DriverDevice::load`.
  [[nodiscard]] Expected<ModelInstance> load_model_instance(const std::shared_ptr<const Model>& model, const Properties& properties = {}) const;
  [[nodiscard]] Expected<DeviceInfo> device() const;
  [[nodiscard]] Expected<std::vector<unsigned>> cores() const;
  [[nodiscard]] Context context() const;
  [[nodiscard]] bool released() const noexcept;
  void release() noexcept;
  explicit operator bool() const noexcept { return impl_ != nullptr; }

 private:
  std::shared_ptr<Impl> impl_;
};

class POLYMETIS_API Context {
 public:
  struct [[gnu::visibility("hidden")]] Impl;
  Context() = default;
  explicit Context(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  /// Errors: `value_error` a bad environment variable or topology file (line and key named); `connection_error` no run directory can
  /// be used. No device is touched.
  [[nodiscard]] static Expected<Context> create(const ContextOptions& options = {});

  /// Whether calls can be made. Errors, also of every call below: `invalid_argument` empty, released, made before fork.
  [[nodiscard]] Status check() const;
  /// The drivers in the order of their devices, used or not. For diagnosis.
  [[nodiscard]] Expected<std::vector<DriverInfo>> drivers() const;
  /// Where this context shares reservations and telemetry with other processes.
  [[nodiscard]] Expected<std::filesystem::path> run_directory() const;
  /// What is there now, with who uses it; asks no owner.
  [[nodiscard]] Expected<std::vector<DeviceInfo>> list_devices() const;
  /// The device that `selector` names. Errors: `invalid_argument` with what there is.
  [[nodiscard]] Expected<DeviceInfo> find_device(const DeviceSelector& selector) const;
  /// Sets clocks and MVM utilisation; nothing is applied unless all of it is good. Keys: docs/compatibility.md.
  /// Errors: `invalid_configuration` unknown key; `value_error` bad value; `device_in_use` another process configures it.
  [[nodiscard]] Expected<Readiness> configure_device(const DeviceSelector& device, const Properties& properties) const;
  [[nodiscard]] Expected<Readiness> device_ready(const DeviceSelector& device) const;
  [[nodiscard]] Expected<Properties> read_device_configuration(const DeviceSelector& device) const;
  /// Reserves `num_sub_devices` consecutive cores. Any device: the first in the order of `list_devices` that has them free.
  /// Errors: `invalid_argument` no such device, zero or more cores than it has; `device_in_use` not free (who holds them is named);
  /// `invalid_configuration` unknown key; `connection_error`.
  [[nodiscard]] Expected<Connection> device_connect(const DeviceSelector& device = {}, std::size_t num_sub_devices = 1,
                                                    const Properties& properties = {}) const;
  /// As `Model::load`, for this context.
  [[nodiscard]] Expected<std::shared_ptr<const Model>> load_model(const std::filesystem::path& path) const;
  /// Forwards messages of `level` and above; null takes it off, as does `release`. When it returns no thread is inside the logger before:
  /// it waits for that, unless it is called inside a logger.
  void set_logger(LogLevel level, Logger logger) const;
  /// Sends a message to this context's logger.
  void log(LogLevel level, const std::string& message) const;
  [[nodiscard]] Host& host() const;
  [[nodiscard]] bool released() const noexcept;
  void release() noexcept;
  explicit operator bool() const noexcept { return impl_ != nullptr; }

 private:
  friend struct runtime::ContextAccess;
  std::shared_ptr<Impl> impl_;
};

}  // namespace polymetis
