// Reverse-mode differentiation: backward passes, gradients and the grad mode.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "function.h"

using at::Tensor;

CT_API int ct_requires_grad(void* t) {
  return ct::guarded(-1, [&] { return static_cast<int>(ct::borrow(t).requires_grad()); });
}

CT_API int ct_set_requires_grad(void* t, int value) {
  return ct::guarded(-1, [&] {
    ct::borrow(t).set_requires_grad(value != 0);
    return 0;
  });
}

// Null when there is no gradient.
CT_API int ct_grad(void* t, void** out) {
  return ct::guarded(-1, [&] {
    *out = ct::give(Tensor(ct::borrow(t).grad()));
    return 0;
  });
}

CT_API int ct_set_grad(void* t, void* grad) {
  return ct::guarded(-1, [&] {
    const Tensor self = ct::borrow(t), g = ct::borrow(grad);
    TORCH_CHECK(!g.defined() || (g.sizes() == self.sizes() && g.dtype() == self.dtype() && g.device() == self.device()),
                "a gradient must have its tensor's shape, dtype and device: ", self.sizes(), " ", self.dtype(), " on ",
                self.device(), ", not ", g.sizes(), " ", g.dtype(), " on ", g.device());
    self.mutable_grad() = g;
    return 0;
  });
}

// `grads` may be null, and so may each of its elements, for outputs of one element. When a function of C# threw, `exception`
// receives that.
CT_API int ct_backward(void** outputs, void** grads, int count, int retain_graph, void** exception) {
  *exception = nullptr;
  return ct::guarded(-1, [&] {
    torch::autograd::variable_list roots, root_grads;
    for (int i = 0; i < count; i++) {
      roots.push_back(ct::borrow(outputs[i]));
      root_grads.push_back(ct::borrow(grads ? grads[i] : nullptr));
    }
    try {
      torch::autograd::backward(roots, root_grads, retain_graph != 0);
    } catch (const ct::ManagedError& error) {
      *exception = error.exception;
      throw;
    }
    return 0;
  });
}

CT_API int ct_is_grad_enabled() { return c10::GradMode::is_enabled(); }

// Sets this thread's mode and returns the one it replaces.
CT_API int ct_set_grad_enabled(int enabled) {
  const bool previous = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(enabled != 0);
  return previous;
}
