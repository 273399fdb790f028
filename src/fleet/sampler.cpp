#include "fleet/sampler.hpp"

#include <ctime>

namespace polymetis::fleet {

namespace {

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
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
