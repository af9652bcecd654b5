// c10d: stores and process groups. Every object that C# holds is a heap-allocated intrusive pointer.
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <chrono>
#include <cstdlib>
#include <vector>

#include "common.h"

using at::Tensor;
using std::chrono::milliseconds;

namespace {

using StorePtr = c10::intrusive_ptr<c10d::Store>;
using GroupPtr = c10::intrusive_ptr<ct::Backend>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

StorePtr& store_of(void* p) { return *static_cast<StorePtr*>(p); }
GroupPtr& group_of(void* p) { return *static_cast<GroupPtr*>(p); }
WorkPtr& work_of(void* p) { return *static_cast<WorkPtr*>(p); }

template <class T>
void free_quietly(void* p) {
  try {
    delete static_cast<T*>(p);
  } catch (...) {  // a connection that breaks while it is closed is closed
  }
}

template <class F>
void* start(F&& collective) {
  return ct::guarded<void*>(nullptr, [&]() -> void* { return new WorkPtr(collective()); });
}

}  // namespace

// A client of the store at host:port; with `server`, that store itself as well, on a free port when `port` is 0.
CT_API void* ct_tcp_store(const char* host, int port, int server, int64_t timeout_ms, int* bound_port) {
  return ct::guarded<void*>(nullptr, [&]() -> void* {
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(port);
    options.isServer = server != 0;
    options.waitWorkers = false;
    options.timeout = milliseconds(timeout_ms);
    auto store = c10::make_intrusive<c10d::TCPStore>(std::string(host), options);
    *bound_port = store->getPort();
    return new StorePtr(std::move(store));
  });
}

CT_API void* ct_prefix_store(const char* prefix, void* store) {
  return ct::guarded<void*>(nullptr, [&]() -> void* {
    return new StorePtr(c10::make_intrusive<c10d::PrefixStore>(std::string(prefix), store_of(store)));
  });
}

CT_API void ct_store_free(void* store) { free_quietly<StorePtr>(store); }

CT_API int ct_store_set(void* store, const char* key, const uint8_t* value, int length) {
  return ct::guarded(-1, [&] {
    store_of(store)->set(key, std::vector<uint8_t>(value, value + length));
    return 0;
  });
}

// Waits for the key. The value lies in memory that is this thread's until its next call. Returns its length, or -1.
CT_API int ct_store_get(void* store, const char* key, const uint8_t** value) {
  thread_local std::vector<uint8_t> held;
  return ct::guarded(-1, [&] {
    held = store_of(store)->get(key);
    *value = held.data();
    return static_cast<int>(held.size());
  });
}

CT_API int ct_store_add(void* store, const char* key, int64_t amount, int64_t* result) {
  return ct::guarded(-1, [&] {
    *result = store_of(store)->add(key, amount);
    return 0;
  });
}

CT_API int ct_store_wait(void* store, const char* key, int64_t timeout_ms) {
  return ct::guarded(-1, [&] {
    store_of(store)->wait({key}, milliseconds(timeout_ms));
    return 0;
  });
}

// 1 when the key was there.
CT_API int ct_store_delete(void* store, const char* key) {
  return ct::guarded(-1, [&] { return static_cast<int>(store_of(store)->deleteKey(key)); });
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

CT_API void ct_group_free(void* group) { free_quietly<GroupPtr>(group); }

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

CT_API void* ct_barrier(void* group) {
  return start([&] { return group_of(group)->barrier(); });
}

CT_API int ct_work_wait(void* work, int64_t timeout_ms) {
  return ct::guarded(-1, [&] {
    TORCH_CHECK(work_of(work)->wait(milliseconds(timeout_ms)), "the collective did not finish");
    return 0;
  });
}

CT_API int ct_work_is_completed(void* work) {
  return ct::guarded(-1, [&] { return static_cast<int>(work_of(work)->isCompleted()); });
}

CT_API void ct_work_free(void* work) { free_quietly<WorkPtr>(work); }
