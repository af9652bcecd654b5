using System.Text.Json.Nodes;
using ClipTrain.Cli.Commands;
using ClipTrain.Cli.Config;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Config;

public sealed class DocsTests
{
    [Theory]
    [InlineData("configs/schema.json")]
    [InlineData("docs/configuration.md")]
    [InlineData("docs/suite-files.md")]
    [InlineData("docs/commands.md")]
    public void The_generated_file_in_the_repository_is_up_to_date(string path)
    {
        var generated = DocsCommand.Files().Single(file => string.Equals(file.Path, path, StringComparison.Ordinal)).Content;

        Assert.Equal(generated, File.ReadAllText(Path.Combine(Repository.Root, path)));
    }

    [Fact]
    public void Write_creates_the_files_in_the_checkout()
    {
        var root = Directory.CreateTempSubdirectory("cliptrain-docs-");
        root.CreateSubdirectory("configs");
        root.CreateSubdirectory("docs");

        DocsCommand.Write(root.FullName);

        Assert.All(DocsCommand.Files(), file => Assert.Equal(file.Content, File.ReadAllText(Path.Combine(root.FullName, file.Path))));
        root.Delete(recursive: true);
    }

    [Fact]
    public void The_schema_has_types_bounds_defaults_and_required_keys()
    {
        var schema = JsonNode.Parse(JsonSchema.Generate())!;

        AssertJson("""["model","data","training"]""", schema["required"]!);
        var training = schema["$defs"]!["training"]!["properties"]!;
        AssertJson(
            """{"description":"Decay rate of the first moment.","type":"number","minimum":0,"maximum":0.999999,"default":0.9}""",
            training["beta1"]!
        );
        AssertJson("""["integer","null"]""", training["steps"]!["type"]!);
        AssertJson("""["fp32","bf16","fp16"]""", training["precision"]!["enum"]!);
        AssertJson("""[{"type":"string"},{"$ref":"#/$defs/model"}]""", schema["properties"]!["model"]!["oneOf"]!);
        Assert.All(schema["$defs"]!.AsObject(), definition => Assert.False(definition.Value!["additionalProperties"]!.GetValue<bool>()));
    }

    [Theory]
    [InlineData("| `global_batch` | whole number | required | 1 to 16777216 | Pairs per step, over all workers. |")]
    [InlineData("| `epsilon` | number | 0.000001 | ≥ 0 | Added to the square root of the second moment. |")]
    [InlineData(
        "| `activation` | `gelu` or `quick_gelu` | `gelu` |  | Activation in the MLPs of the transformers. OpenAI's weights need "
            + "quick_gelu, x·sigmoid(1.702x). |"
    )]
    public void The_reference_has_a_row_for_a_key(string row)
    {
        Assert.Contains($"\n{row}\n", ConfigReference.Runs(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("## `cliptrain sweep run`")]
    [InlineData("    cliptrain eval MODEL [options]")]
    [InlineData("| `--batch` | Batch size in pairs. | `64` |")]
    public void The_reference_has_every_command_that_is_not_hidden(string line)
    {
        var reference = CommandReference.Generate();
        Assert.Contains($"\n{line}\n", reference, StringComparison.Ordinal);
        Assert.DoesNotContain("`cliptrain docs", reference, StringComparison.Ordinal);
        Assert.DoesNotContain("--managed", reference, StringComparison.Ordinal);
    }

    private static void AssertJson(string expected, JsonNode actual) => Assert.Equal(expected, actual.ToJsonString());
}
