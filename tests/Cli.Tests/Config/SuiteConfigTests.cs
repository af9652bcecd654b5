using ClipTrain.Cli.Config;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Tests.Config;

public sealed class SuiteConfigTests : IDisposable
{
    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("suite-").FullName, "suite.yaml");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [Theory]
    [InlineData("sets: []", 1, "The suite has no sets")]
    [InlineData("sets: [{ name: a, data: [x] }]\nbatch: 0", 2, "batch is 0")]
    [InlineData("sets: [{ name: a, data: [x] }]\nfew_shot: { seeds: 1 }", 2, "few_shot needs two seeds")]
    [InlineData("sets:\n  - { name: a, data: [x] }\n  - { name: '', data: [x] }", 3, "A set has no name")]
    [InlineData("sets:\n  - { name: a, data: [x] }\n  - { name: a, data: [y] }", 1, "Two sets are named 'a'")]
    [InlineData("sets:\n  - name: a\n    data: []", 3, "data is empty")]
    [InlineData("sets:\n  - name: a\n    data: [x]\n    tasks: [zeroshot]", 4, "tasks contains 'zeroshot'")]
    [InlineData("sets:\n  - name: a\n    data: [x]\n    tasks: [knn]", 4, "knn needs training images")]
    [InlineData("sets:\n  - name: a\n    data: [x]\n    templates: ['{}', 'a photo']", 4, "the template 'a photo' has no {}")]
    [InlineData("sets: [{ name: a, data: [x] }]\naudits: [{ set: b }]", 2, "'b' is not one of the suite's sets: a")]
    [InlineData("sets: [{ name: a, data: [x] }]\nhumans: [{ set: b, file: h.csv }]", 2, "'b' is not one of the suite's sets: a")]
    [InlineData("sets: [{ name: a, data: [x] }]\noverlaps: [{ set: a, corpus: [x], threshold: 65 }]", 2, "overlaps.threshold is 65")]
    [InlineData(
        "sets: [{ name: a, data: [x] }]\nrobustness: [{ name: r, reference: a, shifted: b }]",
        2,
        "'b' is not one of the suite's sets: a"
    )]
    [InlineData(
        "sets: [{ name: a, data: [x] }]\nrobustness: [{ name: r, reference: a, shifted: a, slope: 1 }]",
        2,
        "a published line needs both slope and intercept"
    )]
    public void An_error_in_a_suite_names_its_line_and_is_one_of_configuration(string yaml, int line, string message)
    {
        File.WriteAllText(_path, yaml);
        var error = Assert.Throws<ConfigException>(() => SuiteConfig.Load(_path));
        Assert.Contains($"{_path}:{line}:", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Usage, Failure.ExitCodeOf(error));
    }

    [Fact]
    public void All_errors_of_a_suite_are_told_at_once()
    {
        File.WriteAllText(_path, "batch: 0\nsets:\n  - { name: a, data: [x], tasks: [zeroshot] }\n  - { name: a, data: [y] }\n");
        Assert.Equal(3, Assert.Throws<ConfigException>(() => SuiteConfig.Load(_path)).Errors.Count);
    }
}
