using System.ComponentModel;
using ClipTrain.Coordinator.Clustering;

namespace ClipTrain.Trainer.Options;

[Description("Workers of a run.")]
public sealed record ClusterOptions
{
    [
        Description(
            "Number of worker processes. `cliptrain train` starts them; `cliptrain coordinator` waits for them " + "before the first step."
        ),
        Minimum(1),
        Maximum(65536)
    ]
    public int Workers { get; init; } = 1;

    [
        Description(
            "Minimum number of workers; with fewer, the run waits. Defaults to cluster.workers. A lower value "
                + "lets the run continue with the remaining workers: the same batches, larger shares."
        ),
        Minimum(1),
        Maximum(65536)
    ]
    public int? MinWorkers { get; init; }

    [Description("Maximum number of workers; further ones wait as spares. Defaults to cluster.workers."), Minimum(1), Maximum(65536)]
    public int? MaxWorkers { get; init; }

    [Description("Compute threads per worker; 0 divides the cores evenly."), Minimum(0), Maximum(1024)]
    public int ThreadsPerWorker { get; init; }

    [Description(
        "cpu or cuda. With cuda, worker i of `cliptrain train` uses cuda:i; nodes and workers of a cluster are told their devices "
            + "with `--device`."
    )]
    public string Device { get; init; } = "cpu";

    [Description("Loopback port of the coordinator of `cliptrain train`; 0 uses a free one."), Minimum(0), Maximum(65535)]
    public int Port { get; init; }

    [Description("How coordinator processes find each other: file (in the run directory), redis or postgres.")]
    public ClusteringKind Clustering { get; init; }

    [Description(
        "Connection string of the Redis or PostgreSQL server. To keep a password out of the file, set the "
            + "environment variable CLIPTRAIN_CLUSTERING_CONNECTION instead."
    )]
    public string? ClusteringConnection { get; init; }

    [Description("Seconds after which a collective counts as broken, and the workers regroup."), Minimum(1)]
    public double CollectiveTimeoutSeconds { get; init; } = 300;

    [Description("The lease: seconds without contact after which a worker counts as lost."), Minimum(1)]
    public double HeartbeatTimeoutSeconds { get; init; } = 30;

    [Description("Seconds for which the first generation waits for all cluster.workers before cluster.min_workers are enough."), Minimum(1)]
    public double FormingTimeoutSeconds { get; init; } = 120;

    [Description("Seconds without contact to the coordinator after which a worker stops at a checkpoint."), Minimum(1)]
    public double CoordinatorTimeoutSeconds { get; init; } = 600;
}
