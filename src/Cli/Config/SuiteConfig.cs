using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Config;

/// <summary>Loader of suite files.</summary>
public static class SuiteConfig
{
    /// <exception cref="ConfigException">The file is invalid; the exception holds every error found.</exception>
    public static SuiteOptions Load(string path)
    {
        var binder = new OptionBinder(OptionSection.Of(typeof(SuiteOptions)));
        var suite = (SuiteOptions)binder.Bind(YamlTree.ReadFile(path));
        // Keys that could not be read may be missing from the options.
        var errors =
            binder.Errors.Count > 0
                ? binder.Errors
                : SuiteCheck.Problems(suite).Select(problem => new ConfigError(binder.PositionOf(problem.Key), problem.Message)).ToList();
        return errors.Count == 0 ? suite : throw new ConfigException(errors);
    }
}
