using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// Writes committed steps to the ledger and passes their metrics to the observer. Entries that cannot be written, as on a full disk, are
/// kept and retried, and not acknowledged meanwhile, so that workers keep them too. Not thread-safe.
/// </summary>
/// <param name="publishedStep">Metrics up to this step are already published, and repeated steps are not published again.</param>
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

        // The ledger first: it must know every published step.
        await FlushAsync().ConfigureAwait(false);
        var news = steps.Where(step => step.Metrics.Step > _publishedStep).ToList();
        if (news.Count > 0)
        {
            _publishedStep = news[^1].Metrics.Step;
            observer.OnSteps(news);
        }
    }

    /// <summary>Retries entries that could not be written.</summary>
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
                observer.OnWarning(
                    $"the run's ledger could not be written: {error.Message} Workers keep their records until it can be written."
                );
            }

            _isFailing = true;
        }
    }

    /// <summary>The last step that is on disk, given the last step that was taken.</summary>
    public long SafeStep(long recordedStep) =>
        _pending.Select(entry => entry.Generation?.StartStep ?? entry.Step!.Metrics.Step - 1).Append(recordedStep).Min();
}
