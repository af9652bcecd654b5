// c10d stores, through which the ranks of a group find each other.
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <vector>

#include "distributed.h"

using std::chrono::milliseconds;

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
    return new ct::StorePtr(std::move(store));
  });
}

CT_API void* ct_prefix_store(const char* prefix, void* store) {
  return ct::guarded<void*>(nullptr, [&]() -> void* {
    return new ct::StorePtr(c10::make_intrusive<c10d::PrefixStore>(std::string(prefix), ct::store_of(store)));
  });
}

CT_API void ct_store_free(void* store) { ct::free_quietly<ct::StorePtr>(store); }

CT_API int ct_store_set(void* store, const char* key, const uint8_t* value, int length) {
  return ct::guarded(-1, [&] {
    ct::store_of(store)->set(key, std::vector<uint8_t>(value, value + length));
    return 0;
  });
}

// Waits for the key. The value lies in memory that is this thread's until its next call. Returns its length, or -1.
CT_API int ct_store_get(void* store, const char* key, const uint8_t** value) {
  thread_local std::vector<uint8_t> held;
  return ct::guarded(-1, [&] {
    held = ct::store_of(store)->get(key);
    *value = held.data();
    return static_cast<int>(held.size());
  });
}

CT_API int ct_store_add(void* store, const char* key, int64_t amount, int64_t* result) {
  return ct::guarded(-1, [&] {
    *result = ct::store_of(store)->add(key, amount);
    return 0;
  });
}

CT_API int ct_store_wait(void* store, const char* key, int64_t timeout_ms) {
  return ct::guarded(-1, [&] {
    ct::store_of(store)->wait({key}, milliseconds(timeout_ms));
    return 0;
  });
}

// 1 when the key was there.
CT_API int ct_store_delete(void* store, const char* key) {
  return ct::guarded(-1, [&] { return static_cast<int>(ct::store_of(store)->deleteKey(key)); });
}
