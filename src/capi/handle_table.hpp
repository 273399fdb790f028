#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "polymetis/status.hpp"

namespace polymetis::capi {

/// What a C caller holds: not an address but the place in the table, the generation of that place and the process in a line of forks.
/// No two objects of a process ever have the same one, so a stale handle is always recognised.
enum class Handle : std::uintptr_t { none = 0 };

inline Handle handle_of(const void* pointer) noexcept { return static_cast<Handle>(reinterpret_cast<std::uintptr_t>(pointer)); }

/// In an order in which what owns comes before what it owns; the tree is three high at most, and only its root owns owners.
enum class Kind { context, connection, model, instance, properties };

/// What a handle stands for. `end` is called once, after its handle and those below have stopped working; calls that are still inside
/// another thread go on and get the answers of the runtime's released objects.
class Object {
 public:
  explicit Object(Kind kind) noexcept : kind_(kind) {}
  virtual ~Object() = default;
  virtual void end() noexcept {}
  [[nodiscard]] Kind kind() const noexcept { return kind_; }

 private:
  const Kind kind_;
};

/// All objects of this process that C callers hold, as a tree. Never destroyed, and its memory never unmapped, so that a handle can be
/// looked up at any time, also while the process ends. Thread-safe.
class HandleTable {
 public:
  /// The table of this process; a forked child gets a new one.
  static HandleTable& current();

  /// Adds `object` below `parent`, or as a root. Errors: `invalid_argument` the parent has ended meanwhile; `runtime_error` table full.
  Expected<Handle> insert(std::shared_ptr<Object> object, Handle parent);
  /// Errors: `invalid_argument` with the end of a sentence: what is wrong with this handle.
  [[nodiscard]] Expected<std::shared_ptr<Object>> find(Handle handle);
  /// Takes `handle` and all below it out and ends them. Errors: as `find`.
  Status end(Handle handle);
  /// The root above `handle`; also for one that has ended, as long as its place was not taken again. Otherwise `none`.
  [[nodiscard]] Handle root_of(Handle handle);

 private:
  struct Slot {
    std::mutex mutex;  // guards all below; taken alone or inside tree_mutex_
    std::uint32_t generation = 0;
    Handle parent = Handle::none;
    Handle root = Handle::none;
    std::shared_ptr<Object> object;  // null: ended, or never used
  };
  static constexpr std::size_t chunk_slots = 256;
  static constexpr std::size_t chunk_count = 4096;
  using Chunk = std::array<Slot, chunk_slots>;

  explicit HandleTable(unsigned process, HandleTable* before) : process_(process), before_(before) {}
  [[nodiscard]] Slot* slot_of(Handle handle) const noexcept;
  [[nodiscard]] Slot& slot_at(std::size_t index) const noexcept;
  [[nodiscard]] Handle make_handle(std::size_t index, std::uint32_t generation) const noexcept;
  Expected<std::size_t> take_place();
  bool is_live(Handle handle);
  std::shared_ptr<Object> take_out(std::size_t index, Slot& slot);

  const unsigned process_;
  HandleTable* const before_;  // the parent process's; kept reachable, never used
  std::array<std::atomic<Chunk*>, chunk_count> chunks_{};
  std::mutex tree_mutex_;  // guards the shape of the tree and all below
  std::size_t places_ = 0;
  std::deque<std::size_t> free_;  // oldest first, so that what has ended is remembered long
};

}  // namespace polymetis::capi
