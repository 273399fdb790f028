#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/mutex.hpp"
#include "device/instance.hpp"

namespace polymetis::device {

struct JobSlot;

/// What waits to be given to the driver: a slot's job, a slot whose job ended after its Instance was gone, or (no slot) "look around".
struct InboxNode {
  InboxNode* next = nullptr;
  JobSlot* slot = nullptr;
};

/// A place for one job. Its memory is never freed, only used again, so that an answer that comes far too late finds numbers to differ from.
struct JobSlot final : Job {
  explicit JobSlot(JobSink& sink) noexcept : Job(sink) { node.slot = this; }

  using Job::number_;
  // set by whoever took the place, read by whoever hands over and by the one who ends the job
  unsigned index = 0;
  std::uint64_t generation = 0;
  const void* thread = nullptr;  // that submitted
  void (*done)(void*, const Status&, const Stamps&) noexcept = nullptr;
  void* argument = nullptr;
  std::shared_ptr<void> keep_alive;
  InboxNode node;
  // guarded by the right to call the driver
  std::uint64_t handed = 0;  // the job that the driver was given last
  std::uint64_t told = 0;    // the job that the driver was last told to abandon
  // own synchronisation
  std::atomic<std::uint64_t> live{0};       // the number of the job inside, 0 = none: who sets it to 0 ends the job
  std::atomic<std::uint64_t> abandoned{0};  // the number of a job that nobody waits for
};

/// The part of an Instance that the driver sees, alive until the last job has ended; then used again for another instance.
///
/// The right to call the driver is taken by exchanging `inbox_` from idle to empty. Who finds it taken leaves a node there and goes: the holder hands
/// everything over before it lets go. So nobody waits, and a submission from within `done` costs no stack.
class InstanceState final : public JobSink {
 public:
  static constexpr unsigned most_places = 63;

  static InstanceState* make(std::unique_ptr<DriverInstance> inner, Host& host, std::shared_ptr<CoreMeter> meter, std::shared_ptr<void> lease);
  explicit InstanceState(unsigned places);

  [[nodiscard]] const InstanceTraits& traits() const noexcept { return traits_; }
  [[nodiscard]] unsigned in_flight() const noexcept;
  JobId submit(const JobRequest& request) noexcept;
  void abandon(JobId job) noexcept;
  /// The Instance is gone; this is used again as soon as nothing is inside.
  void close() noexcept;
  Answer job_ended(Job& job, std::uint64_t number, const Status& status, const Stamps& stamps) noexcept override;

 private:
  friend class StatePool;
  enum class Where { caller, host };

  JobSlot* take_place() noexcept;
  void free_place(JobSlot& slot) noexcept;
  void meter(const Status& status, const Stamps& stamps, std::size_t rows) noexcept;
  void look_around() noexcept;
  void enter(InboxNode& node) noexcept;
  // Only for the holder of the right to call the driver:
  void work(Where where) noexcept;
  bool move_to_host(const InboxNode& node, unsigned foreign) noexcept;
  bool refill() noexcept;
  void process(InboxNode& node, Where where) noexcept;
  void hand_over(JobSlot& slot, Where where) noexcept;
  void tend() noexcept;
  void finish() noexcept;
  void let_go() noexcept;

  static constexpr std::uint64_t closed = std::uint64_t{1} << 63;

  // constant while used
  std::unique_ptr<DriverInstance> inner_;
  Host* host_ = nullptr;
  std::shared_ptr<CoreMeter> meter_;
  std::shared_ptr<void> lease_;
  InstanceTraits traits_;
  unsigned capacity_;
  std::uint64_t all_free_ = 0;
  std::vector<std::unique_ptr<JobSlot>> slots_;
  InstanceState* next_spare_ = nullptr;
  // own synchronisation
  std::atomic<std::uint64_t> places_{0};  // a bit a free place; `closed` once the Instance is gone
  std::atomic<InboxNode*> inbox_{nullptr};
  std::atomic<bool> looking_{false};  // look_node_ is in the inbox
  base::Mutex meter_mutex_;           // only where two jobs can end at once
  // guarded by the right to call the driver
  InboxNode* waiting_ = nullptr;  // in order
  bool closing_ = false;
  InboxNode look_node_;
};

}  // namespace polymetis::device
