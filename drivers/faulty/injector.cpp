#include "faulty/injector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "faulty/faulty.hpp"

namespace polymetis::faulty {

namespace {

bool befalls_device(FaultKind kind) { return kind == FaultKind::lost || kind == FaultKind::flapping || kind == FaultKind::link_flap; }
/// Whether it is a job that makes it begin, and not a time alone.
bool begins_by_job(const Fault& fault) { return fault.at_job || fault.probability || fault.jobs || !fault.input_starts_with.empty(); }
/// How many jobs it strikes; what befalls a device begins once at a job of its own.
std::uint64_t most_jobs(const Fault& fault) {
  if (fault.jobs) return *fault.jobs;
  return befalls_device(fault.kind) && !fault.probability && fault.input_starts_with.empty() ? 1 : ~std::uint64_t{0};
}
bool takes_device(FaultKind kind) { return kind == FaultKind::lost || kind == FaultKind::flapping; }

/// SplitMix64: the same three numbers, the same die.
std::uint64_t mix(std::uint64_t seed, std::uint64_t fault, std::uint64_t job) {
  std::uint64_t z = seed + 0x9e3779b97f4a7c15ULL * (fault * 0x10000000fULL + job + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

bool starts_with(std::span<const Buffer> inputs, const std::vector<std::byte>& prefix) {
  if (prefix.empty()) return true;
  return !inputs.empty() && inputs[0].size_bytes >= prefix.size() && std::memcmp(inputs[0].data, prefix.data(), prefix.size()) == 0;
}

Duration down_time(const Fault& fault) {
  if (fault.lasts) return *fault.lasts;
  return fault.kind == FaultKind::link_flap ? Duration(std::chrono::milliseconds(50)) : fault.every / 2;
}

std::string comparable(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), ':', '-');
  return result;
}

}  // namespace

std::string_view fault_name(FaultKind kind) noexcept {
  static constexpr std::array<std::string_view, 13> names = {
      "lost",         "flapping", "link_flap", "hang",    "timeout",       "transfer_failed",      "transfer_aborted",
      "memory_error", "error",    "slow",      "corrupt", "answers_twice", "answers_after_abandon"};
  return names.at(static_cast<std::size_t>(kind));
}

Status Health::status(unsigned life) const noexcept {
  if (lost()) return {Code::connection_error, fmt::format("device {} is lost", name_)};
  if (life != this->life()) return {Code::connection_error, fmt::format("device {} was lost and is back: open it and load the model again", name_)};
  if (link_down_.load(std::memory_order_acquire) > 0) return {Code::connection_error, fmt::format("the link to device {} is down", name_)};
  return {};
}

void Health::add(std::weak_ptr<DownListener> listener) {
  const std::lock_guard lock(mutex_);
  std::erase_if(listeners_, [](const auto& one) { return one.expired(); });
  listeners_.push_back(std::move(listener));
}

std::vector<std::shared_ptr<DownListener>> Health::listeners() {
  std::vector<std::shared_ptr<DownListener>> result;
  const std::lock_guard lock(mutex_);
  for (const auto& one : listeners_) {
    if (auto listener = one.lock()) result.push_back(std::move(listener));
  }
  return result;
}

Injector::Injector(FaultPlan plan, std::shared_ptr<Host> host) : host_(std::move(host)), made_(host_->now()), seed_(plan.seed), telling_(host_) {
  for (auto& fault : plan.faults) {
    for (auto& device : fault.devices) device = comparable(device);
    courses_.push_back(std::make_unique<Course>(host_));
    courses_.back()->fault = std::move(fault);
  }
}

void Injector::start() {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < courses_.size(); ++i) {
    const Fault& fault = courses_[i]->fault;
    if (befalls_device(fault.kind) && !begins_by_job(fault)) set_alarm(i, made_ + fault.at.value_or(Duration::zero()), &Injector::go_down);
  }
}

void Injector::stop() noexcept {
  watch(nullptr);
  const std::lock_guard lock(mutex_);
  for (auto& course : courses_) course->alarm.cancel();
  telling_.cancel();
}

std::shared_ptr<Health> Injector::health(const std::string& device) {
  const std::lock_guard lock(mutex_);
  auto key = comparable(device);
  auto& health = devices_[key];
  if (!health) {
    health = std::make_shared<Health>(device, std::move(key));
    for (const auto& course : courses_) {
      if (!course->down || !concerns(course->fault, health->key_)) continue;
      ++(takes_device(course->fault.kind) ? health->lost_ : health->link_down_);
    }
  }
  return health;
}

bool Injector::concerns(const Fault& fault, const std::string& device) const {
  return fault.devices.empty() || std::find(fault.devices.begin(), fault.devices.end(), device) != fault.devices.end();
}

