// Random number generators.
#include <ATen/Context.h>
#include <ATen/core/Generator.h>

#include <mutex>

#include "common.h"

namespace {

at::Generator borrow(void* p) {
  return at::Generator(
      c10::intrusive_ptr<c10::GeneratorImpl>::unsafe_reclaim_from_nonowning(static_cast<c10::GeneratorImpl*>(p)));
}

const at::Generator& default_generator(int type, int index) {
  return at::globalContext().defaultGenerator(
      c10::Device(static_cast<c10::DeviceType>(type), static_cast<c10::DeviceIndex>(index)));
}

}  // namespace

CT_API int ct_manual_seed(uint64_t seed) {
  return ct::guarded(-1, [&] {
    at::manual_seed(seed);
    return 0;
  });
}

// A new generator, or with `shared` libtorch's own default one of that device.
CT_API void* ct_generator(int type, int index, int shared) {
  return ct::guarded<void*>(nullptr, [&]() -> void* {
    at::Generator g = default_generator(type, index);
    if (shared) return g.unsafeReleaseGeneratorImpl();
    std::lock_guard<std::mutex> lock(g.mutex());
    return g.clone().unsafeReleaseGeneratorImpl();
  });
}

CT_API void ct_generator_free(void* p) {
  c10::intrusive_ptr<c10::GeneratorImpl>::reclaim(static_cast<c10::GeneratorImpl*>(p));
}

CT_API int ct_generator_seed(void* p, uint64_t seed) {
  return ct::guarded(-1, [&] {
    at::Generator g = borrow(p);
    std::lock_guard<std::mutex> lock(g.mutex());
    g.set_current_seed(seed);
    return 0;
  });
}

CT_API void* ct_generator_get_state(void* p) {
  return ct::guarded<void*>(nullptr, [&] {
    at::Generator g = borrow(p);
    std::lock_guard<std::mutex> lock(g.mutex());
    return ct::give(g.get_state());
  });
}

CT_API int ct_generator_set_state(void* p, void* state) {
  return ct::guarded(-1, [&] {
    at::Generator g = borrow(p);
    std::lock_guard<std::mutex> lock(g.mutex());
    g.set_state(ct::borrow(state));
    return 0;
  });
}
