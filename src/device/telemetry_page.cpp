#include "device/telemetry_page.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/fork.hpp"
#include "base/mutex.hpp"
#include "base/try.hpp"
#include "device/device_identity.hpp"
#include "device/telemetry_mapping.hpp"

namespace polymetis::device {

namespace {

using namespace telemetry_layout;

/// What a header says: ours, nothing yet, or a failure.
enum class Found { this_version, nothing, another_version };

Expected<Found> found_in(const Header& header, const std::filesystem::path& path) {
  if (header.magic == 0) return Found::nothing;
  if (header.magic != magic) {
    return failure(
        Code::connection_error,
        fmt::format("'{}' is not a telemetry page of Polymetis: remove it, or choose another run directory (POLYMETIS_RUN_DIR)", path.string()));
  }
  return header.version == version && header.slot_bytes == sizeof(CoreSlot) ? Found::this_version : Found::another_version;
}

Status other_version(const std::filesystem::path& path, const Header& header) {
  return {Code::connection_error,
          fmt::format("'{}' is a telemetry page of version {} that another process uses, and this Polymetis writes version {}: use one "
                      "version of Polymetis on a computer, or another run directory (POLYMETIS_RUN_DIR)",
                      path.string(), header.version, version)};
}

/// Zeroes what another version or a dead writer left; needs the gate and that nobody writes the page.
Status rebuild(const SharedFile& file, std::uint64_t size_bytes) {
  constexpr std::array<std::byte, 4096> zeros{};
  TRY(file.write_value(0, Header{}));
  TRY(file.allocate(size_bytes));
  for (std::uint64_t at = card_at; at < size_bytes; at += zeros.size()) {
    TRY(file.write(at, std::span(zeros).first(std::min<std::uint64_t>(zeros.size(), size_bytes - at))));
  }
  return file.write_value(0, Header{magic, version, sizeof(CoreSlot)});
}

/// Makes the page one of this version and size, and this file one of its users; needs the gate.
Status join(const SharedFile& file, std::uint64_t size_bytes) {
  const auto header = read_value<Header>(file.fd(), 0);
  if (TRY(found_in(header, file.path())) != Found::this_version) {
    if (TRY(file.try_lock(users)) == LockAnswer::busy) return other_version(file.path(), header);
    TRY(rebuild(file, size_bytes));
  }
  TRY(file.allocate(size_bytes));
  TRY(file.try_lock(users, LockKind::shared));
  return {};
}

struct Page {
  std::unique_ptr<SharedFile> file;
  TelemetryMapping mapping;
  const std::uint64_t generation = base::fork_generation();

  [[nodiscard]] bool made_before_fork() const noexcept { return generation != base::fork_generation(); }
};

void add(Word& counter, std::uint64_t more) noexcept { counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed); }

std::uint64_t nanoseconds(Duration duration) noexcept { return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0)); }

void clear(CoreSlot& slot) noexcept {
  for (Word* word : {&slot.frames, &slot.failures, &slot.busy_ns, &slot.last_end_ns, &slot.model_hash, &slot.memory_bytes}) {
    word->store(0, std::memory_order_relaxed);
  }
}

class PageMeter final : public CoreMeter {
 public:
  PageMeter(std::shared_ptr<Page> page, CoreRange cores, std::uint64_t model_hash, std::uint64_t memory_bytes);
  ~PageMeter() override;
  void ended(const Status& status, const Stamps& stamps, std::size_t rows) noexcept override;

 private:
  [[nodiscard]] ByteRange lock() const noexcept { return {first_core + cores_.first, cores_.count}; }

  const std::shared_ptr<Page> page_;
  const CoreRange cores_;
  const std::span<CoreSlot> slots_;
};

PageMeter::PageMeter(std::shared_ptr<Page> page, CoreRange cores, std::uint64_t model_hash, std::uint64_t memory_bytes)
    : page_(std::move(page)), cores_(cores), slots_(page_->mapping.slots().subspan(cores.first, cores.count)) {
  for (CoreSlot& slot : slots_) {
    clear(slot);
    slot.model_hash.store(model_hash, std::memory_order_relaxed);
    slot.memory_bytes.store(memory_bytes / cores.count, std::memory_order_relaxed);
  }
  add(slots_[0].memory_bytes, memory_bytes % cores.count);
  // Zeroed before the lock, which makes the slots count: what a dead holder left is never shown. The cores are reserved, so this waits
  // at most for a meter that outlives its lease for a moment; without the lock the slots read as empty.
  static_cast<void>(page_->file->lock(lock()));
}

PageMeter::~PageMeter() {
  if (page_->made_before_fork()) return;  // the slots are the parent's
  std::for_each(slots_.begin(), slots_.end(), clear);
  page_->file->unlock(lock());
}

