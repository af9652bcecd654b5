using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Experiments.Tests.Sweeps;

/// <summary>A run file of a few keys: the model's cost follows from its width.</summary>
internal sealed class FakeResolver : ITrialResolver
{
    private static readonly string[] Known =
    [
        "seed",
        "width",
        "training.steps",
        "training.epochs",
        "training.warmup_steps",
        "training.learning_rate",
        "training.global_batch",
        "kind",
        "gpus",
    ];

    public ResolvedTrial Resolve(IReadOnlyList<KeyValuePair<string, string>> values)
    {
        var keys = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["seed"] = "0",
            ["width"] = "8",
            ["training.steps"] = "10",
            ["training.global_batch"] = "4",
            ["training.learning_rate"] = "0.1",
        };
        foreach (var (key, value) in values)
        {
            keys[key] = Known.Contains(key, StringComparer.Ordinal) ? value : throw new ExperimentException($"{key} is no key");
        }

        var width = long.Parse(keys["width"], System.Globalization.CultureInfo.InvariantCulture);
        var config = string.Concat(keys.Select(key => $"{key.Key}: {key.Value}\n"));
        return new ResolvedTrial(config, config)
        {
            Parameters = width * width,
            Macs = 10 * width * width,
            GlobalBatch = int.Parse(keys["training.global_batch"], System.Globalization.CultureInfo.InvariantCulture),
            Steps = long.Parse(keys["training.steps"], System.Globalization.CultureInfo.InvariantCulture),
            Unique = 100,
            Precision = "fp32",
            DiskBytes = 12 * width * width,
            Gpus = int.Parse(keys.GetValueOrDefault("gpus", "0"), System.Globalization.CultureInfo.InvariantCulture),
        };
    }
}
