using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using YamlDotNet.RepresentationModel;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>Resolves a trial's configuration from the base run file and changed keys.</summary>
public interface ITrialResolver
{
    /// <param name="values">Keys with their values as single-line YAML.</param>
    /// <exception cref="ExperimentException">A key is unknown, or a value is invalid.</exception>
    ResolvedTrial Resolve(IReadOnlyList<KeyValuePair<string, string>> values);
}

/// <summary>A trial's configuration and derived quantities.</summary>
/// <param name="Config">All keys as YAML, without the trial's name and folder.</param>
/// <param name="Changed">The keys whose values differ from the default, so that a key that a later version adds does not change it.</param>
public sealed record ResolvedTrial(string Config, string Changed)
{
    /// <summary>Number of trained parameters.</summary>
    public required long Parameters { get; init; }

    /// <summary>Multiply-accumulate operations of a forward pass for one pair.</summary>
    public required long Macs { get; init; }

    public required int GlobalBatch { get; init; }

    /// <summary>Length in steps; null if it is in epochs of a corpus that cannot be read.</summary>
    public required long? Steps { get; init; }

    /// <summary>Number of samples in the corpus; null if it cannot be read.</summary>
    public required long? Unique { get; init; }

    /// <summary>Precision of training, as in the run file.</summary>
    public required string Precision { get; init; }

    /// <summary>Size of the weights and moments in the most checkpoints that it keeps, in bytes.</summary>
    public required long DiskBytes { get; init; }

    /// <summary>Number of GPUs that it computes on; 0 if it computes on cores.</summary>
    public int Gpus { get; init; }

    /// <summary>Number of samples that the trial sees.</summary>
    public long? Samples => Steps * GlobalBatch;

    /// <summary>Floating-point operations of training: two per multiply-accumulate, three times the forward pass.</summary>
    public double? Flops => Samples * 6.0 * Macs;
}

/// <summary>A trial of a sweep.</summary>
/// <param name="Id">Prefix of the hash of its changed keys, so equal configurations are the same trial in any sweep.</param>
/// <param name="Labels">Its choice on each axis.</param>
/// <param name="Resolved">Its configuration.</param>
/// <param name="IsHeldOut">True if it is predicted before it starts.</param>
public sealed record Trial(string Id, IReadOnlyList<KeyValuePair<string, string>> Labels, ResolvedTrial Resolved, bool IsHeldOut)
{
    public string Describe() => Labels.Count == 0 ? Id : Expansion.Text(Labels);
}

/// <summary>Resolves the trials of a sweep.</summary>
public static class TrialPlanner
{
    private const int IdLength = 12;

    private static readonly KeyValuePair<string, string>[] AnyLength =
    [
        KeyValuePair.Create("training.epochs", "null"),
        KeyValuePair.Create("training.steps", "1000000"),
    ];

    /// <exception cref="ExperimentException">A key is unknown, a model cannot meet its budget, or two trials are equal.</exception>
    public static IReadOnlyList<Trial> Plan(Sweep sweep, ITrialResolver resolver)
    {
        var (trials, places, unmatched) = (
            new List<Trial>(),
            new Dictionary<string, Trial>(StringComparer.Ordinal),
            sweep.Predict?.Trials.ToList() ?? []
        );
        foreach (var combination in Expansion.Of(sweep))
        {
            var resolved = Resolve(sweep, combination, resolver);
            var trial = new Trial(
                Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(resolved.Changed)))[..IdLength],
                combination.Labels,
                resolved,
                sweep.Predict?.Trials.Any(combination.Matches) ?? false
            );
            if (places.TryGetValue(trial.Id, out var same))
            {
                throw new ExperimentException(
                    $"{sweep.Path}: two trials are equal: ({same.Describe()}) and ({trial.Describe()}). Remove one of the values, or "
                        + "exclude one of the two."
                );
            }

