// A worker calls libtorch from one thread. oneDNN 2.6, which Debian's libtorch has, is not safe with several that make bf16
// primitives of new shapes at once: under load tests failed with bad_alloc or "broken promise" out of aten::linear.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
