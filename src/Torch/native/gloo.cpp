// Gloo's collectives over raw pointers, without torch. Each function returns 0, or -1 with the text in ct_gloo_error().
#include <gloo/allgatherv.h>
#include <gloo/allreduce.h>
#include <gloo/broadcast.h>
#include <gloo/math.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/store.h>
#include <gloo/transport/tcp/device.h>

#include <string>

#define API extern "C" __attribute__((visibility("default")))

namespace {

thread_local std::string error;

template <class F>
int guarded(F&& body) {
  try {
    body();
    return 0;
  } catch (const std::exception& e) {
    error = e.what();
  } catch (...) {
    error = "unknown C++ exception";
  }
  return -1;
}

// What C# implements. A failure is -1, its text was given to ct_gloo_fail(). `get` waits for the key and returns the length
// of a value that `take` then copies.
struct StoreCalls {
  int (*set)(void* self, const char* key, const char* data, int64_t length);
  int64_t (*get)(void* self, const char* key, int64_t timeout_ms);
  void (*take)(void* self, char* into);
};

struct CallbackStore final : gloo::rendezvous::Store {
  CallbackStore(StoreCalls calls, void* self, std::chrono::milliseconds timeout) : calls(calls), self(self), timeout(timeout) {}

  void set(const std::string& key, const std::vector<char>& data) override {
    if (calls.set(self, key.c_str(), data.data(), data.size())) throw std::runtime_error(error);
  }

  std::vector<char> get(const std::string& key) override {
    const int64_t length = calls.get(self, key.c_str(), timeout.count());
    if (length < 0) throw std::runtime_error(error);
    std::vector<char> data(length);
    calls.take(self, data.data());
    return data;
  }

  void wait(const std::vector<std::string>& keys) override { wait(keys, timeout); }

  void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& limit) override {
    for (const auto& key : keys)
      if (calls.get(self, key.c_str(), limit.count()) < 0) throw std::runtime_error(error);
  }

  StoreCalls calls;
  void* self;
  std::chrono::milliseconds timeout;
};

using ContextPtr = std::shared_ptr<gloo::rendezvous::Context>;
ContextPtr& context_of(void* p) { return *static_cast<ContextPtr*>(p); }

template <class T>
void add(void* to, const void* a, const void* b, size_t n) {
  T* __restrict t = static_cast<T*>(to);
  const T *x = static_cast<const T*>(a), *y = static_cast<const T*>(b);
#pragma GCC ivdep
  for (size_t i = 0; i < n; i++) t[i] = x[i] + y[i];
}

template <class T>
void all_reduce(const ContextPtr& context, void* data, size_t n, uint32_t tag) {
  gloo::AllreduceOptions options(context);
  options.setOutput(static_cast<T*>(data), n);
  options.setReduceFunction(gloo::AllreduceOptions::Func(add<T>));
  options.setTag(tag);
  gloo::allreduce(options);
}

}  // namespace

API const char* ct_gloo_error() { return error.c_str(); }

API void ct_gloo_fail(const char* message) { error = message; }

// Meets the other ranks through the store. `host` is the address to listen at; `timeout_ms` bounds this and every collective.
API void* ct_gloo_open(const StoreCalls* calls, void* self, int rank, int size, const char* host, int64_t timeout_ms) {
  void* result = nullptr;
  guarded([&] {
    const std::chrono::milliseconds timeout(timeout_ms);
    gloo::transport::tcp::attr attributes;
    attributes.hostname = host;
    auto context = std::make_shared<gloo::rendezvous::Context>(rank, size);
    context->setTimeout(timeout);
    CallbackStore store(*calls, self, timeout);
    auto device = gloo::transport::tcp::CreateDevice(attributes);
    context->connectFullMesh(store, device);
    result = new ContextPtr(context);
  });
  return result;
}

API void ct_gloo_close(void* context) {
  guarded([&] { delete &context_of(context); });
}

// Sums in place. `type` is torch's number of a type: 4 int64, 6 float, 7 double.
API int ct_gloo_all_reduce(void* context, void* data, int64_t n, int type, uint32_t tag) {
  return guarded([&] {
    switch (type) {
      case 4: return all_reduce<int64_t>(context_of(context), data, n, tag);
      case 6: return all_reduce<float>(context_of(context), data, n, tag);
      case 7: return all_reduce<double>(context_of(context), data, n, tag);
      default: throw std::invalid_argument("Gloo adds int64, float and double here");
    }
  });
}

// What the ranks send, `bytes` each, lies side by side in `out`.
API int ct_gloo_all_gather(void* context, void* in, void* out, int64_t bytes, uint32_t tag) {
  return guarded([&] {
    const auto& c = context_of(context);
    gloo::AllgathervOptions options(c);
    options.setInput(static_cast<char*>(in), bytes);
    options.setOutput(static_cast<char*>(out), std::vector<size_t>(c->size, bytes));
    options.setTag(tag);
    gloo::allgatherv(options);
  });
}

API int ct_gloo_broadcast(void* context, void* data, int64_t bytes, int root, uint32_t tag) {
  return guarded([&] {
    gloo::BroadcastOptions options(context_of(context));
    options.setOutput(static_cast<char*>(data), bytes);
    options.setRoot(root);
    options.setTag(tag);
    gloo::broadcast(options);
  });
}
