// NCCL's collectives between processes and threads of one machine, over shared memory. Sums add the ranks in their order.
#include "stream.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr size_t PageBytes = 4096, SlotBytes = 1 << 20;
constexpr int SystemError = 2, InProgress = 7, Int64 = 4, Float32 = 7, Float64 = 8;

// The start of the shared memory; each rank's slot follows.
struct Meeting {
  std::atomic<int> arrived, round;
};

struct Communicator {
  int ranks, rank;
  Meeting* meeting;
  uint8_t* slots;
  std::atomic<bool> aborted{false}, initialised{false}, starting{false}, connected{false};

  const uint8_t* slot(int of) const { return slots + of * SlotBytes; }

  // Waits for all ranks. False if the communicator is aborted.
  bool meet() {
    const int round = meeting->round;
    if (meeting->arrived.fetch_add(1) + 1 == ranks) {
      meeting->arrived = 0;
      meeting->round++;
      return true;
    }
    while (meeting->round == round) {
      if (aborted) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
    return true;
  }

  // Shows every rank's bytes to `read`, a slot at a time: its offset and length.
  template <class F>
  void exchange(const uint8_t* own, size_t bytes, F read) {
    for (size_t at = 0; at < bytes; at += SlotBytes) {
      const size_t length = std::min(SlotBytes, bytes - at);
      std::memcpy(slots + rank * SlotBytes, own + at, length);
      if (!meet()) return;
      read(at, length);
      if (!meet()) return;
    }
  }
};

template <class T>
void add(uint8_t* to, const uint8_t* from, size_t bytes) {
  for (size_t i = 0; i < bytes / sizeof(T); i++) reinterpret_cast<T*>(to)[i] += reinterpret_cast<const T*>(from)[i];
}

void add(int type, uint8_t* to, const uint8_t* from, size_t bytes) {
  type == Int64 ? add<int64_t>(to, from, bytes) : type == Float32 ? add<float>(to, from, bytes) : add<double>(to, from, bytes);
}

size_t size_of(int type) { return type == Int64 || type == Float64 ? 8 : type == Float32 ? 4 : 1; }

void all_reduce(Communicator& group, const uint8_t* send, uint8_t* receive, size_t bytes, int type) {
  group.exchange(send, bytes, [&](size_t at, size_t length) {
    std::memcpy(receive + at, group.slot(0), length);
    for (int rank = 1; rank < group.ranks; rank++) add(type, receive + at, group.slot(rank), length);
  });
}

// Runs a collective on a stream: body(group, send, receive). As with NCCL, a group's first one waits for all ranks before it is on the
// stream, in the background.
template <class F>
int start(const void* send, void* receive, void* communicator, void* stream, F body) {
  auto& group = *static_cast<Communicator*>(communicator);
  const auto run = [=, &group] { body(group, static_cast<const uint8_t*>(send), static_cast<uint8_t*>(receive)); };
  if (group.connected) {
    static_cast<standin::Stream*>(stream)->add(run);
    return 0;
  }
  group.starting = true;
  std::thread([=, &group] {
    if (!group.meet()) return;
    static_cast<standin::Stream*>(stream)->add(run);
    group.connected = true;
    group.starting = false;
  }).detach();
  return InProgress;
}

}

extern "C" {
struct UniqueId {
  char name[128];
};

int ncclGetUniqueId(UniqueId* id) {
  static std::atomic<int> s_number{0};
  std::memset(id, 0, sizeof *id);
  std::snprintf(id->name, sizeof id->name, "/cliptrain-standin-%d-%d", getpid(), s_number++);
  return 0;
}

int ncclCommInitRank(void** communicator, int ranks, UniqueId id, int rank) {
  const size_t bytes = PageBytes + ranks * SlotBytes;
  const int file = shm_open(id.name, O_CREAT | O_RDWR, 0600);
  if (file < 0 || ftruncate(file, static_cast<off_t>(bytes))) return SystemError;
  auto* memory = static_cast<uint8_t*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  close(file);
  auto* group = new Communicator{ranks, rank, reinterpret_cast<Meeting*>(memory), memory + PageBytes};
  *communicator = group;
  std::thread([=] {
    if (!group->meet()) return;
    shm_unlink(id.name);
    group->initialised = true;
  }).detach();
  return InProgress;
}

// The group stays: its stream may still look at it.
int ncclCommAbort(void* communicator) {
  static_cast<Communicator*>(communicator)->aborted = true;
  return 0;
}

int ncclCommGetAsyncError(void* communicator, int* error) {
  const auto& group = *static_cast<Communicator*>(communicator);
  *error = group.initialised && !group.starting ? 0 : InProgress;
  return 0;
}

const char* ncclGetErrorString(int) { return "the stand-in for NCCL failed"; }

int ncclAllReduce(const void* send, void* receive, size_t count, int type, int, void* communicator, void* stream) {
  return start(send, receive, communicator, stream,
               [=](Communicator& group, auto* from, auto* to) { all_reduce(group, from, to, count * size_of(type), type); });
}

int ncclReduceScatter(const void* send, void* receive, size_t count, int type, int, void* communicator, void* stream) {
  return start(send, receive, communicator, stream, [=](Communicator& group, auto* from, auto* to) {
    const size_t bytes = count * size_of(type);
    std::vector<uint8_t> sums(bytes * group.ranks);
    all_reduce(group, from, sums.data(), sums.size(), type);
    std::memcpy(to, sums.data() + group.rank * bytes, bytes);
  });
}

int ncclAllGather(const void* send, void* receive, size_t count, int type, void* communicator, void* stream) {
  return start(send, receive, communicator, stream, [=](Communicator& group, auto* from, auto* to) {
    const size_t bytes = count * size_of(type);
    group.exchange(from, bytes, [&](size_t at, size_t length) {
      for (int rank = 0; rank < group.ranks; rank++) std::memcpy(to + rank * bytes + at, group.slot(rank), length);
    });
  });
}

int ncclBroadcast(const void* send, void* receive, size_t count, int type, int root, void* communicator, void* stream) {
  return start(send, receive, communicator, stream, [=](Communicator& group, auto* from, auto* to) {
    group.exchange(from, count * size_of(type), [&](size_t at, size_t length) { std::memcpy(to + at, group.slot(root), length); });
  });
}
}
