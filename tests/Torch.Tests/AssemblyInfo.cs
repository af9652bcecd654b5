// Live-handle counts, seeds and thread counts are the process's.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
