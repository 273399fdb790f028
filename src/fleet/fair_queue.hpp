#pragma once

#include <algorithm>
#include <vector>

#include "fleet/ids.hpp"

namespace polymetis::fleet {

/// Which stream of a model is served next: the highest priority first, and among equals weighted fair queueing (each has a virtual time that
/// advances by cost / weight; the lowest goes; one that was idle starts at the present, so it saves nothing up). Thread-bound.
class FairQueue {
 public:
  void add(StreamId stream, unsigned priority, double weight) { entries_.push_back({stream, priority, weight, now_}); }
  void remove(StreamId stream) {
    std::erase_if(entries_, [stream](const Entry& entry) { return entry.stream == stream; });
  }
  /// `stream` has something to serve again after it had nothing.
  void wake(StreamId stream) noexcept {
    for (Entry& entry : entries_)
      if (entry.stream == stream) entry.time = std::max(entry.time, now_);
  }

  /// The stream to serve among those for which `can_serve(StreamId)`; an invalid id where there is none.
  template <class CanServe>
  [[nodiscard]] StreamId pick(CanServe&& can_serve) const {
    const Entry* best = nullptr;
    for (const Entry& entry : entries_) {
      if (best != nullptr && !goes_before(entry, *best)) continue;
      if (can_serve(entry.stream)) best = &entry;
    }
    return best == nullptr ? StreamId{} : best->stream;
  }
  template <class Act>
  void each(Act&& act) const {
    for (const Entry& entry : entries_) act(entry.stream);
  }
  void charge(StreamId stream, double cost) noexcept {
    for (Entry& entry : entries_) {
      if (entry.stream != stream) continue;
      now_ = std::max(now_, entry.time);
      entry.time += cost / entry.weight;
    }
  }

 private:
  struct Entry {
    StreamId stream;
    unsigned priority;
    double weight;
    double time;
  };
  static bool goes_before(const Entry& a, const Entry& b) noexcept { return a.priority != b.priority ? a.priority > b.priority : a.time < b.time; }

  std::vector<Entry> entries_;
  double now_ = 0;
};

}  // namespace polymetis::fleet
