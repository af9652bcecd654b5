using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Runs;

/// <summary>How often each corpus of a mixture has been gone through.</summary>
public sealed class MixtureEpochs
{
    private readonly SampleOrder _order;
    private readonly string[] _names;

    private MixtureEpochs(SampleOrder order, string[] names) => (_order, _names) = (order, names);

    /// <summary>Those of a run; null when its corpus is no mixture.</summary>
    public static MixtureEpochs? Of(CorpusManifest manifest, RunOptions options) =>
        options.Data.Mixture.Count == 0
            ? null
            : new(RunPlan.Order(manifest, options), [.. options.Data.Mixture.Select(corpus => corpus.Name)]);

    /// <summary>Epochs of each corpus, by its name, that the first steps of the run hold.</summary>
    public IReadOnlyDictionary<string, double> After(long steps) =>
        _names
            .Index()
            .ToDictionary(
                corpus => corpus.Item,
                corpus =>
                    Math.Round(
                        (double)_order.Schedule.CountOfCorpus(corpus.Index, steps * _order.Schedule.GlobalBatch)
                            / _order.SamplesOf(corpus.Index).Count,
                        4
                    ),
                StringComparer.Ordinal
            );
}
