// Sums gradients over the ranks while the backward pass still computes others, as PyTorch's DistributedDataParallel does
// (Li et al., "PyTorch Distributed", VLDB 2020), over buckets that are ranges of one flat fp32 buffer.
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "collect_grads.h"
#include "distributed.h"

using at::Tensor;

namespace {

struct Leaf {
  Tensor tensor;
  int64_t offset;
  std::vector<size_t> buckets;  // those that it has elements in
  std::shared_ptr<torch::autograd::Node> accumulator;  // the leaf itself holds it only weakly
  uintptr_t hook = 0;
  bool arrived = false;
};

struct Bucket {
  Tensor range;  // of the flat buffer
  int leaves = 0;
  int missing = 0;
};

class Reducer {
 public:
  Reducer(Tensor flat, ct::GroupPtr group) : flat_(std::move(flat)), group_(std::move(group)) {}

  ~Reducer() {
    for (const Leaf& leaf : leaves_)
      if (leaf.hook) leaf.accumulator->del_post_hook(leaf.hook);
    // A group that was abandoned meanwhile is this one's to let go of, and must not be waited for either.
    if (group_ && group_.use_count() == 1) ct::abandon(std::move(group_));
  }

  void add_bucket(int64_t offset, int64_t length) { buckets_.push_back({flat_.narrow(0, offset, length)}); }

  void add_leaf(const Tensor& tensor, int64_t offset);
  void begin(bool accumulate);
  void arrive(size_t index);
  std::vector<ct::WorkPtr> finish();

 private:
  void collect(const std::vector<size_t>& leaves);
  void launch_while_whole();
  void launch_next();

  Tensor flat_;
  ct::GroupPtr group_;
  std::vector<Leaf> leaves_;
  std::vector<Bucket> buckets_;

  // Of the pass under way. Hooks of leaves on a GPU run on a thread of the autograd engine.
  std::mutex mutex_;
  bool armed_ = false;
  bool accumulate_ = false;
  size_t next_ = 0;  // the bucket to launch next
  std::vector<ct::WorkPtr> works_;
  std::exception_ptr failure_;
};

struct ArrivalHook final : torch::autograd::FunctionPostHook {
  ArrivalHook(Reducer* reducer, size_t leaf) : reducer(reducer), leaf(leaf) {}

  torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                            const torch::autograd::variable_list&) override {
    reducer->arrive(leaf);
    return outputs;
  }

  Reducer* reducer;  // removes this hook before it ends
  size_t leaf;
};

void Reducer::add_leaf(const Tensor& tensor, int64_t offset) {
  const size_t index = leaves_.size();
  const int64_t end = offset + tensor.numel();
  const at::ScalarType dtype = tensor.scalar_type();
  TORCH_CHECK(tensor.is_leaf() && tensor.requires_grad(), "tensor ", index, " is no leaf that requires a gradient");
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf, "leaf ", index, " is ", dtype,
              ", not Float, BFloat16 or Half");
  TORCH_CHECK(offset >= 0 && end <= flat_.numel(), "leaf ", index, " of ", tensor.numel(), " elements at offset ", offset,
              " does not fit a buffer of ", flat_.numel());
  Leaf leaf{tensor, offset, {}, torch::autograd::impl::grad_accumulator(tensor)};
  for (size_t b = 0; b < buckets_.size(); b++) {
    const int64_t from = buckets_[b].range.storage_offset() - flat_.storage_offset();
    if (offset < from + buckets_[b].range.numel() && from < end) {
      leaf.buckets.push_back(b);
      buckets_[b].leaves++;
    }
  }
  leaf.hook = leaf.accumulator->add_post_hook(std::make_unique<ArrivalHook>(this, index));
  leaves_.push_back(std::move(leaf));
}

void Reducer::begin(bool accumulate) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Leaf& leaf : leaves_) leaf.arrived = false;
  for (Bucket& bucket : buckets_) bucket.missing = bucket.leaves;
  accumulate_ = accumulate;
  next_ = 0;
  works_.clear();
  failure_ = nullptr;
  armed_ = true;
}

