using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Probes;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Names of a suite's figures, as <c>evaluation.best_figure</c> names them: set, task and metric.</summary>
public static class FigureNames
{
    private static readonly string[] s_classifier = ["top1", "mean_per_class", "macro_f1", "calibration_error"],
        s_zeroShot = [.. s_classifier, "top5", "worst_class", "ensemble_gain"],
        s_ranked = ["map_11", "roc_auc"],
        s_recall = ["r1", "r5", "r10", "median_rank"],
        s_shift = ["accuracy_lost", "effective_robustness"];

    /// <summary>
    /// Figures that the sets' tasks and the shifts can yield. A few depend on the data as well: top5 on the number of classes, for
    /// example.
    /// </summary>
    /// <exception cref="DataPipeline.Corpus.CorpusException">A set is missing or invalid.</exception>
    public static IReadOnlyList<string> Of(SuiteOptions suite, DefaultColumns columns)
    {
        var tasks = suite.Sets.ToDictionary(
            set => set.Name,
            set => SuiteCheck.Tasks(suite, set, ImageSets.Open(set, set.Data, columns)),
            StringComparer.Ordinal
        );
        return
        [
            .. suite.Sets.SelectMany(set => tasks[set.Name].SelectMany(task => Of(suite, set, task)).Select(name => $"{set.Name} {name}")),
            .. suite.Robustness.SelectMany(shift =>
                tasks[shift.Shifted].Where(SuiteScope.Classifying.Contains).SelectMany(task => Named($"{shift.Name} {Name(task)}", s_shift))
            ),
        ];
    }

    private static IEnumerable<string> Of(SuiteOptions suite, SetOptions set, SetTask task) =>
        task switch
        {
            SetTask.ZeroShot => Named(
                Name(task),
                [
                    .. set.LabelSeparator is null ? s_zeroShot : [],
                    .. s_ranked,
                    .. set.GroupColumn is null ? Array.Empty<string>() : ["worst_group"],
                ]
            ),
            SetTask.Retrieval =>
            [
                .. new[] { "image_to_text", "text_to_image" }.SelectMany(way => Named($"{Name(task)} {way}", s_recall)),
                .. Named(Name(task), ["mean_recall_at_1", "loss"]),
            ],
            SetTask.FewShot =>
            [
                .. new[] { "", " ridge" }.SelectMany(kind =>
                    Named(Name(task) + kind, suite.FewShot.Shots.Select(shots => $"top1_{shots}_shot"))
                ),
                .. Named(Name(task), ["labels_to_match_zero_shot"]),
            ],
            SetTask.Probe when suite.Probe.Protocol == ProbeProtocol.Readme => Named("probe readme", s_classifier),
            SetTask.Probe when suite.Probe.Protocol == ProbeProtocol.ClipBenchmark => Named("probe clip_benchmark", s_classifier),
            _ => Named(Name(task), s_classifier),
        };

    private static string Name(SetTask task) =>
        task switch
        {
            SetTask.ZeroShot => "zero_shot",
            SetTask.Retrieval => "retrieval",
            SetTask.Knn => "knn",
            SetTask.FewShot => "few_shot",
            _ => "probe",
        };

    private static IEnumerable<string> Named(string before, IEnumerable<string> names) => names.Select(name => $"{before} {name}");
}
