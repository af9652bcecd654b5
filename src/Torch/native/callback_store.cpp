// A c10d store whose keys and values lie with C#: each call goes to a function there.
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "distributed.h"

using std::chrono::milliseconds;

// What C# passes (StoreCallbacks.cs). A negative result is a failure, whose text ct_set_last_error was given. A time-out of
// -1 ms waits for ever. `get` gives its value to ct_bytes_assign.
struct CtStoreCallbacks {
  int (*set)(void* backend, const char* key, const uint8_t* value, int length);
  int (*get)(void* backend, const char* key, int64_t timeout_ms, void* value);
  int (*add)(void* backend, const char* key, int64_t amount, int64_t* result);
  int (*check)(void* backend, const char* key);
  int (*erase)(void* backend, const char* key);
  int (*wait)(void* backend, const char* key, int64_t timeout_ms);
  void (*release)(void* backend);
};

namespace {

using Bytes = std::vector<uint8_t>;

int checked(int result) {
  TORCH_CHECK(result >= 0, ct::last_error());
  return result;
}

int64_t or_for_ever(milliseconds timeout) { return timeout == c10d::Store::kNoTimeout ? -1 : timeout.count(); }

class CallbackStore final : public c10d::Store {
 public:
  CallbackStore(const CtStoreCallbacks& calls, void* backend, milliseconds timeout)
      : Store(timeout), calls_(calls), backend_(backend, calls.release) {}

  void set(const std::string& key, const Bytes& value) override {
    checked(calls_.set(backend_.get(), key.c_str(), value.data(), static_cast<int>(value.size())));
  }

  Bytes get(const std::string& key) override {
    Bytes value;
    checked(calls_.get(backend_.get(), key.c_str(), or_for_ever(timeout_), &value));
    return value;
  }

  int64_t add(const std::string& key, int64_t amount) override {
    int64_t result = 0;
    checked(calls_.add(backend_.get(), key.c_str(), amount, &result));
    return result;
  }

  bool deleteKey(const std::string& key) override { return checked(calls_.erase(backend_.get(), key.c_str())) != 0; }

  bool check(const std::vector<std::string>& keys) override {
    return std::all_of(keys.begin(), keys.end(), [this](const std::string& key) {
      return checked(calls_.check(backend_.get(), key.c_str())) != 0;
    });
  }

  int64_t getNumKeys() override { TORCH_CHECK(false, "this store does not count its keys"); }

  void wait(const std::vector<std::string>& keys) override { wait(keys, timeout_); }

  void wait(const std::vector<std::string>& keys, const milliseconds& timeout) override {
    const auto end = std::chrono::steady_clock::now() + timeout;
    int64_t left = or_for_ever(timeout);
    for (const std::string& key : keys) {
      checked(calls_.wait(backend_.get(), key.c_str(), left));
      if (left < 0) continue;
      const auto rest = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
      left = std::max<int64_t>(rest.count(), 1);
    }
  }

  // Overrides a pure function of late 2.x, which earlier versions do not have.
  c10::intrusive_ptr<c10d::Store> clone() { return c10::make_intrusive<CallbackStore>(*this); }

 private:
  CtStoreCallbacks calls_;
  std::shared_ptr<void> backend_;  // a GCHandle, released with the last store that uses it
};

}  // namespace

// Takes over `backend` also when it fails.
CT_API void* ct_callback_store(const CtStoreCallbacks* calls, void* backend, int64_t timeout_ms) {
  return ct::guarded<void*>(nullptr, [&]() -> void* {
    return new ct::StorePtr(c10::make_intrusive<CallbackStore>(*calls, backend, milliseconds(timeout_ms)));
  });
}

CT_API void ct_bytes_assign(void* bytes, const uint8_t* data, int length) {
  static_cast<Bytes*>(bytes)->assign(data, data + length);
}
