using ClipTrain.Coordinator.Clustering;

namespace ClipTrain.Soak;

/// <summary>Options of a soak test.</summary>
public sealed record SoakOptions
{
    public int Faults { get; init; } = 50;

    public int Seed { get; init; } = 1;

    public int Workers { get; init; } = 3;

    /// <summary>
    /// True if one worker is enough to continue. Otherwise the run waits until all are back, and must be bit-identical to a run without
    /// faults.
    /// </summary>
    public bool IsElastic { get; init; }

    /// <summary>Store of the membership table; for Redis and PostgreSQL a server is started.</summary>
    public ClusteringKind Clustering { get; init; }

    /// <summary>True if each worker has its own network that can be cut; requires root and iproute2.</summary>
    public bool HasNetwork { get; init; }

    /// <summary>True to keep the run's folder, which is always kept after a violation.</summary>
    public bool Keep { get; init; }

    /// <summary>Time of silence after which a worker counts as lost.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>A run that commits no step for this long after a fault counts as hung.</summary>
    public TimeSpan RecoveryLimit { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>The kinds of fault to inject.</summary>
    public IReadOnlyList<FaultKind> Kinds =>
        [
            .. Enum.GetValues<FaultKind>()
                .Where(kind =>
                    kind switch
                    {
                        FaultKind.CutWorker or FaultKind.CutWorkerBeyondLease or FaultKind.CutCoordinators => HasNetwork,
                        FaultKind.RestartStore => Clustering != ClusteringKind.File,
                        _ => true,
                    }
                ),
        ];
}