void Reducer::arrive(size_t index) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!armed_) return;
  Leaf& leaf = leaves_[index];
  TORCH_CHECK(!leaf.arrived, "leaf ", index, " received a gradient twice between Begin and Finish");
  collect({index});
  leaf.arrived = true;
  for (size_t b : leaf.buckets) buckets_[b].missing--;
  launch_while_whole();
}

// The works of all buckets, in the buckets' order; none without a group.
std::vector<ct::WorkPtr> Reducer::finish() {
  const std::lock_guard<std::mutex> lock(mutex_);
  armed_ = false;
  std::vector<size_t> rest;
  for (size_t i = 0; i < leaves_.size(); i++)
    if (!leaves_[i].arrived) rest.push_back(i);
  collect(rest);
  while (next_ < buckets_.size()) launch_next();
  std::vector<ct::WorkPtr> works = std::move(works_);
  works_.clear();
  if (failure_) std::rethrow_exception(failure_);
  return works;
}

void Reducer::collect(const std::vector<size_t>& leaves) {
  std::vector<Tensor> tensors;
  std::vector<int64_t> offsets;
  for (size_t i : leaves) {
    tensors.push_back(leaves_[i].tensor);
    offsets.push_back(leaves_[i].offset);
  }
  ct::collect_grads(tensors, offsets.data(), flat_, accumulate_);
}

void Reducer::launch_while_whole() {
  while (next_ < buckets_.size() && buckets_[next_].missing == 0) launch_next();
}

// Always in the buckets' order, whatever arrives first: every rank must start the same collectives in the same order.
void Reducer::launch_next() {
  const Bucket& bucket = buckets_[next_++];
  if (!group_ || failure_) return;
  try {
    std::vector<Tensor> tensors{bucket.range};
    works_.push_back(group_->allreduce(tensors));
  } catch (...) {  // kept for finish(), which says that the group failed; here it would be an error of the backward pass
    failure_ = std::current_exception();
  }
}

Reducer& reducer_of(void* p) { return *static_cast<Reducer*>(p); }

}  // namespace

// `ranges` has an offset and a length a bucket, in the order in which they are launched. `group` may be null.
CT_API void* ct_reducer(void** leaves, const int64_t* offsets, int leaf_count, void* flat_handle, void* group,
                        const int64_t* ranges, int bucket_count) {
  return ct::guarded<void*>(nullptr, [&]() -> void* {
    const Tensor flat = ct::borrow(flat_handle);
    TORCH_CHECK(flat.dim() == 1 && flat.scalar_type() == at::kFloat && flat.is_contiguous(),
                "gradients are reduced in a contiguous 1-D Float tensor, not ", flat.sizes(), " ", flat.dtype());
    auto reducer = std::make_unique<Reducer>(flat, group ? ct::group_of(group) : ct::GroupPtr());
    for (int i = 0; i < bucket_count; i++) reducer->add_bucket(ranges[2 * i], ranges[2 * i + 1]);
    for (int i = 0; i < leaf_count; i++) reducer->add_leaf(ct::borrow(leaves[i]), offsets[i]);
    return reducer.release();
  });
}

CT_API void ct_reducer_free(void* reducer) { ct::free_quietly<Reducer>(reducer); }

CT_API int ct_reducer_begin(void* reducer, int accumulate) {
  return ct::guarded(-1, [&] {
    reducer_of(reducer).begin(accumulate != 0);
    return 0;
  });
}

// `works` has room for one work a bucket and receives what was started. Returns their number.
CT_API int ct_reducer_finish(void* reducer, void** works) {
  return ct::guarded(-1, [&] {
    int count = 0;
    for (ct::WorkPtr& work : reducer_of(reducer).finish()) works[count++] = new ct::WorkPtr(std::move(work));
    return count;
  });
}