void PageMeter::ended(const Status& status, const Stamps& stamps, std::size_t rows) noexcept {
  const std::uint64_t busy = nanoseconds(stamps.compute_ended - stamps.compute_started);
  const std::uint64_t end = nanoseconds(stamps.output_ended.time_since_epoch());
  const std::uint64_t share = slots_.size() == 1 ? rows : std::max<std::uint64_t>(rows / slots_.size(), 1);
  for (CoreSlot& slot : slots_) {
    add(slot.busy_ns, busy);
    slot.last_end_ns.store(end, std::memory_order_relaxed);
    Word& count = status.ok() ? slot.frames : slot.failures;
    count.store(count.load(std::memory_order_relaxed) + share, std::memory_order_release);
  }
}

class FilePage final : public TelemetryPage {
 public:
  FilePage(std::shared_ptr<Page> page, std::uint64_t description_hash) : page_(std::move(page)), description_hash_(description_hash) {}

  std::shared_ptr<CoreMeter> meter(CoreRange cores, std::uint64_t model_hash, std::uint64_t memory_bytes) override;
  [[nodiscard]] std::vector<CoreCounters> read() const override;
  void write_card(const CardState& state) override;
  [[nodiscard]] std::optional<CardState> read_card() const override;

 private:
  // Constant; the page has its own synchronisation.
  const std::shared_ptr<Page> page_;
  const std::uint64_t description_hash_;
  base::Mutex card_writer_;  // threads of this process: the lock of the file is between processes
};

std::shared_ptr<CoreMeter> FilePage::meter(CoreRange cores, std::uint64_t model_hash, std::uint64_t memory_bytes) {
  const std::size_t core_count = page_->mapping.slots().size();
  if (page_->made_before_fork() || cores.count == 0 || cores.first >= core_count || cores.count > core_count - cores.first) return nullptr;
  return std::make_shared<PageMeter>(page_, cores, model_hash, memory_bytes);
}

// The locks that this process holds are seen only through another descriptor.

std::vector<CoreCounters> FilePage::read() const {
  const auto probe = open_for_reading(page_->file->path());
  if (!probe || !*probe) return std::vector<CoreCounters>(page_->mapping.slots().size());
  return page_->mapping.read_cores(probe->get());
}

std::optional<CardState> FilePage::read_card() const {
  const auto probe = open_for_reading(page_->file->path());
  if (!probe || !*probe) return std::nullopt;
  return page_->mapping.read_card(probe->get(), description_hash_);
}

void FilePage::write_card(const CardState& state) {
  if (page_->made_before_fork()) return;
  const base::MutexLock lock(card_writer_);
  const auto answer = page_->file->lock(telemetry_layout::card);
  if (!answer || *answer == LockAnswer::busy) return;
  page_->mapping.write_card(state, description_hash_);
  page_->file->unlock(telemetry_layout::card);
}

/// Whether a file can be mapped and read without a fault: long enough and with its space.
bool is_whole(int fd, std::uint64_t size_bytes) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 && static_cast<std::uint64_t>(info.st_size) >= size_bytes &&
         static_cast<std::uint64_t>(info.st_blocks) * 512 >= size_bytes;
}

}  // namespace

Expected<std::shared_ptr<TelemetryPage>> telemetry_of(const std::filesystem::path& run_directory, const DeviceDescription& device) {
  auto file = TRY(SharedFile::open(device_file(run_directory, device.name, suffix), gate));
  TRY(join(*file, page_bytes(device.core_count)));
  auto mapping = TRY(TelemetryMapping::map(file->fd(), device.core_count, TelemetryMapping::Access::write));
  file->unlock(gate);
  auto page = std::make_shared<Page>(Page{std::move(file), std::move(mapping)});
  return std::make_shared<FilePage>(std::move(page), description_hash(device));
}

Expected<TelemetrySnapshot> peek_telemetry(const std::filesystem::path& run_directory, const DeviceDescription& device) {
  TelemetrySnapshot snapshot{std::vector<CoreCounters>(device.core_count), std::nullopt};
  const auto path = device_file(run_directory, device.name, suffix);
  const auto file = TRY(open_for_reading(path));
  if (!file) return snapshot;
  const auto header = read_value<Header>(file.get(), 0);
  const Found found = TRY(found_in(header, path));
  if (found == Found::another_version && locked_elsewhere(file.get(), users)) return Unexpected(other_version(path, header));
  // A page of an older description may be shorter; nobody who has this one has metered anything then.
  if (found != Found::this_version || !is_whole(file.get(), page_bytes(device.core_count))) return snapshot;
  const auto mapping = TRY(TelemetryMapping::map(file.get(), device.core_count, TelemetryMapping::Access::read));
  snapshot.cores = mapping.read_cores(file.get());
  snapshot.card = mapping.read_card(file.get(), description_hash(device));
  return snapshot;
}

}  // namespace polymetis::device
