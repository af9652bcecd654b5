using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;

namespace ClipTrain.Trainer.Config;

/// <summary>A violated rule, and the key to report it at.</summary>
internal readonly record struct Problem(string Key, string Message);

/// <summary>All rules that relate several options, or that types and ranges cannot express.</summary>
internal static class RunValidation
{
    private const int MaxNameLength = 100;

    /// <param name="run">The options. Keys with errors may be unset.</param>
    /// <param name="isBound">True if a key was read without an error. Rules that involve other keys are skipped.</param>
    public static IEnumerable<Problem> Check(RunOptions run, Func<string, bool> isBound)
    {
        var rules = new RuleList(isBound);
        rules.Add(["name"], () => NameError(run.Name));
        rules.Add(["output.otlp"], () => AddressError(run.Output.Otlp));
        rules.Add(["alerts.webhook"], () => AddressError(run.Alerts.Webhook));
        if (isBound("data"))
        {
            AddCorpora(rules, run.Data, isBound);
        }

        rules.Add(["data.merges"], () => run.Data.Merges.Length == 0 ? "must be 'openai' or a path" : null);
        rules.Add(["data.caption_column"], () => NoColumnError(run.Data.CaptionColumn));
        rules.Add(
            ["data.caption_weights", "data.caption_mode", "data.caption_column", "data.mixture"],
            () => CaptionWeightsError(run.Data)
        );
        rules.Add(
            ["data.crop.max_scale", "data.crop.min_scale"],
            () => Ordered("min_scale", run.Data.Crop.MinScale, run.Data.Crop.MaxScale)
        );
        rules.Add(
            ["data.crop.max_ratio", "data.crop.min_ratio"],
            () => Ordered("min_ratio", run.Data.Crop.MinRatio, run.Data.Crop.MaxRatio)
        );
        AddAugmentation(rules, run);
        rules.Add(
            ["training.steps", "training.epochs"],
            () =>
                (run.Training.Steps, run.Training.Epochs) switch
                {
                    (null, null) => "or training.epochs must be given: the run needs a length",
                    (not null, not null) => "and training.epochs are both given; give one of them",
                    _ => null,
                }
        );
        rules.Add(["training.start_from"], () => run.Training.StartFrom?.Length == 0 ? "names no file" : null);
        rules.Add(
            ["training.start_from_except"],
            () =>
                run.Training.StartFromExcept switch
                {
                    { Count: > 0 } when run.Training.StartFrom is null => "needs training.start_from",
                    var prefixes when prefixes.Contains("", StringComparer.Ordinal) => "has an empty prefix, which matches every tensor",
                    _ => null,
                }
        );
        rules.Add(
            ["training.start_from_sha256", "training.start_from"],
            () => run.Training is { StartFromSha256: not null, StartFrom: null } ? "needs training.start_from" : null
        );
        AddUnlockedGroups(rules, run);
        rules.Add(
            ["cluster.device"],
            () => run.Cluster.Device is "cpu" or "cuda" ? null : $"is '{run.Cluster.Device}' but must be cpu or cuda"
        );
        rules.Add(
            ["cluster.min_workers", "cluster.workers"],
            () =>
                run.Cluster.MinWorkers > run.Cluster.Workers
                    ? $"is {run.Cluster.MinWorkers}, more than cluster.workers, {run.Cluster.Workers}"
                    : null
        );
        rules.Add(
            ["cluster.max_workers", "cluster.workers"],
            () =>
                run.Cluster.MaxWorkers < run.Cluster.Workers
                    ? $"is {run.Cluster.MaxWorkers}, fewer than cluster.workers, {run.Cluster.Workers}"
                    : null
        );
        rules.Add(
            ["training.global_batch", "cluster.workers", "cluster.max_workers"],
            () =>
                (run.Cluster.MaxWorkers ?? run.Cluster.Workers) is var most && most > run.Training.GlobalBatch
                    ? $"is {run.Training.GlobalBatch}, fewer than "
                        + $"{(run.Cluster.MaxWorkers is null ? "cluster.workers" : "cluster.max_workers")}, {most}; each worker needs "
                        + "a pair"
                    : null
        );
        rules.Add(["output.directory"], () => run.Output.Directory.Length == 0 ? "names no folder" : null);
        AddSplits(rules, run.Evaluation, isBound);
        ObjectiveValidation.Add(rules, run);
        return [.. rules.Problems, .. isBound("model") ? CheckModel(run.Model, "model.", isBound) : []];
    }

