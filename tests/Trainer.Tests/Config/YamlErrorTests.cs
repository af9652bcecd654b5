using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Trainer.Tests.Config;

public sealed class YamlErrorTests
{
    [Theory]
    [InlineData("name: x\ntraining: a: b\n", "run.yaml:2:")]
    [InlineData("name: x\ntraining:\n\tsteps: 5\n", "run.yaml:3:1:")]
    [InlineData("name: x\n  seed: 3\n", "run.yaml:2:")]
    [InlineData("name: x\ndata: {train: [a\n", "run.yaml:3:")]
    [InlineData("name: [x\nseed: 3\n", "run.yaml:1:")]
    [InlineData("name: @x\n", "run.yaml:1:")]
    public void Invalid_YAML_is_reported_with_its_line(string text, string place)
    {
        using var file = new RunFile(text);

        Assert.StartsWith(place, file.Error(), StringComparison.Ordinal);
        Assert.Contains("this is not YAML: ", file.Error(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "run.yaml: the file is empty")]
    [InlineData("# nothing\n", "run.yaml: the file is empty")]
    [InlineData("- a\n", "run.yaml:1:1: the file must hold keys and values, as in 'name: my-run'")]
    [InlineData("just words", "run.yaml:1:1: the file must hold keys and values, as in 'name: my-run'")]
    [InlineData("name: &a x\ndata: *a\n", "run.yaml:2:7: YAML aliases are not supported; write the value again")]
    [InlineData("name: !!str 5\n", "run.yaml:1:7: YAML tags are not supported; remove 'tag:yaml.org,2002:str'")]
    [InlineData("name: a\n---\nname: b\n", "run.yaml:2:1: only one YAML document is allowed")]
    [InlineData("[a]: b\n", "run.yaml:1:1: a key must be a plain word")]
    public void YAML_that_is_not_a_configuration_is_rejected(string text, string error)
    {
        using var file = new RunFile(text);

        Assert.Equal(error, file.Error());
    }

    [Fact]
    public void Deep_nesting_is_rejected_without_recursing()
    {
        using var file = new RunFile("name: " + new string('[', 10_000));

        Assert.EndsWith("nested more than 32 deep", file.Error(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_does_not_exist_is_an_error()
    {
        using var file = new RunFile();
        var missing = file.Path + ".missing";

        var exception = Assert.Throws<ConfigException>(() => RunConfig.Load(missing, []));

        Assert.Equal($"{missing}: there is no such file", exception.Message);
    }

    [Fact]
    public void Damage_to_a_run_file_gives_a_configuration_error_or_none()
    {
        // Deletions of a character, and replacements by one with a meaning in YAML.
        using var file = new RunFile();
        var text = File.ReadAllText(Path.Combine(Repository.Configs, "vit-b-32-laion.yaml"));
        for (var i = 0; i < text.Length; i += 3)
        {
            Load(text.Remove(i, 1));
            foreach (var c in "[{:\t\"#&")
            {
                Load(text[..i] + c + text[(i + 1)..]);
            }
        }

        void Load(string damaged)
        {
            file.Write("run.yaml", damaged);
            try
            {
                file.Load();
            }
            catch (ConfigException e)
            {
                Assert.All(e.Errors, error => Assert.Matches(@"(:\d+:\d+: |is empty$)", error));
            }
        }
    }
}
