#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "conformance/suite.hpp"

namespace polymetis::conformance {

class Probe;

/// One check of the suite.
struct Check {
  std::string name;
  std::function<void(Probe&)> run;
};

std::vector<Check> device_checks();
std::vector<Check> job_checks();

/// A run with memory of its own. Kept until the probe is gone, so that late answers have somewhere to go.
class ProbeJob final : public Job, private JobSink {
 public:
  ProbeJob(const Model& model, std::size_t rows, std::byte fill, TimePoint now, Submitter how);
  Answer job_ended(Job& job, std::uint64_t number, const Status& status, const Stamps& stamps) noexcept override;

  [[nodiscard]] bool ended() const noexcept { return latch.is_open(); }

  std::vector<std::vector<std::byte>> input_memory, output_memory;
  Latch latch;
  std::atomic<int> ends{0};
  Status status;            // once ended
  Stamps stamps;            // once ended
  std::uint64_t place = 0;  // among the ends of its probe, from 1
  std::atomic<std::uint64_t>* counter = nullptr;
  std::function<void()> then;  // called at its end

 private:
  std::vector<Buffer> input_buffers_, output_buffers_;
};

/// What checks are written with: a driver on a host, jobs, and a list of what is wrong.
class Probe {
 public:
  Probe(const Subject& subject, HostKind kind);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  [[nodiscard]] const Subject& subject() const noexcept { return subject_; }
  [[nodiscard]] Host& host() const noexcept { return *host_; }
  [[nodiscard]] bool virtual_time() const noexcept { return kind_ == HostKind::virtual_time; }

  bool expect(bool truth, const std::string& sentence);
  bool expect(const Status& status, const std::string& what);
  /// The value, or an end of the check.
  template <class T>
  T need(Expected<T> value, const std::string& what) {
    if (!value) fail(value.error(), what);
    return std::move(*value);
  }

  /// The driver, made at the first call.
  Driver& driver();
  DeviceDescription first_device();
  std::unique_ptr<DriverDevice> open();
  /// The subject's model on the first cores that it takes.
  std::unique_ptr<DriverInstance> load(DriverDevice& device, unsigned first_core = 0);
  [[nodiscard]] std::shared_ptr<const Model> model();

  /// A job with memory of its own, filled with `fill`.
  ProbeJob& job(std::byte fill = std::byte{3}, Submitter how = Submitter::continues, std::size_t rows = 1);
  /// Waits until it has ended; false and a complaint after a long time.
  bool wait(ProbeJob& job);
  /// Lets time pass: anything that is still going on happens.
  void settle(Duration time);

  [[nodiscard]] const std::vector<std::string>& complaints() const noexcept { return complaints_; }
  [[nodiscard]] bool not_implemented() const noexcept { return not_implemented_; }

 private:
  [[noreturn]] void fail(const Status& status, const std::string& what);

  const Subject& subject_;
  const HostKind kind_;
  std::shared_ptr<Host> host_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Driver> driver_;
  std::vector<std::unique_ptr<ProbeJob>> jobs_;
  std::atomic<std::uint64_t> ends_{0};
  std::vector<std::string> complaints_;
  bool not_implemented_ = false;
};

/// Ends a check early.
struct EndOfCheck {};

}  // namespace polymetis::conformance
