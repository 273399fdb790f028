#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "virtual/compute.hpp"
#include "virtual/cpu_budget.hpp"
#include "virtual/device_state.hpp"

namespace polymetis::virtual_card {

constexpr unsigned instance_depth = 2;

/// No job is called hung before this age: where nothing is computed it is how late a crowded computer may be with a thread, else also with the
/// computation.
constexpr Duration instant_hang_floor = std::chrono::milliseconds(200);
constexpr Duration computed_hang_floor = std::chrono::seconds(1);

/// What every kind of instance is made from.
struct InstanceParts {
  std::shared_ptr<Host> host;
  std::shared_ptr<CpuBudget> budget;
  std::shared_ptr<DeviceState> device;
  std::shared_ptr<const Model> model;
  std::unique_ptr<Compute> compute;
  CoreRange cores;
};

/// Compute `none`, timing `host`: a job takes no time and ends inside `submit`.
std::unique_ptr<DriverInstance> instant_instance(InstanceParts parts);
/// Compute `openvino`, timing `host`: a job takes as long as its computation, on the submitting thread where that waits and a CPU is free.
std::unique_ptr<DriverInstance> host_instance(InstanceParts parts);
/// Timing at a fixed rate: a job ends at the later of its modelled end and the end of its computation.
std::unique_ptr<DriverInstance> timed_instance(InstanceParts parts);

/// Why a job ended that was taken back.
[[nodiscard]] Status taken_back();
/// Why a job ended that came when `instance_depth` were inside.
[[nodiscard]] Status too_many();

/// The few jobs inside an instance, in the order of their submission. Thread-bound.
template <class T>
class JobRing {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool full() const noexcept { return size_ == items_.size(); }
  T& operator[](std::size_t i) noexcept { return items_[(first_ + i) % items_.size()]; }
  T& push(T item) noexcept {
    T& place = (*this)[size_++];
    place = std::move(item);
    return place;
  }
  T pop() noexcept {
    T item = std::move(items_[first_]);
    first_ = (first_ + 1) % items_.size();
    --size_;
    return item;
  }
  T remove(std::size_t i) noexcept {
    T item = std::move((*this)[i]);
    for (; i + 1 < size_; ++i) (*this)[i] = std::move((*this)[i + 1]);
    --size_;
    return item;
  }

 private:
  std::array<T, instance_depth> items_{};
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace polymetis::virtual_card
