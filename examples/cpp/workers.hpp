#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "network.hpp"

/// One instance, its memory and its thread. Nobody else touches them, and an answer is read out before the next job is taken, so no frame is
/// overwritten in flight; each submit has a future of its own; what is thrown reaches the one who asked, and the worker lives on.
template <class Result>
class Worker {
 public:
  using Read = std::function<Result(const Slot&, const cv::Mat&)>;

  Worker(Instance loaded, const Network& network, Read read) : loaded_(std::move(loaded)), network_(network), read_(std::move(read)) {}
  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Blocks while one job runs and another waits: memory stays bounded, and a slow card holds back whoever feeds it.
  std::future<Result> submit(cv::Mat picture) {
    std::packaged_task<Result()> job([this, picture = std::move(picture)] {
      network_.put(picture, slot_);
      slot_.run(loaded_.instance.get());
      network_.get(slot_);
      return read_(slot_, picture);
    });
    auto future = job.get_future();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return jobs_.empty(); });
    jobs_.push_back(std::move(job));
    changed_.notify_all();
    return future;
  }

 private:
  void work() {
    while (true) {
      std::packaged_task<Result()> job;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
        if (jobs_.empty()) {
          return;
        }
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      changed_.notify_all();
      job();
    }
  }

  Instance loaded_;
  const Network& network_;
  Read read_;
  Slot slot_ = network_.slot();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<Result()>> jobs_;
  bool closed_ = false;
  std::jthread thread_{[this] { work(); }};  // the last member: joined before the others go
};

/// Workers on all cores of one card, which take turns.
template <class Result>
class Pool {
 public:
  Pool(axrContext* context, const axrDeviceInfo& device, const Network& network, const typename Worker<Result>::Read& read) {
    for (std::size_t core = 0; core < device.subdevice_count; ++core) {
      workers_.push_back(std::make_unique<Worker<Result>>(load_on(context, device, network), network, read));
    }
  }
  std::future<Result> submit(cv::Mat picture) { return workers_[turn_++ % workers_.size()]->submit(std::move(picture)); }
  [[nodiscard]] std::size_t size() const { return workers_.size(); }

 private:
  std::vector<std::unique_ptr<Worker<Result>>> workers_;
  std::size_t turn_ = 0;
};
