using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Runs;

/// <summary>Epochs completed of each corpus of a mixture.</summary>
public sealed class MixtureEpochs
{
    private readonly SampleOrder _order;
    private readonly string[] _names;

    private MixtureEpochs(SampleOrder order, string[] names) => (_order, _names) = (order, names);

    /// <summary>Creates the counter for a run; null if the run does not train on a mixture.</summary>
    public static MixtureEpochs? Of(CorpusManifest manifest, RunOptions options) =>
        options.Data.Mixture.Count == 0
            ? null
            : new(RunPlan.Order(manifest, options), [.. options.Data.Mixture.Select(corpus => corpus.Name)]);

    /// <summary>Epochs of each corpus, by name, in the given number of first steps of the run.</summary>
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
