#include "fleet/sampler.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/unique_fd.hpp"

namespace polymetis::fleet {

namespace {

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

/// "some avg10=0.00 avg60=0.00 avg300=0.00 total=123", the total in microseconds.
std::optional<double> cpu_waited_seconds() {
  std::array<char, 256> text{};
  const base::UniqueFd file(::open("/proc/pressure/cpu", O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || ::read(file.get(), text.data(), text.size() - 1) <= 0) return std::nullopt;
  const char* const total = std::strstr(text.data(), "total=");
  if (total == nullptr) return std::nullopt;
  return static_cast<double>(std::strtoull(total + 6, nullptr, 10)) * 1e-6;
}

template <class Id, class Item, class Value>
void collect(std::vector<Value>& values, const Table<Id, Item>& table, Value Item::* member) {
  values.clear();
  for (std::size_t i = 0; i < table.size(); ++i) values.push_back(table[Id(i)].*member);
}

}  // namespace

void Sample::take(const Plan& plan, TimePoint now) {
  time = now;
  host_cpu_s = cpu_seconds();
  cpu_waited_s = cpu_waited_seconds();
  collect(device_frames, plan.devices(), &Plan::Device::frames);
  collect(device_busy, plan.devices(), &Plan::Device::busy);
  collect(instance_frames, plan.executors(), &Plan::Executor::frames);
  collect(instance_busy, plan.executors(), &Plan::Executor::busy);
  collect(model_outputs, plan.models(), &Plan::Model::outputs);
  collect(stream_outputs, plan.streams(), &Plan::Stream::outputs);
  collect(window_binds, plan.streams(), &Plan::Stream::window_binds);
  collect(consumer_binds, plan.streams(), &Plan::Stream::consumer_binds);
}

void Sampler::add(const Plan& plan, TimePoint now) {
  samples_[added_++ % samples_.size()].take(plan, now);
  next_ = now + apart;
}

/// The oldest of the last two seconds that is not of just now; if nothing happened in them, the newest before.
const Sample& Sampler::before(TimePoint now) const noexcept {
  const std::size_t kept = std::min(added_, samples_.size());
  std::size_t back = 0;
  while (back + 1 < kept && (now - newest(back).time < shortest || now - newest(back + 1).time <= longest)) ++back;
  return newest(back);
}

}  // namespace polymetis::fleet
