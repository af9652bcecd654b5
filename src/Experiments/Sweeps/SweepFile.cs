using System.Globalization;
using ClipTrain.Experiments.Scaling;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>Reads a sweep from YAML.</summary>
public static class SweepFile
{
    private static readonly string[] Keys =
    [
        "name",
        "base",
        "folder",
        "set",
        "axes",
        "seeds",
        "budget",
        "learning_rate",
        "exclude",
        "metric",
        "curve",
        "cores",
        "retries",
        "fail_fast",
        "predict",
        "efficiency",
    ];

    /// <exception cref="ExperimentException">The file is invalid. The message names the line and the remedy.</exception>
    public static Sweep Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new ExperimentException($"{path}: the file does not exist.");
        }

        try
        {
            return Read(path, File.ReadAllText(path));
        }
        catch (YamlException e)
        {
            throw new ExperimentException($"{path}:{e.Start.Line}:{e.Start.Column}: this is not YAML: {e.Message}");
        }
    }

    private static Sweep Read(string path, string text)
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(text));
        var root = new Section(
            path,
            yaml.Documents.Count == 1
                ? yaml.Documents[0].RootNode
                : throw new ExperimentException($"{path}: the file must contain the keys of one sweep, as in 'name: my-sweep'.")
        );
        root.Allow(Keys);
        var name = root.Text("name");
        if (name.Length == 0 || name[0] == '.' || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
        {
            throw root.Error("name", "must consist of letters, digits, '-', '_' and '.', since it names a folder");
        }

        var axes = root.Sections("axes").Select(SweepAxisOf).ToList();
        if (root.Node("seeds") is not null)
        {
            axes.Add(
                new SweepAxis("seed", [.. root.Values("seeds").Select(seed => new Choice(seed, [KeyValuePair.Create("seed", seed)]))], [])
            );
        }

        var budget = root.Node("budget") is null ? null : BudgetOf(root.Inner("budget"));
        if (axes.Count == 0 && budget is null)
        {
            throw new ExperimentException($"{path}: a sweep needs axes, or a budget of several amounts.");
        }

        if (axes.GroupBy(axis => axis.Name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw root.Error("axes", $"two axes are named {twice.Key}; rename one of them");
        }

        var sweep = new Sweep
        {
            Path = path,
            Name = name,
            Base = Path.Combine(Path.GetDirectoryName(path) ?? "", root.Text("base")),
            Folder = root.Node("folder") is null ? Path.Combine(SweepFolder.Usual, name) : root.Text("folder"),
            Set = root.Node("set") is null ? [] : root.Inner("set").Pairs(),
            Axes = axes,
            Budget = budget,
            Rate = root.Node("learning_rate") is null ? null : RateOf(root.Inner("learning_rate")),
            Exclude = [.. root.Sections("exclude").Select(section => section.Pairs())],
            Metric = root.Node("metric") is null ? Sweep.TrainingLoss : root.Text("metric"),
            Curve = root.Node("curve") is not null && root.Flag("curve"),
            Cores = root.Whole("cores", 1, least: 1),
            Retries = root.Whole("retries", 1, least: 0),
            FailFast = root.Node("fail_fast") is not null && root.Flag("fail_fast"),
            Predict = root.Node("predict") is null ? null : PredictOf(root.Inner("predict")),
            Efficiency = root.Node("efficiency") is null ? null : EfficiencyOf(root.Inner("efficiency"), axes),
        };
        return sweep is { IsLoss: true, Efficiency: not null }
                ? throw root.Error("efficiency", "compares what choices need for the same accuracy; name an accuracy as the metric")
            : sweep is { Curve: true, Metric: Sweep.TrainingLoss }
                ? throw root.Error(
                    "curve",
                    "needs a figure of the evaluation as the metric, such as heldout.loss; loss is that of training"
                )
            : sweep;
    }

    private static SweepAxis SweepAxisOf(Section axis)
    {
        var keys = axis.Names.Where(key => key is not ("name" or "labels" or "when")).ToList();
        if (keys.Count == 0)
        {
            throw axis.Error(
                null,
                "an axis needs a key of the run file with a list of values, as in 'training.learning_rate: [0.001, 0.002]'"
            );
        }

        var values = keys.ConvertAll(axis.Values);
        var labels = axis.Node("labels") is null ? null : axis.Values("labels").Select(label => label.Trim('"')).ToList();
        foreach (var (key, list) in keys.Zip(values).Append(("labels", labels ?? values[0])))
        {
            if (list.Count != values[0].Count)
            {
                throw axis.Error(
                    key,
                    $"has {list.Count} values and {keys[0]} has {values[0].Count}; the keys of one axis vary together, value by value"
                );
            }
        }

        return new SweepAxis(
            axis.Node("name") is null ? keys[0] : axis.Text("name"),
            [
                .. values[0]
                    .Select(
                        (value, i) => new Choice(labels?[i] ?? value, [.. keys.Select((key, k) => KeyValuePair.Create(key, values[k][i]))])
                    ),
            ],
            axis.Node("when") is null ? [] : axis.Inner("when").Pairs()
        );
    }

    private static Budget BudgetOf(Section budget)
    {
        budget.Allow(["samples", "steps", "epochs", "flops", "warmup"]);
        var unit = budget.Names.Where(key => key != "warmup").ToList() is [var one]
            ? one
            : throw budget.Error(null, "a budget must be in one of samples, steps, epochs and flops");
        return new Budget(
            Enum.Parse<BudgetUnit>(unit, ignoreCase: true),
            [.. budget.Values(unit).Select(value => budget.Positive(unit, value))],
            budget.Node("warmup") is null ? null
                : budget.Positive("warmup", budget.Text("warmup")) is var share && share < 1 ? share
                : throw budget.Error("warmup", "must be a fraction of the steps, below 1")
        );
    }

    private static RateRule? RateOf(Section rate)
    {
        rate.Allow(["rule", "rate", "at", "key", "results"]);
        return rate.Text("rule") switch
        {
            "none" => null,
            "width" => new RateRule.Width(
                rate.Positive("rate", rate.Text("rate")),
                rate.Positive("at", rate.Text("at")),
                rate.Node("key") is null ? "model.image.width" : rate.Text("key")
            ),
            "fitted" => new RateRule.Fitted(rate.Text("results")),
            _ => throw rate.Error(
                "rule",
                "must be none, width (rate · at / width) or fitted (a power law through the best rates of a sweep's results)"
            ),
        };
    }

    private static HeldOut PredictOf(Section predict)
    {
        predict.Allow(["law", "trials"]);
        var law = predict.Node("law") is null ? "parametric" : predict.Text("law");
        return Laws.Names.Contains(law, StringComparer.Ordinal) && law != "isoflop"
            ? new HeldOut(law, [.. predict.Sections("trials").Select(section => section.Pairs())])
            : throw predict.Error("law", $"must be one of {string.Join(", ", Laws.Names.Where(name => name != "isoflop"))}");
    }

    private static EfficiencyAxis EfficiencyOf(Section efficiency, List<SweepAxis> axes)
    {
        efficiency.Allow(["axis", "reference", "by", "accuracy"]);
        var (name, reference) = (efficiency.Text("axis"), efficiency.Text("reference"));
        var axis =
            axes.Find(axis => axis.Name == name)
            ?? throw efficiency.Error("axis", $"is {name}, but the axes are {string.Join(", ", axes.Select(axis => axis.Name))}");
        return axis.Choices.Any(choice => choice.Label == reference)
            ? new EfficiencyAxis(
                name,
                reference,
                efficiency.Node("by") is null ? EfficiencyUnit.Samples : UnitOf(efficiency),
                efficiency.Node("accuracy") is null
                    ? []
                    : [.. efficiency.Values("accuracy").Select(value => efficiency.Positive("accuracy", value))]
            )
            : throw efficiency.Error(
                "reference",
                $"is {reference}, but the choices of {name} are {string.Join(", ", axis.Choices.Select(choice => choice.Label))}"
            );
    }

    private static EfficiencyUnit UnitOf(Section efficiency) =>
        efficiency.Text("by") switch
        {
            "samples" => EfficiencyUnit.Samples,
            "compute" => EfficiencyUnit.Compute,
            var other => throw efficiency.Error("by", $"is {other}, but must be samples or compute"),
        };

    /// <summary>A mapping in the file. Its errors name the line.</summary>
    private sealed class Section
    {
        private readonly string _path;
        private readonly YamlMappingNode _node;

        public Section(string path, YamlNode node) =>
            (_path, _node) = (
                path,
                node as YamlMappingNode ?? throw new ExperimentException($"{path}:{node.Start.Line}: keys and values are expected here.")
            );

        public IEnumerable<string> Names => _node.Children.Keys.Select(key => ((YamlScalarNode)key).Value!);

        public void Allow(string[] keys)
        {
            if (Names.FirstOrDefault(key => !keys.Contains(key, StringComparer.Ordinal)) is { } unknown)
            {
                throw Error(unknown, $"is not a key here; valid keys: {string.Join(", ", keys)}");
            }
        }

        public YamlNode? Node(string key) => _node.Children.TryGetValue(new YamlScalarNode(key), out var node) ? node : null;

        public ExperimentException Error(string? key, string message) =>
            key is null
                ? new ExperimentException($"{_path}:{_node.Start.Line}: {message}.")
                : new ExperimentException($"{_path}:{(Node(key) ?? _node).Start.Line}: {key} {message}.");

        public string Text(string key) =>
            Node(key) switch
            {
                YamlScalarNode { Value: { } value } => value,
                null => throw Error(key, "is missing"),
                _ => throw Error(key, "must be a single value"),
            };

        public Section Inner(string key) => new(_path, Node(key)!);

        public IEnumerable<Section> Sections(string key) =>
            Node(key) switch
            {
                null => [],
                YamlSequenceNode list => list.Select(item => new Section(_path, item)),
                _ => throw Error(key, "must be a list, with one item per line after '- '"),
            };

        /// <summary>The values of a list or of {log: [FROM, TO], points: N}, as single-line YAML.</summary>
        public IReadOnlyList<string> Values(string key) =>
            Node(key) switch
            {
                YamlSequenceNode { Children.Count: > 0 } list => [.. list.Select(FlowYaml.Write)],
                YamlMappingNode range => LogRange(key, new Section(_path, range)),
                _ => throw Error(key, "needs a list of values, as in [1, 2], or a range, as in { log: [1e-4, 1e-2], points: 5 }"),
            };

        public IReadOnlyList<KeyValuePair<string, string>> Pairs() =>
            [.. _node.Children.Select(pair => KeyValuePair.Create(((YamlScalarNode)pair.Key).Value!, FlowYaml.Write(pair.Value)))];

        public double Positive(string key, string text) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value > 0 && double.IsFinite(value)
                ? value
                : throw Error(key, $"is {text}, but must be a number above zero");

        public int Whole(string key, int usual, int least) =>
            Node(key) is null ? usual
            : int.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least ? value
            : throw Error(key, $"must be a whole number from {least}");

        public bool Flag(string key) => bool.TryParse(Text(key), out var flag) ? flag : throw Error(key, "must be true or false");

        private static string[] LogRange(string key, Section range)
        {
            range.Allow(["log", "points"]);
            if (range.Node("log") is not YamlSequenceNode { Children: [var low, var high] })
            {
                throw range.Error(null, $"{key}: log must be the two ends of the range, as in [1e-4, 1e-2]");
            }

            double from = range.Positive("log", FlowYaml.Write(low)),
                to = range.Positive("log", FlowYaml.Write(high));
            var points = range.Whole("points", 5, least: 2);
            return
            [
                .. Enumerable
                    .Range(0, points)
                    .Select(i => (from * Math.Pow(to / from, (double)i / (points - 1))).ToString("G6", CultureInfo.InvariantCulture)),
            ];
        }
    }
}