    /// <param name="prefix">Prefix of the model's keys: <c>model.</c> in a run file, empty in a model file.</param>
    /// <inheritdoc cref="Check"/>
    public static IEnumerable<Problem> CheckModel(ModelOptions model, string prefix, Func<string, bool> isBound)
    {
        var rules = new RuleList(isBound);
        rules.Add([$"{prefix}text.width", $"{prefix}text.heads"], () => Divisible(model.Text.Width, model.Text.Heads));
        return [.. isBound($"{prefix}image") ? ImageValidation.Check(model.Image, $"{prefix}image.", isBound) : [], .. rules.Problems];
    }

    private static void AddCorpora(RuleList rules, DataOptions data, Func<string, bool> isBound)
    {
        rules.Add(
            ["data.train", "data.mixture"],
            () =>
                (data.Train.Count > 0, data.Mixture.Count > 0) switch
                {
                    (false, false) => "or data.mixture must name files to train on",
                    (true, true) => "and data.mixture are both given; give one of them",
                    _ => null,
                }
        );
        rules.Add(
            ["data.temperature", "data.sampling"],
            () =>
                (data.Temperature, data.Sampling == MixtureSampling.Temperature) switch
                {
                    (null, true) => "must be given with data.sampling: temperature",
                    (not null, false) => "is given, but data.sampling is not temperature",
                    _ => null,
                }
        );
        rules.Add(
            ["data.sampling", "data.mixture"],
            () => data.Sampling != MixtureSampling.Proportional && data.Mixture.Count == 0 ? "needs data.mixture" : null
        );
        rules.Add(["data.image_column", "data.mixture"], () => OfTrainAlone(data.ImageColumn is not null));
        rules.Add(["data.caption_column", "data.mixture"], () => OfTrainAlone(data.CaptionColumn is not null));
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (corpus, path) in Items(data.Mixture, "data.mixture", isBound))
        {
            rules.Add(
                [$"{path}.name"],
                () => NameError(corpus.Name) ?? (names.Add(corpus.Name) ? null : $"is '{corpus.Name}', the name of another corpus")
            );
            rules.Add([$"{path}.files"], () => corpus.Files.Count == 0 ? "names no files" : null);
            rules.Add([$"{path}.caption_column"], () => NoColumnError(corpus.CaptionColumn));
        }

