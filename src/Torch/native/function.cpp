// Steps of the graph whose way back is a function of C#.
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>
#include <utility>
#include <vector>

#include "function.h"

using at::Tensor;
using torch::autograd::variable_list;

// What C# passes (BackwardCallbacks.cs). `run` is given an owned handle to the gradient and to each saved tensor, and gives
// one to each input's gradient. It returns null, or what it threw, as a GCHandle.
struct CtBackwardCallbacks {
  void* (*run)(void* context, void* grad, void** saved, int saved_count, void** grads, int grad_count);
  void (*release)(void* context);
};

namespace {

struct ManagedFunction final : torch::autograd::Node {
  ManagedFunction(const CtBackwardCallbacks& calls, std::shared_ptr<void> context)
      : calls(calls), context(std::move(context)) {}

  variable_list apply(variable_list&& grads) override {
    // Where nothing flows back the function runs all the same, on zeros: it may be one step of many processes.
    Tensor grad = grads[0].defined() ? grads[0] : input_metadata(0).zeros_like();
    std::vector<void*> lent, results(num_outputs());
    for (const Tensor& tensor : saved) lent.push_back(ct::give(Tensor(tensor)));
    if (void* exception = calls.run(context.get(), ct::give(std::move(grad)), lent.data(), static_cast<int>(lent.size()),
                                    results.data(), static_cast<int>(results.size())))
      throw ct::ManagedError(exception);
    variable_list inputs;
    for (void* result : results) {
      inputs.push_back(ct::borrow(result));
      ct::release(result);
    }
    return inputs;
  }

  void release_variables() override { saved.clear(); }

  CtBackwardCallbacks calls;
  std::shared_ptr<void> context;  // a GCHandle
  std::vector<Tensor> saved;
};

}  // namespace

// Makes `output`, which has no history, a function of `inputs`. Takes over `context` also when it fails.
CT_API int ct_record_function(const CtBackwardCallbacks* calls, void* context, void* output, void** inputs, int input_count,
                              void** saved, int saved_count) {
  return ct::guarded(-1, [&] {
    std::shared_ptr<void> owned(context, calls->release);
    Tensor result = ct::borrow(output);
    TORCH_CHECK(!result.requires_grad(), "the output of a function must have no history of its own");
    variable_list sources;
    for (int i = 0; i < input_count; i++) sources.push_back(ct::borrow(inputs[i]));
    if (!torch::autograd::GradMode::is_enabled() || !torch::autograd::any_variable_requires_grad(sources)) return 0;
    auto node = std::make_shared<ManagedFunction>(*calls, std::move(owned));
    for (int i = 0; i < saved_count; i++) node->saved.push_back(ct::borrow(saved[i]).detach());
    node->set_next_edges(torch::autograd::collect_next_edges(sources));
    torch::autograd::set_history(result, node);
    return 0;
  });
}
