using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Audit;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Overlap;
using ClipTrain.Evaluation.Probes;
using ClipTrain.Evaluation.Retrieval;
using ClipTrain.Evaluation.Robustness;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Receives a suite's progress.</summary>
public interface ISuiteObserver : IEmbeddingObserver
{
    /// <summary>A task starts.</summary>
    void Begins(string set, SetTask task);
}

/// <summary>Measures a model on the sets of a suite. Each set is decoded and embedded once for all its tasks.</summary>
/// <param name="model">The model.</param>
/// <param name="suite">The suite.</param>
/// <param name="columns">Columns of sets that do not name their own.</param>
/// <param name="cache">Cache of features.</param>
/// <param name="observer">Receives progress.</param>
public sealed class SuiteRun(IEvaluatedModel model, SuiteOptions suite, DefaultColumns columns, FeatureCache cache, ISuiteObserver observer)
{
    private const int ConfusedPairs = 5;

    /// <summary>The models that searches for overlap name, by their path.</summary>
    public IReadOnlyDictionary<string, IEvaluatedModel> Detectors { get; init; } =
        new Dictionary<string, IEvaluatedModel>(StringComparer.Ordinal);

    /// <summary>Opens every set, so that a wrong path is reported before the first measurement.</summary>
    /// <param name="suite">A suite in which <see cref="SuiteCheck.Problems"/> finds none.</param>
    /// <param name="columns">Columns of sets that do not name their own.</param>
    /// <exception cref="DataPipeline.Corpus.CorpusException">A set is missing or invalid.</exception>
    public static void Check(SuiteOptions suite, DefaultColumns columns)
    {
        foreach (var set in suite.Sets)
        {
            SuiteCheck.Tasks(suite, set, ImageSets.Open(set, set.Data, columns));
            if (set.Train.Count > 0)
            {
                ImageSets.Open(set, set.Train, columns);
            }
        }
    }

    /// <summary>The sets of a suite that have a task to run.</summary>
    /// <param name="suite">The suite.</param>
    /// <param name="columns">Columns of sets that do not name their own.</param>
    /// <param name="scope">Parts of the suite to run.</param>
    /// <param name="hasTexts">True if the model embeds texts.</param>
    public static IReadOnlyList<SetOptions> Measured(SuiteOptions suite, DefaultColumns columns, SuiteScope scope, bool hasTexts) =>
        [
            .. suite.Sets.Where(set =>
                scope.Includes(set.Name)
                && scope.Select(SuiteCheck.Tasks(suite, set, ImageSets.Open(set, set.Data, columns)), hasTexts).Count > 0
            ),
        ];

    /// <param name="scope">Parts of the suite to run.</param>
    /// <exception cref="DataPipeline.Corpus.CorpusException">A set cannot be measured. The message names it.</exception>
    public SuiteResult Run(SuiteScope scope) =>
        Combine([.. suite.Sets.Where(set => scope.Includes(set.Name)).Select(set => Run(set, scope)).OfType<SetResult>()], scope);

    /// <summary>Analyses measurements on the suite's sets.</summary>
    /// <param name="sets">The measurements, in the suite's order.</param>
    /// <param name="scope">Parts of the suite to run.</param>
    /// <exception cref="DataPipeline.Corpus.CorpusException">An analysis is impossible. The message names the set.</exception>
    public SuiteResult Combine(IReadOnlyList<SetResult> sets, SuiteScope scope)
    {
        var overlaps = scope.Overlap ? suite.Overlaps.Select(overlap => Overlap(overlap, sets)).ToList() : [];
        var adjusted = BinomialTest.Bonferroni([.. overlaps.Select(overlap => overlap.P).OfType<double>()]);
        var next = 0;
        return new SuiteResult(suite, model.Name, sets)
        {
            Shifts = scope.Robustness ? [.. suite.Robustness.Select(shift => SuiteAnalyses.Shift(shift, sets, PixelModels))] : [],
            Audits = scope.Audit ? [.. suite.Audits.Select(Audit)] : [],
            Overlaps = overlaps.ConvertAll(overlap => overlap.P is null ? overlap : overlap with { BonferroniP = adjusted[next++] }),
            Humans = scope.Humans ? [.. suite.Humans.Select(humans => SuiteAnalyses.Humans(humans, sets))] : [],
        };
    }

    private SetOptions Named(string name) => suite.Sets.First(set => set.Name == name);

    private AuditResult Audit(AuditOptions audit)
    {
        var set = Named(audit.Set);
        return AuditEvaluation.Run(model, audit, set, cache.Get(model, set, ImageSets.Open(set, set.Data, columns), suite.Batch, observer));
    }

