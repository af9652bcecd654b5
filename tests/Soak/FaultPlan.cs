namespace ClipTrain.Soak;

/// <summary>
/// A sequence of faults, a function of a seed. Kinds are dealt like a shuffled deck of cards, so each occurs equally often.
/// </summary>
public static class FaultPlan
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1.5),
        LongestSecond = TimeSpan.FromMilliseconds(200),
        SlowTime = TimeSpan.FromSeconds(2);

    /// <param name="kinds">The kinds to deal.</param>
    /// <param name="workers">Number of workers; at least three, so that killing two leaves one.</param>
    /// <param name="lease">Time of silence after which a worker counts as lost.</param>
    public static IEnumerable<Fault> Draw(int seed, int count, IReadOnlyList<FaultKind> kinds, int workers, TimeSpan lease)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 3);
        var random = new Random(seed);
        var pack = kinds.ToArray();
        for (var i = 0; i < count; i++)
        {
            if (i % pack.Length == 0)
            {
                random.Shuffle(pack);
            }

            var kind = pack[i % pack.Length];
            yield return new Fault(kind, random.NextDouble() * LongestPause, Victims(kind, random, workers), Length(kind, random, lease));
        }
    }

    private static int[] Victims(FaultKind kind, Random random, int workers)
    {
        var order = Enumerable.Range(0, workers).ToArray();
        random.Shuffle(order);
        var number = kind switch
        {
            FaultKind.KillCoordinator
            or FaultKind.KillBothCoordinators
            or FaultKind.FreezeCoordinator
            or FaultKind.FreezeCoordinatorBeyondTakeover
            or FaultKind.CutCoordinators
            or FaultKind.RestartStore => 0,
            FaultKind.KillTwoWorkers => 2,
            FaultKind.KillAllWorkers => workers,
            FaultKind.KillInRecovery => random.Next(1, 3),
            _ => 1,
        };
        return order[..number];
    }

    private static TimeSpan Length(FaultKind kind, Random random, TimeSpan lease) =>
        kind switch
        {
            FaultKind.KillInRecovery => random.NextDouble() * LongestSecond,
            FaultKind.FreezeWorker or FaultKind.CutWorker => Between(random, 0.05, 0.6) * lease,
            FaultKind.FreezeWorkerBeyondLease or FaultKind.CutWorkerBeyondLease => Between(random, 1.3, 2) * lease,
            // However long the coordinator is away, no worker may count as lost because of it.
            FaultKind.FreezeCoordinator or FaultKind.CutCoordinators or FaultKind.KillBothCoordinators or FaultKind.RestartStore => Between(
                random,
                0.05,
                2
            ) * lease,
            // After the takeover.
            FaultKind.FreezeCoordinatorBeyondTakeover => random.NextDouble() * lease,
            FaultKind.SlowWorker => SlowTime,
            _ => TimeSpan.Zero,
        };

    private static double Between(Random random, double least, double most) => least + (random.NextDouble() * (most - least));
}
