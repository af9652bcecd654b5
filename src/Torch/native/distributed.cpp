// c10d: process groups, collectives and the waiting for them.
#include "distributed.h"

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

using at::Tensor;
using ct::group_of;
using ct::GroupPtr;
using ct::store_of;
using ct::WorkPtr;
using std::chrono::milliseconds;

namespace {

WorkPtr& work_of(void* p) { return *static_cast<WorkPtr*>(p); }

template <class F>
void* start(F&& collective) {
  return ct::guarded<void*>(nullptr, [&]() -> void* { return new WorkPtr(collective()); });
}

// Whether the work is done within `timeout`; throws when it has failed.
bool done_within(c10d::Work& work, milliseconds timeout) {
#ifdef USE_C10D_NCCL
  // NCCL's wait() gives up the communicator when its time is over, so until the work is done it is only asked.
  if (dynamic_cast<c10d::ProcessGroupNCCL::WorkNCCL*>(&work)) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (!work.isCompleted()) {
      if (std::chrono::steady_clock::now() >= end) return false;
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
#endif
  try {
    return work.wait(timeout);
  } catch (...) {
    // Also thrown when only the time is over. What has ended by now, well or not, says so when asked again.
    return work.isCompleted() && work.wait(timeout);
  }
}

}  // namespace

void ct::abandon(GroupPtr&& group) {
  std::thread([group = std::move(group)]() mutable {
    try {
      ct::abort_collectives(*group, 0);
    } catch (...) {  // a backend that cannot lets its collectives time out
    }
    group.reset();
  }).detach();
}

// `host` is the address of the interface to use; empty for the one that this machine's name resolves to.
CT_API void* ct_gloo(void* store, int rank, int world_size, const char* host, int64_t timeout_ms) {
  return ct::guarded<void*>(nullptr, [&]() -> void* {
#ifdef USE_C10D_GLOO
    using Gloo = c10d::ProcessGroupGloo;
    auto options = Gloo::Options::create(milliseconds(timeout_ms));
    options->devices.push_back(*host ? Gloo::createDeviceForHostname(host) : Gloo::createDefaultDevice());
    return new GroupPtr(c10::make_intrusive<Gloo>(store_of(store), rank, world_size, options));
#else
    (void)store, (void)rank, (void)world_size, (void)host, (void)timeout_ms;
    TORCH_CHECK(false, "this build has no Gloo: its headers were missing; install libgloo-dev and run scripts/setup again");
#endif
  });
}

CT_API void* ct_nccl(void* store, int rank, int world_size, int64_t timeout_ms) {
  return ct::guarded<void*>(nullptr, [&]() -> void* {
#ifdef USE_C10D_NCCL
    // wait() must block the calling thread until the collective is done or has failed, and must throw rather than end
    // the process; libtorch reads these when it makes a group.
    setenv("TORCH_NCCL_BLOCKING_WAIT", "1", /*overwrite=*/0);
    setenv("NCCL_BLOCKING_WAIT", "1", /*overwrite=*/0);
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = milliseconds(timeout_ms);
    return new GroupPtr(c10::make_intrusive<c10d::ProcessGroupNCCL>(store_of(store), rank, world_size, options));
#else
    (void)store, (void)rank, (void)world_size, (void)timeout_ms;
    TORCH_CHECK(false, "this build has no NCCL: libtorch ", TORCH_VERSION,
                " was found without it; use Gloo, or build against a PyTorch with CUDA (CLIPTRAIN_TORCH=python scripts/setup)");
#endif
  });
}

CT_API void ct_group_free(void* group) { ct::free_quietly<GroupPtr>(group); }

// As ct_group_free, without waiting for the group's collectives.
CT_API int ct_group_abandon(void* group) {
  return ct::guarded(-1, [&] {
    ct::abandon(std::move(group_of(group)));
    ct::free_quietly<GroupPtr>(group);
    return 0;
  });
}

CT_API void* ct_all_reduce(void* group, void* tensor, int op) {
  return start([&] {
    std::vector<Tensor> tensors{ct::borrow(tensor)};
    c10d::AllreduceOptions options;
    options.reduceOp = static_cast<c10d::ReduceOp::RedOpType>(op);
    return group_of(group)->allreduce(tensors, options);
  });
}

CT_API void* ct_broadcast(void* group, void* tensor, int root) {
  return start([&] {
    std::vector<Tensor> tensors{ct::borrow(tensor)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return group_of(group)->broadcast(tensors, options);
  });
}

CT_API void* ct_all_gather(void* group, void** outputs, int count, void* input) {
  return start([&] {
    std::vector<std::vector<Tensor>> gathered(1);
    for (int i = 0; i < count; i++) gathered[0].push_back(ct::borrow(outputs[i]));
    std::vector<Tensor> inputs{ct::borrow(input)};
    return group_of(group)->allgather(gathered, inputs);
  });
}

// Flat forms, which NCCL has and Gloo lacks: [world · n] → [n] and back.
CT_API void* ct_reduce_scatter_tensor(void* group, void* output, void* input) {
  return start([&] {
    Tensor to = ct::borrow(output), from = ct::borrow(input);
    return group_of(group)->_reduce_scatter_base(to, from);
  });
}

CT_API void* ct_all_gather_into_tensor(void* group, void* output, void* input) {
  return start([&] {
    Tensor to = ct::borrow(output), from = ct::borrow(input);
    return group_of(group)->_allgather_base(to, from);
  });
}

CT_API void* ct_barrier(void* group) {
  return start([&] { return group_of(group)->barrier(); });
}

// 1 when the work is done, 0 when it is still under way after `timeout_ms` (above 0), -1 when it has failed.
CT_API int ct_work_wait(void* work, int64_t timeout_ms) {
  return ct::guarded(-1, [&] { return static_cast<int>(done_within(*work_of(work), milliseconds(timeout_ms))); });
}

CT_API int ct_work_is_completed(void* work) {
  return ct::guarded(-1, [&] { return static_cast<int>(work_of(work)->isCompleted()); });
}

CT_API void ct_work_free(void* work) { ct::free_quietly<WorkPtr>(work); }
