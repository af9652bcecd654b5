using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Config;

/// <summary>A loaded run configuration.</summary>
/// <param name="Options">All options, with defaults filled in and the model file read.</param>
/// <param name="Files">The files that were read, starting with the run file.</param>
public sealed record LoadedRun(RunOptions Options, IReadOnlyList<string> Files);

/// <summary>Loads run and model files.</summary>
public static class RunConfig
{
    private const string ModelKey = "model";

    /// <summary>Reads a run file, applies <c>--set</c> arguments in order, and validates the result.</summary>
    /// <param name="path">The YAML file.</param>
    /// <param name="sets">Arguments such as <c>training.steps=1000</c>; the value is YAML.</param>
    /// <exception cref="ConfigException">The configuration is invalid; lists every error found.</exception>
    public static LoadedRun Load(string path, IReadOnlyList<string> sets) => Load(YamlTree.ReadFile(path), path, sets);

    /// <summary>Parses the text of a run file from another source.</summary>
    /// <param name="name">Name of the source in error messages.</param>
    /// <exception cref="ConfigException">The configuration is invalid; lists every error found.</exception>
    public static LoadedRun Parse(string name, string text) => Load(YamlTree.ReadText(name, text), name, []);

    /// <summary>Reads a model file.</summary>
    /// <param name="nameOrPath">A name from configs/models, or a path that ends in .yaml or .yml.</param>
    /// <exception cref="ConfigException">The model file is invalid; lists every error found.</exception>
    public static ModelOptions LoadModel(string nameOrPath)
    {
        var path = new ModelFiles(runFolder: null).Find(nameOrPath, new SourcePosition(ModelKey));
        var binder = new OptionBinder(OptionSection.Of(typeof(ModelOptions)));
        var options = (ModelOptions)binder.Bind(YamlTree.ReadFile(path));
        var problems = RunValidation.CheckModel(options, "", binder.IsBound).Select(problem => Locate(problem, binder));
        List<ConfigError> errors = [.. binder.Errors, .. problems];
        return errors.Count == 0 ? options : throw new ConfigException(errors);
    }

    private static LoadedRun Load(MappingNode root, string path, IReadOnlyList<string> sets)
    {
        var files = new List<string> { path };
        var models = new ModelFiles(Path.GetDirectoryName(path) ?? "");
        var errors = new List<ConfigError>();
        foreach (var set in sets)
        {
            Collect(
                errors,
                () =>
                {
                    var argument = SetArgument.Parse(set);
                    // A key inside the model changes the named model, so the model has to be read first.
                    if (argument.Path is [ModelKey, _, ..])
                    {
                        ReadNamedModel(root, models, files, errors);
                    }

                    argument.Apply(root);
                }
            );
        }

        ReadNamedModel(root, models, files, errors);
        var binder = new OptionBinder(OptionSection.Of(typeof(RunOptions)));
        var options = (RunOptions)binder.Bind(root);
        errors.AddRange(binder.Errors);
        errors.AddRange(RunValidation.Check(options, binder.IsBound).Select(problem => Locate(problem, binder)));
        return errors.Count == 0 ? new LoadedRun(options, files) : throw new ConfigException(errors);
    }

    private static ConfigError Locate(Problem problem, OptionBinder binder) => new(binder.PositionOf(problem.Key), problem.Message);

    private static void ReadNamedModel(MappingNode root, ModelFiles models, List<string> files, List<ConfigError> errors)
    {
        if (root.Find(ModelKey) is not { Value: ScalarNode { IsNull: false } name } entry)
        {
            return;
        }

        ConfigNode model = new InvalidNode(name.Position);
        Collect(
            errors,
            () =>
            {
                var path = models.Find(name.Value, name.Position);
                model = YamlTree.ReadFile(path);
                files.Add(path);
            }
        );
        root.Set(ModelKey, entry.Position, model);
    }

    private static void Collect(List<ConfigError> errors, Action action)
    {
        try
        {
            action();
        }
        catch (ConfigException e)
        {
            errors.AddRange(e.Details);
        }
    }
}
