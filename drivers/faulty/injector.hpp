#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "faulty/alarm.hpp"
#include "faulty/fault_plan.hpp"
#include "polymetis/driver.hpp"

namespace polymetis::faulty {

/// What wants to know that its device went down. Its `device_down` is called on any thread.
class DownListener {
 public:
  virtual void device_down() noexcept = 0;

 protected:
  ~DownListener() = default;
};

/// How one device is. Thread-safe.
class Health {
 public:
  /// `key`: the name as it is compared.
  Health(std::string name, std::string key) : name_(std::move(name)), key_(std::move(key)) {}
  /// Which life of the device this is; one ends when it is lost.
  [[nodiscard]] unsigned life() const noexcept { return life_.load(std::memory_order_acquire); }
  /// Ok, or why what belongs to `life` fails now.
  [[nodiscard]] Status status(unsigned life) const noexcept;
  [[nodiscard]] bool lost() const noexcept { return lost_.load(std::memory_order_acquire) > 0; }
  void add(std::weak_ptr<DownListener> listener);

 private:
  friend class Injector;
  std::vector<std::shared_ptr<DownListener>> listeners();

  // constant
  const std::string name_;
  const std::string key_;
  // own synchronisation
  std::atomic<unsigned> life_{0};
  std::atomic<int> lost_{0};  // faults that hold it so
  std::atomic<int> link_down_{0};
  // guarded by mutex_
  std::mutex mutex_;
  std::vector<std::weak_ptr<DownListener>> listeners_;
};

/// What befalls a job: a fault and the numbers that it threw.
struct Strike {
  const Fault* fault = nullptr;  // null: nothing
  std::uint64_t dice = 0;
};

/// Decides when faults begin, end and strike, and tells of devices that go and come. Thread-safe; shared.
class Injector : public std::enable_shared_from_this<Injector> {
 public:
  using Listener = std::function<void(const DeviceChange&)>;

  Injector(FaultPlan plan, std::shared_ptr<Host> host);
  /// Sets the timers.
  void start();
  /// From here on nobody is told of anything.
  void stop() noexcept;

  [[nodiscard]] std::shared_ptr<Health> health(const std::string& device);
  /// Counts a job of a device and says what befalls it. Devices may go down by it.
  Strike strike(const Health& health, std::span<const Buffer> inputs);
  void watch(Listener listener);
  [[nodiscard]] Host& host() const noexcept { return *host_; }
  [[nodiscard]] const std::shared_ptr<Host>& shared_host() const noexcept { return host_; }

 private:
  /// One fault and how far it is.
  struct Course {
    explicit Course(const std::shared_ptr<Host>& host) : alarm(host) {}
    Fault fault;
    std::uint64_t seen = 0;
    std::uint64_t struck = 0;
    std::optional<TimePoint> began;  // of what befalls devices
    bool down = false;
    Alarm alarm;
  };

  [[nodiscard]] bool concerns(const Fault& fault, const std::string& device) const;
  [[nodiscard]] bool strikes(Course& course, std::uint64_t dice, TimePoint now, std::span<const Buffer> inputs) const;
  void go_down(std::size_t index);
  void come_up(std::size_t index);
  void set_down(Course& course, int change);
  void set_alarm(std::size_t index, TimePoint when, void (Injector::*then)(std::size_t));
  void tell(DeviceChange change);
  void tell_all();

  // constant
  const std::shared_ptr<Host> host_;
  const TimePoint made_;
  const std::uint64_t seed_;
  // guarded by mutex_
  std::mutex mutex_;
  std::vector<std::unique_ptr<Course>> courses_;
  std::map<std::string, std::shared_ptr<Health>> devices_;
  std::vector<DeviceChange> changes_;  // not told yet
  Alarm telling_;
  // guarded by listening_, held while the listener runs: it may call back
  std::recursive_mutex listening_;
  Listener listener_;
};

}  // namespace polymetis::faulty