    private OverlapResult Overlap(OverlapOptions overlap, IReadOnlyList<SetResult> sets)
    {
        var set = Named(overlap.Set);
        var images = ImageSets.Open(set, set.Data, columns);
        var corpus = CorpusManifest.Create(overlap.Corpus, captionRequired: false);
        var detector = overlap.Model is { } path ? Detectors[path] : null;
        var embedded = cache.Get(detector ?? model, set, images, suite.Batch, observer);
        var nearest = detector is null
            ? CorpusHashes.Of(corpus, Report).Nearest([.. embedded.Images.Select(image => image.Hash)])
            : CosineSearch.Nearest(embedded.Embeddings, new CorpusEmbeddings(detector, corpus, cache.Folder, suite.Batch).Blocks(Report));
        return SuiteAnalyses.Overlap(
            overlap,
            new OverlapSearch(images, embedded.Images, corpus, nearest),
            sets.FirstOrDefault(result => result.Set.Name == set.Name)
        );

        void Report(long done, long total) => observer.Embedded($"{set.Name}: corpus", done, total);
    }

    /// <summary>Baseline models on pixels. Both sets use the training images of the reference.</summary>
    private IReadOnlyList<BaselineModel> PixelModels(ShiftOptions shift)
    {
        var reference = Named(shift.Reference);
        return PixelBaselines.Of(
            (pixels, name) =>
            {
                var set = Named(name) with { Train = reference.Train, Validation = reference.Validation };
                var images = ImageSets.Open(set, set.Data, columns);
                var embedded = cache.Get(pixels, set, images, suite.Batch, observer);
                return Data(pixels, set, embedded, ClassList.Of(set, images, embedded.Images));
            },
            shift
        );
    }

    private SetResult? Run(SetOptions set, SuiteScope scope)
    {
        var images = ImageSets.Open(set, set.Data, columns);
        var tasks = scope.Select(SuiteCheck.Tasks(suite, set, images), model.HasTexts);
        if (tasks.Count == 0)
        {
            return null;
        }

        var embedded = cache.Get(model, set, images, suite.Batch, observer);
        var result = new SetResult(set, embedded.Images, embedded.LeftOut);
        var classes = tasks.Any(task => task != SetTask.Retrieval) ? ClassList.Of(set, images, embedded.Images) : null;
        var shown = new List<int>();
        foreach (var task in tasks)
        {
            observer.Begins(set.Name, task);
            switch (task)
            {
                case SetTask.ZeroShot:
                    result = result with
                    {
                        ZeroShot = ZeroShotEvaluation.Run(model, set, embedded, classes!, Prompts.Of(set, images, classes!)),
                    };
                    shown.AddRange(Shown(result.ZeroShot));
                    break;
                case SetTask.Retrieval:
                    result = result with { Retrieval = RetrievalEvaluation.Run(model, set, embedded) };
                    shown.AddRange(result.Retrieval.Examples.Select(example => example.Image));
                    break;
                case SetTask.Probe:
                    result = result with { Probe = LinearProbe.Run(set.Name, suite.Probe, Data(model, set, embedded, classes!)) };
                    break;
                case SetTask.FewShot:
                    result = result with
                    {
                        FewShot = FewShotEvaluation.Run(
                            set.Name,
                            suite.FewShot,
                            Data(model, set, embedded, classes!),
                            ZeroShotAccuracy(result)
                        ),
                    };
                    break;
                case SetTask.Knn:
                    result = result with { Knn = NearestNeighbours.Run(set.Name, Data(model, set, embedded, classes!)) };
                    break;
            }
        }

        cache.Release();
        return result with { Pictures = Pictures.Of(images, embedded.Images, shown) };
    }

    private static double? ZeroShotAccuracy(SetResult result) => result.ZeroShot?.Rows.FirstOrDefault(row => row.Metric == "top1")?.Value;

    private static IEnumerable<int> Shown(ZeroShotResult result) =>
        result.Predictions.Count == 0
            ? []
            : Confusion
                .Of(result.Predictions, result.Classes.Count)
                .Worst(result.Predictions, ConfusedPairs)
                .SelectMany(pair => pair.Examples)
                .Select(example => result.Images[example]);

    /// <summary>Training, validation and test images of a set with the same classes.</summary>
    private ProbeData Data(IEvaluatedModel embedder, SetOptions set, EmbeddedSet test, ClassList classes)
    {
        if (set.Train.Count == 0)
        {
            throw SetError.Of(set.Name, "probe, few_shot and knn need training images; set train.");
        }

        return ProbeData.Of(set, suite.Seed, Embed(set.Train), set.Validation.Count > 0 ? Embed(set.Validation) : null, test, classes);

        EmbeddedSet Embed(IReadOnlyList<string> data) =>
            cache.Get(embedder, set, ImageSets.Open(set, data, columns), suite.Batch, observer);
    }
}
