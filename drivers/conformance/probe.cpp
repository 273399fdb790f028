#include "conformance/probe.hpp"

#include <fmt/format.h>

#include "base/loop_host.hpp"
#include "base/thread_host.hpp"

namespace polymetis::conformance {

namespace {

std::vector<std::vector<std::byte>> memory(const std::vector<TensorInfo>& tensors, std::size_t rows, std::byte fill) {
  std::vector<std::vector<std::byte>> result;
  for (const auto& tensor : tensors) result.emplace_back(tensor.size_bytes() * rows, fill);
  return result;
}

std::vector<Buffer> buffers(std::vector<std::vector<std::byte>>& memory) {
  std::vector<Buffer> result;
  for (auto& bytes : memory) result.push_back({bytes.data(), bytes.size(), -1, 0});
  return result;
}

}  // namespace

ProbeJob::ProbeJob(const Model& model, std::size_t row_count, std::byte fill, TimePoint now, Submitter how)
    : Job(static_cast<JobSink&>(*this)),
      input_memory(memory(model.inputs, row_count, fill)),
      output_memory(memory(model.outputs, row_count, std::byte{0x77})),
      input_buffers_(buffers(input_memory)),
      output_buffers_(buffers(output_memory)) {
  inputs = input_buffers_;
  outputs = output_buffers_;
  rows = row_count;
  submitter = how;
  queued = now;
}

Answer ProbeJob::job_ended(Job&, std::uint64_t, const Status& how, const Stamps& when) noexcept {
  if (ends.fetch_add(1) > 0) return Answer::too_late;
  status = how;
  stamps = when;
  place = counter->fetch_add(1) + 1;
  if (then) then();
  latch.open();
  return Answer::taken;
}

Probe::Probe(const Subject& subject, HostKind kind) : subject_(subject), kind_(kind) {
  if (virtual_time())
    host_ = std::make_shared<base::LoopHost>();
  else
    host_ = std::make_shared<base::ThreadHost>();
}

Probe::~Probe() {
  driver_.reset();
  host_.reset();  // ends its threads: nothing ends a job after that
}

bool Probe::expect(bool truth, const std::string& sentence) {
  if (!truth) complaints_.push_back(sentence);
  return truth;
}

bool Probe::expect(const Status& status, const std::string& what) {
  if (status.code() == Code::not_implemented) not_implemented_ = true;
  return expect(status.ok(), fmt::format("{}: {} ({})", what, status.to_string(), code_name(status.code())));
}

void Probe::fail(const Status& status, const std::string& what) {
  expect(status, what);
  throw EndOfCheck{};
}

Driver& Probe::driver() {
  if (!driver_) driver_ = need(subject_.make(host_), "making the driver");
  return *driver_;
}

DeviceDescription Probe::first_device() {
  auto devices = need(driver().list(), "listing the devices");
  if (!expect(!devices.empty(), "the driver lists no device to check")) throw EndOfCheck{};
  return devices.front();
}

std::unique_ptr<DriverDevice> Probe::open() { return need(driver().open(first_device()), "opening the first device"); }

std::shared_ptr<const Model> Probe::model() {
  if (!model_) model_ = subject_.model();
  return model_;
}

std::unique_ptr<DriverInstance> Probe::load(DriverDevice& device, unsigned first_core) {
  const auto cores = static_cast<unsigned>(model()->batch);
  return need(device.load(model(), {{first_core, cores}}), "loading the model");
}

ProbeJob& Probe::job(std::byte fill, Submitter how, std::size_t rows) {
  jobs_.push_back(std::make_unique<ProbeJob>(*model(), rows, fill, host_->now(), how));
  jobs_.back()->counter = &ends_;
  return *jobs_.back();
}

bool Probe::wait(ProbeJob& job) {
  const auto limit = virtual_time() ? Duration(std::chrono::hours(1)) : Duration(std::chrono::seconds(30));
  return expect(host_->wait(job.latch, host_->now() + limit), "a job did not end");
}

void Probe::settle(Duration time) {
  Latch never;
  host_->wait(never, host_->now() + time);
}

}  // namespace polymetis::conformance
