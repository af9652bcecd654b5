using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Soak;

/// <summary>Rules that the history of a run must obey.</summary>
/// <param name="GlobalBatch">Samples per step.</param>
/// <param name="IsBitwise">True if repeated steps must have the same loss.</param>
/// <param name="MayGoBack">True if all replicas of a generation's state may have been lost when the next one forms.</param>
/// <param name="LeastCheckpoint">Step of a checkpoint that was complete well before the run went back.</param>
public sealed record HistoryRules(
    int GlobalBatch,
    bool IsBitwise,
    Func<GenerationRecord, bool> MayGoBack,
    Func<long, long> LeastCheckpoint
);

/// <summary>The committed steps of a run, read from its ledger entry by entry; each is checked against the previous ones.</summary>
public sealed class StepHistory(HistoryRules rules)
{
    private readonly List<double> _losses = [];
    private readonly List<double> _seconds = [];
    private readonly List<int> _generations = [];
    private readonly Dictionary<int, GenerationRecord> _records = [];

    /// <summary>The last committed step.</summary>
    public long Step { get; private set; }

    /// <summary>The generation that formed last; null before the first.</summary>
    public GenerationRecord? Generation { get; private set; }

    /// <summary>The newest generation that has committed a step; 0 before the first.</summary>
    public int CommittedGeneration { get; private set; }

    /// <summary>Number of step entries read, including those undone later.</summary>
    public long Entries { get; private set; }

    public long UndoneSteps { get; private set; }

    /// <summary>Number of processes that have hosted the run and recorded entries.</summary>
    public int Segments { get; private set; }

    /// <summary>Durations of the committed steps, as measured by the workers.</summary>
    public IReadOnlyList<double> StepSeconds => _seconds;

    /// <summary>The loss of a committed step, from 1.</summary>
    public double Loss(long step) => _losses[(int)step - 1];

    /// <summary>Adds an entry.</summary>
    /// <returns>The problems found.</returns>
    public IEnumerable<string> Add(LedgerEntry entry)
    {
        if (entry.After is not null)
        {
            Segments++;
            return [];
        }

        return [.. entry.Generation is { } generation ? AddGeneration(generation) : AddStep(entry.Step!)];
    }

    private IEnumerable<string> AddGeneration(GenerationRecord generation)
    {
        if (generation.Generation <= (Generation?.Generation ?? 0))
        {
            yield return $"generation {generation.Generation} was recorded after generation {Generation!.Generation}";
        }

        // It may start from a step whose record has not arrived yet. The steps that follow show whether it did.
        if (generation.StartStep < Step)
        {
            var source = _records[_generations[(int)Step - 1]];
            var start = $"generation {generation.Generation} starts from step {generation.StartStep}";
            if (!rules.MayGoBack(source))
            {
                var workers = string.Join(", ", source.Workers);
                yield return $"{start}, although step {Step} is committed and not all of {workers} have been hit since";
            }

            if (rules.LeastCheckpoint(Step) is var least && generation.StartStep < least)
            {
                yield return $"{start}, although there is a checkpoint of step {least}";
            }

            UndoneSteps += Step - generation.StartStep;
            Step = generation.StartStep;
        }

        Generation = generation;
        _records[generation.Generation] = generation;
    }

    private IEnumerable<string> AddStep(StepRecord record)
    {
        var step = record.Metrics.Step;
        Entries++;
        if (step != Step + 1)
        {
            yield return $"step {step} was recorded after step {Step}";
        }

        if (!_records.TryGetValue(record.Generation, out var generation))
        {
            yield return $"step {step} belongs to generation {record.Generation}, which was not recorded";
        }
        else if (record.Shares.Count != generation.Workers.Count)
        {
            yield return $"step {step} has shares of {record.Shares.Count} ranks, but its generation has {generation.Workers.Count}";
        }

        if (record.Shares.Sum(share => share.Samples) is var samples && samples != rules.GlobalBatch)
        {
            yield return $"step {step} has {samples} samples, not {rules.GlobalBatch}";
        }

        if (Keep((int)step, record) is { } before && rules.IsBitwise && !before.Equals(record.Metrics.Loss))
        {
            yield return $"step {step} was repeated with loss {record.Metrics.Loss:R}; its loss was {before:R}";
        }

        Step = step;
        CommittedGeneration = Math.Max(CommittedGeneration, record.Generation);
    }

    /// <summary>Records a step's loss and returns its loss before it was undone, if it was.</summary>
    private double? Keep(int step, StepRecord record)
    {
        if (step == _losses.Count + 1)
        {
            _losses.Add(record.Metrics.Loss);
            _seconds.Add(record.Metrics.StepSeconds);
            _generations.Add(record.Generation);
            return null;
        }

        if (step < 1 || step > _losses.Count)
        {
            return null;
        }

        var before = _losses[step - 1];
        _losses[step - 1] = record.Metrics.Loss;
        _seconds[step - 1] = record.Metrics.StepSeconds;
        _generations[step - 1] = record.Generation;
        return before;
    }
}