            places.Add(trial.Id, trial);
            trials.Add(trial);
            unmatched.RemoveAll(combination.Matches);
        }

        if (unmatched.Count > 0)
        {
            throw new ExperimentException($"{sweep.Path}: predict {Expansion.Text(unmatched[0])} matches no trial.");
        }

        return sweep.Predict is null || trials.Exists(trial => !trial.IsHeldOut)
            ? trials
            : throw new ExperimentException($"{sweep.Path}: predict holds out every trial; none is left to predict from.");
    }

    private static ResolvedTrial Resolve(Sweep sweep, Combination combination, ITrialResolver resolver)
    {
        if (sweep is { Rate: null, Budget: null })
        {
            return resolver.Resolve(combination.Values);
        }

        var values = combination.Values.ToList();
        var shape = resolver.Resolve([.. values, .. AnyLength]);
        if (sweep.Rate is { } rule)
        {
            values.Add(
                KeyValuePair.Create("training.learning_rate", RateOf(sweep, rule, shape).ToString("G6", CultureInfo.InvariantCulture))
            );
        }

        if (combination.Amount is { } amount)
        {
            values.AddRange(Length(sweep, combination, shape, amount));
        }

        return resolver.Resolve(values);
    }

    private static IEnumerable<KeyValuePair<string, string>> Length(
        Sweep sweep,
        Combination combination,
        ResolvedTrial shape,
        double amount
    )
    {
        var budget = sweep.Budget!;
        var samples = budget.Unit switch
        {
            BudgetUnit.Samples => amount,
            BudgetUnit.Steps => amount * shape.GlobalBatch,
            BudgetUnit.Flops => amount / (6.0 * shape.Macs),
            _ => shape.Unique * amount
                ?? throw new ExperimentException(
                    $"{sweep.Path}: a budget in epochs needs the corpus, which cannot be read. Prepare it, or set the budget in samples."
                ),
        };
        var steps = Math.Round(samples / shape.GlobalBatch);
        if (steps < 1)
        {
            throw new ExperimentException(
                $"{sweep.Path}: ({Expansion.Text(combination.Labels)}) cannot meet its budget: "
                    + $"{amount.ToString("G6", CultureInfo.InvariantCulture)} {budget.Unit.ToString().ToLowerInvariant()} are "
                    + $"{samples.ToString("G3", CultureInfo.InvariantCulture)} samples of this model, "
                    + $"less than its batch of {shape.GlobalBatch}. Raise the budget, lower training.global_batch, or exclude the "
                    + "combination."
            );
        }

        yield return KeyValuePair.Create("training.epochs", "null");
        yield return KeyValuePair.Create("training.steps", steps.ToString("F0", CultureInfo.InvariantCulture));
        if (budget.Warmup is { } share)
        {
            yield return KeyValuePair.Create(
                "training.warmup_steps",
                Math.Round(share * steps).ToString("F0", CultureInfo.InvariantCulture)
            );
        }
    }

    private static double RateOf(Sweep sweep, RateRule rule, ResolvedTrial shape) =>
        rule switch
        {
            RateRule.Width width => width.Rate * width.At / ValueOf(sweep, shape.Config, width.Key),
            RateRule.Fitted fitted => FittedRate.Read(fitted.Results).At(shape.Parameters),
            _ => throw new ArgumentOutOfRangeException(nameof(rule), rule, "Unknown rule."),
        };

    /// <summary>The number at a dotted key of a configuration.</summary>
    private static double ValueOf(Sweep sweep, string config, string key)
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(config));
        var node = yaml.Documents[0].RootNode;
        foreach (var part in key.Split('.'))
        {
            node = node is YamlMappingNode map && map.Children.TryGetValue(new YamlScalarNode(part), out var inner) ? inner : null;
        }

        return
            node is YamlScalarNode { Value: { } text }
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new ExperimentException($"{sweep.Path}: learning_rate.key is {key}, which is not a number in these trials.");
    }
}
