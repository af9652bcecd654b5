// A GPU made of host memory, so that tests can run what needs a GPU without one. It computes with libtorch's kernels for CPUs, at once:
// it shows that tensors are where they must be and that every branch for GPUs runs, but nothing of a GPU's rounding, speed or races.
#include "device.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>

namespace standin {
namespace {

thread_local int8_t t_gpu = 0;
std::atomic<size_t> s_used{0};

long setting(const char* name, long otherwise) {
  const char* value = std::getenv(name);
  return value ? std::atol(value) : otherwise;
}

std::optional<std::vector<int>> visible_gpus() {
  const char* list = std::getenv("CUDA_VISIBLE_DEVICES");
  if (!list) return std::nullopt;
  std::vector<int> numbers;
  for (std::istringstream items(list); items.good();) {
    std::string item;
    std::getline(items, item, ',');
    if (!item.empty()) numbers.push_back(std::stoi(item));
  }
  return numbers;
}

// An allocation's size is in front of it. What is not yet written is NaN, or -1.
constexpr size_t Header = 64;

void release(void* data) {
  if (!data) return;
  auto* start = static_cast<char*>(data) - Header;
  s_used -= *reinterpret_cast<size_t*>(start);
  std::free(start);
}

// The methods of c10::Allocator, in its order.
struct GpuAllocator {
  virtual ~GpuAllocator() = default;
  virtual c10::DataPtr allocate(size_t bytes) {
    void* data = nullptr;
    if (bytes) {
      const size_t limit = static_cast<size_t>(setting("CLIPTRAIN_STANDIN_MIB", 1 << 20)) << 20;
      if ((s_used += bytes) > limit) {
        s_used -= bytes;
        throw std::runtime_error("CUDA out of memory. Tried to allocate " + std::to_string(bytes) + " bytes.");
      }
      auto* start = static_cast<char*>(std::aligned_alloc(Header, Header + (bytes + Header - 1) / Header * Header));
      *reinterpret_cast<size_t*>(start) = bytes;
      data = start + Header;
      std::memset(data, 0xFF, bytes);
    }
    return c10::DataPtr{data, &release, data, {c10::DeviceType::CUDA, t_gpu}};
  }
  virtual bool is_simple_data_ptr(const c10::DataPtr&) const { return false; }
  virtual void (*raw_deleter() const)(void*) { return &release; }
  virtual void copy_data(void* to, const void* from, size_t bytes) const { std::memcpy(to, from, bytes); }
};

GpuAllocator s_allocator;

// Serves as any method that returns GPU 0, its stream, true or nothing.
extern "C" void standin_yes();
asm(".text\nstandin_yes:\n mov $1, %eax\n xor %edx, %edx\n ret\n");

int8_t count() { return static_cast<int8_t>(gpus()); }

template <class F>
void* address(F* function) { return reinterpret_cast<void*>(function); }

struct Object {
  void** methods;
};
void* s_guardMethods[32];
void* s_hookMethods[47];
Object s_guard{s_guardMethods};

}

int gpus() {
  const auto visible = visible_gpus();
  return visible ? static_cast<int>(visible->size()) : static_cast<int>(setting("CLIPTRAIN_STANDIN_GPUS", 2));
}

int number_on_machine(int gpu) {
  const auto visible = visible_gpus();
  return visible ? visible->at(gpu) : gpu;
}

c10::Allocator* allocator() { return reinterpret_cast<c10::Allocator*>(&s_allocator); }

void allocate_on(int8_t gpu) { t_gpu = gpu; }

void register_device() {
  c10::SetAllocator(c10::DeviceType::CUDA, allocator(), 0);

  // c10::impl::DeviceGuardImplInterface: method 14 counts the devices, or says that an event is over.
  for (auto& method : s_guardMethods) method = address(&standin_yes);
  s_guardMethods[14] = s_guardMethods[15] = address(&count);
  static c10::impl::DeviceGuardImplRegistrar guard(c10::DeviceType::CUDA, reinterpret_cast<c10::impl::DeviceGuardImplInterface*>(&s_guard));

  // at::CUDAHooksInterface of a libtorch for CPUs says that there is no CUDA. Is it built, is it available, has a GPU a context,
  // how many are there; the last method waits for a GPU.
  auto& hooks = reinterpret_cast<Object&>(const_cast<at::CUDAHooksInterface&>(at::detail::getCUDAHooks()));
  std::memcpy(s_hookMethods, hooks.methods, sizeof s_hookMethods);
  s_hookMethods[2] = s_hookMethods[3] = s_hookMethods[4] = s_hookMethods[46] = address(&standin_yes);
  s_hookMethods[6] = address(&count);
  hooks.methods = s_hookMethods;
}

namespace {
__attribute__((constructor)) void load() {
  register_device();
  register_operators();
}
}
}
