using System.ComponentModel;
using ClipTrain.Coordinator.Clustering;

namespace ClipTrain.Trainer.Options;

[Description("Workers of one run.")]
public sealed record ClusterOptions
{
    [
        Description("Worker processes. `cliptrain train` starts so many; `cliptrain coordinator` waits for so many before the first step."),
        Minimum(1),
        Maximum(65536)
    ]
    public int Workers { get; init; } = 1;

    [
        Description(
            "With fewer workers than this the run waits for more; by default cluster.workers. Less lets the run go on with those that "
                + "are left: the same batches, larger shares."
        ),
        Minimum(1),
        Maximum(65536)
    ]
    public int? MinWorkers { get; init; }

    [Description("More workers than this wait as spares; by default cluster.workers."), Minimum(1), Maximum(65536)]
    public int? MaxWorkers { get; init; }

    [Description("Compute threads a worker; 0 shares the cores out evenly."), Minimum(0), Maximum(1024)]
    public int ThreadsPerWorker { get; init; }

    [Description("Device of the workers: cpu, or cuda (worker i uses cuda:i).")]
    public string Device { get; init; } = "cpu";

    [Description("Port of the coordinator of `cliptrain train` on loopback; 0 takes a free one."), Minimum(0), Maximum(65535)]
    public int Port { get; init; }

    [Description("Where coordinator processes find each other: file (in the run directory), redis or postgres.")]
    public ClusteringKind Clustering { get; init; }

    [Description(
        "Connection string of the Redis or PostgreSQL server; the variable CLIPTRAIN_CLUSTERING_CONNECTION keeps a password out of the "
            + "file."
    )]
    public string? ClusteringConnection { get; init; }

    [Description("A collective that takes longer than this counts as broken: the workers regroup."), Minimum(1)]
    public double CollectiveTimeoutSeconds { get; init; } = 300;

    [Description("The lease: a worker that is not heard of for this long counts as lost."), Minimum(1)]
    public double HeartbeatTimeoutSeconds { get; init; } = 30;

    [Description("How long the first generation waits for all cluster.workers before cluster.min_workers are enough."), Minimum(1)]
    public double FormingTimeoutSeconds { get; init; } = 120;

    [Description("A worker that cannot reach the coordinator for this long stops at a checkpoint."), Minimum(1)]
    public double CoordinatorTimeoutSeconds { get; init; } = 600;
}