        string? OfTrainAlone(bool given) =>
            given && data.Mixture.Count > 0 ? "is for data.train; with data.mixture each corpus names its own" : null;
    }

    private static void AddAugmentation(RuleList rules, RunOptions run)
    {
        const string Blur = "data.augmentation.blur.",
            Jpeg = "data.augmentation.jpeg.";
        rules.Add(
            [Blur + "max_sigma", Blur + "min_sigma"],
            () => Ordered("min_sigma", run.Data.Augmentation.Blur.MinSigma, run.Data.Augmentation.Blur.MaxSigma)
        );
        rules.Add(
            [Jpeg + "max_quality", Jpeg + "min_quality"],
            () => Ordered("min_quality", run.Data.Augmentation.Jpeg.MinQuality, run.Data.Augmentation.Jpeg.MaxQuality)
        );
    }

    private static void AddUnlockedGroups(RuleList rules, RunOptions run)
    {
        const string ImageKey = "training.unlocked_groups.image",
            TextKey = "training.unlocked_groups.text";
        rules.Add(
            [ImageKey, "model.image.architecture", "model.image.layers", "model.image.blocks"],
            () =>
                run.Model.Image switch
                {
                    { Architecture: ImageArchitecture.Resnet, Blocks: null } or { Architecture: ImageArchitecture.Vit, Layers: null } =>
                        null,
                    _ => TooMany(run.Training.UnlockedGroups.Image, Tower.Image),
                }
        );
        rules.Add([TextKey, "model.text.layers"], () => TooMany(run.Training.UnlockedGroups.Text, Tower.Text));
        rules.Add(
            [ImageKey, TextKey, "training.start_from"],
            () =>
                run.Training is { UnlockedGroups: not { Image: null, Text: null }, StartFrom: null }
                    ? "or training.unlocked_groups.text is given without training.start_from: weights would be locked that nothing has "
                        + "trained"
                    : null
        );
        rules.Add(
            [ImageKey, TextKey],
            () =>
                run.Training.UnlockedGroups is { Image: 0, Text: 0 }
                    ? "and training.unlocked_groups.text are both 0: neither tower would be trained"
                    : null
        );

        string? TooMany(int? groups, Tower tower) =>
            groups > 0 && TowerGroups.Count(run.Model, tower) is var all && groups > all ? $"is {groups}, but the tower has {all}" : null;
    }

    private static void AddSplits(RuleList rules, EvaluationOptions evaluation, Func<string, bool> isBound)
    {
        rules.Add(
            ["evaluation.every_steps", "evaluation.suite", "evaluation.retrieval", "evaluation.zero_shot", "evaluation.classification"],
            () =>
                evaluation is { EverySteps: > 0, Suite: null, Retrieval.Count: 0, ZeroShot.Count: 0, Classification.Count: 0 }
                    ? $"is {evaluation.EverySteps}, but there is nothing to evaluate: set evaluation.suite, or add splits"
                    : null
        );
        rules.Add(
            ["evaluation.best_figure", "evaluation.every_steps"],
            () => evaluation is { BestFigure: not null, EverySteps: 0 } ? "needs evaluation.every_steps above 0" : null
        );
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (split, path) in Items(evaluation.Retrieval, "evaluation.retrieval", isBound))
        {
            AddSplit(path, split.Name, split.Data);
        }

        foreach (var (split, path) in Items(evaluation.ZeroShot, "evaluation.zero_shot", isBound))
        {
            AddSplit(path, split.Name, split.Data);
            rules.Add([$"{path}.label_column"], () => split.LabelColumn.Length == 0 ? "names no column" : null);
            rules.Add(
                [$"{path}.templates"],
                () =>
                    split.Templates.Count == 0 ? "has no template"
                    : split.Templates.FirstOrDefault(t => !t.Contains("{}", StringComparison.Ordinal)) is { } template
                        ? $"has the template '{template}' without {{}}, the place of the class name"
                    : null
            );
        }

        foreach (var (split, path) in Items(evaluation.Classification, "evaluation.classification", isBound))
        {
            AddSplit(path, split.Name, split.Data);
        }

        void AddSplit(string path, string name, IReadOnlyList<string> data)
        {
            // A name is one component of a result's path, eval.NAME.top1.
            rules.Add(
                [$"{path}.name"],
                () =>
                    NameError(name)
                    ?? (name.Contains('.', StringComparison.Ordinal) ? $"is '{name}' but must have no dot" : null)
                    ?? (names.Add(name) ? null : $"is '{name}', the name of another split")
            );
            rules.Add([$"{path}.data"], () => data.Count == 0 ? "names no files" : null);
        }
    }

    private static IEnumerable<(T Item, string Path)> Items<T>(IReadOnlyList<T> list, string path, Func<string, bool> isBound) =>
        isBound(path) ? list.Select((item, i) => (item, $"{path}.{i}")).Where(entry => isBound(entry.Item2)) : [];

    private static string? AddressError(string address) =>
        address.Length == 0 || (Uri.TryCreate(address, UriKind.Absolute, out var uri) && (uri.Scheme is "http" or "https"))
            ? null
            : $"must be an address that begins with http:// or https://, not '{address}'";

    private static string? NameError(string name) =>
        name.Length is 0 or > MaxNameLength
        || !char.IsLetterOrDigit(name[0])
        || name.Any(c => !char.IsLetterOrDigit(c) && c is not ('-' or '_' or '.'))
            ? $"is '{name}' but must be letters, digits, '-', '_' and '.', beginning with a letter or digit, at most {MaxNameLength}"
            : null;

    private static string? NoColumnError(IReadOnlyList<string>? columns) =>
        columns?.Contains("", StringComparer.Ordinal) == true ? "names no column" : null;

    private static string? CaptionWeightsError(DataOptions data) =>
        data.CaptionWeights.Count == 0 ? null
        : data.Mixture.Count > 0 ? "is for data.train; with data.mixture a corpus' columns weigh alike"
        : data.CaptionMode != CaptionMode.Random ? "is only used with data.caption_mode random"
        : data.CaptionWeights.Count != (data.CaptionColumn?.Count ?? 0)
            ? $"has {data.CaptionWeights.Count} weights for the {data.CaptionColumn?.Count ?? 0} columns of data.caption_column"
        : data.CaptionWeights.Any(weight => weight <= 0) ? "must be positive"
        : null;

    private static string? Ordered(string minimumKey, double minimum, double maximum) =>
        minimum <= maximum ? null : $"is {maximum}, less than {minimumKey}, {minimum}";

    internal static string? Divisible(int width, int heads) => width % heads == 0 ? null : $"is {width}, not a multiple of heads, {heads}";

    internal sealed class RuleList(Func<string, bool> isBound)
    {
        public List<Problem> Problems { get; } = [];

        /// <summary>Evaluates a rule over <paramref name="keys"/>. Its message continues after the first key's name.</summary>
        public void Add(string[] keys, Func<string?> broken)
        {
            if (keys.All(isBound) && broken() is { } error)
            {
                Problems.Add(new Problem(keys[0], $"key '{keys[0]}' {error}"));
            }
        }
    }
}
