using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// Brings committed steps to the ledger and their metrics to the observer. What cannot be written, as on a full disk, is kept
/// and tried again, and is not acknowledged meanwhile: its worker keeps it too. One thread calls.
/// </summary>
/// <param name="publishedStep">Metrics up to this step have been published: a step that is done again is not told of again.</param>
internal sealed class RecordKeeper(IRunLedger ledger, IRunObserver observer, long publishedStep)
{
    private readonly List<LedgerEntry> _pending = [];
    private long _publishedStep = publishedStep;
    private bool _isFailing;

    public Task RecordAsync(GenerationRecord generation)
    {
        _pending.Add(new LedgerEntry(Generation: generation));
        return FlushAsync();
    }

    public async Task RecordAsync(IReadOnlyList<StepRecord> steps)
    {
        _pending.AddRange(steps.Select(step => new LedgerEntry(Step: step)));

        // The ledger first: it knows every step that was ever told of.
        await FlushAsync().ConfigureAwait(false);
        var news = steps.Where(step => step.Metrics.Step > _publishedStep).ToList();
        if (news.Count > 0)
        {
            _publishedStep = news[^1].Metrics.Step;
            observer.OnSteps(news);
        }
    }

    /// <summary>Writes what could not be written before.</summary>
    public async Task FlushAsync()
    {
        if (_pending.Count == 0)
        {
            return;
        }

        try
        {
            await ledger.AppendAsync(_pending).ConfigureAwait(false);
            _pending.Clear();
            _isFailing = false;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (!_isFailing)
            {
                observer.OnWarning($"the run's ledger could not be written: {error.Message} Workers keep their records until it can be.");
            }

            _isFailing = true;
        }
    }

    /// <summary>The part of the steps that were taken which is safe.</summary>
    public long Safe(long recordedStep) =>
        _pending.Select(entry => entry.Generation?.StartStep ?? entry.Step!.Metrics.Step - 1).Append(recordedStep).Min();
}