bool Injector::strikes(Course& course, std::uint64_t dice, TimePoint now, std::span<const Buffer> inputs) const {
  const Fault& fault = course.fault;
  const auto since = now - made_;
  if (fault.at && since < *fault.at) return false;
  if (!befalls_device(fault.kind) && fault.lasts && since >= fault.at.value_or(Duration::zero()) + *fault.lasts) return false;
  if (fault.at_job && course.seen < *fault.at_job) return false;
  if (course.struck >= most_jobs(fault)) return false;
  if (!starts_with(inputs, fault.input_starts_with)) return false;
  if (fault.probability && static_cast<double>(dice >> 11) * 0x1p-53 >= *fault.probability) return false;
  return true;
}

Strike Injector::strike(const Health& health, std::span<const Buffer> inputs) {
  const auto now = host_->now();
  Strike result;
  std::vector<std::size_t> beginning;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < courses_.size(); ++i) {
      Course& course = *courses_[i];
      const bool of_device = befalls_device(course.fault.kind);
      if (!concerns(course.fault, health.key_)) continue;
      ++course.seen;
      const auto dice = mix(seed_, i, course.seen);
      if (of_device ? course.down || !begins_by_job(course.fault) : result.fault != nullptr) continue;
      if (!strikes(course, dice, now, inputs)) continue;
      ++course.struck;
      if (of_device)
        beginning.push_back(i);
      else
        result = {&course.fault, mix(dice, i, 1)};
    }
  }
  for (const auto index : beginning) go_down(index);
  return result;
}

void Injector::set_alarm(std::size_t index, TimePoint when, void (Injector::*then)(std::size_t)) {
  courses_[index]->alarm.set(when, [self = weak_from_this(), index, then] {
    if (const auto injector = self.lock()) (injector.get()->*then)(index);
  });
}

void Injector::set_down(Course& course, int change) {
  for (auto& [name, health] : devices_) {
    if (!concerns(course.fault, name)) continue;
    if (takes_device(course.fault.kind)) {
      if (health->lost_.fetch_add(change) == 0) ++health->life_;
    } else {
      health->link_down_ += change;
    }
  }
}

void Injector::go_down(std::size_t index) {
  std::vector<std::shared_ptr<DownListener>> listeners;
  std::vector<std::string> names;
  Course& course = *courses_[index];
  {
    const std::lock_guard lock(mutex_);
    if (course.down) return;
    course.down = true;
    course.began = host_->now();
    set_down(course, 1);
    for (auto& [name, health] : devices_) {
      if (!concerns(course.fault, name)) continue;
      names.push_back(health->name_);
      for (auto& listener : health->listeners()) listeners.push_back(std::move(listener));
    }
    const bool back = course.fault.kind != FaultKind::lost || course.fault.lasts;
    if (back) set_alarm(index, *course.began + down_time(course.fault), &Injector::come_up);
  }
  for (const auto& listener : listeners) listener->device_down();
  if (!takes_device(course.fault.kind)) return;
  for (const auto& name : names) tell({DeviceChange::Kind::lost, name, fmt::format("device {} is lost, as its fault list says", name)});
}

void Injector::come_up(std::size_t index) {
  std::vector<std::string> names;
  Course& course = *courses_[index];
  {
    const std::lock_guard lock(mutex_);
    if (!course.down) return;
    course.down = false;
    set_down(course, -1);
    for (auto& [name, health] : devices_) {
      if (concerns(course.fault, name) && !health->lost()) names.push_back(health->name_);
    }
    if (course.fault.kind == FaultKind::flapping) set_alarm(index, *course.began + course.fault.every, &Injector::go_down);
  }
  if (!takes_device(course.fault.kind)) return;
  for (const auto& name : names) tell({DeviceChange::Kind::appeared, name, fmt::format("device {} is back, as its fault list says", name)});
}

void Injector::watch(Listener listener) {
  const std::lock_guard lock(listening_);
  listener_ = std::move(listener);
}

void Injector::tell(DeviceChange change) {
  const std::lock_guard lock(mutex_);
  changes_.push_back(std::move(change));
  if (changes_.size() > 1) return;
  // by way of the host: this may be inside a submit, and the listener may take its time
  telling_.set(host_->now(), [self = weak_from_this()] {
    if (const auto injector = self.lock()) injector->tell_all();
  });
}

void Injector::tell_all() {
  const std::lock_guard listening(listening_);
  std::vector<DeviceChange> changes;
  {
    const std::lock_guard lock(mutex_);
    changes.swap(changes_);
  }
  for (const auto& change : changes) {
    if (listener_) listener_(change);
  }
}

}  // namespace polymetis::faulty
