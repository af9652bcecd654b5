using System.Text.Json.Nodes;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Tests.Telemetry;

public sealed class RunSummaryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string FilePath => _folder.File(RunFiles.SummaryName);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_file_has_the_metrics_at_their_paths()
    {
        Summary().Write(FilePath);

        var json = JsonNode.Parse(File.ReadAllText(FilePath))!;
        Assert.Equal(
            "name steps samples seconds images_per_second final_loss eval",
            string.Join(' ', json.AsObject().Select(member => member.Key))
        );
        Assert.Equal(1000, json["steps"]!.GetValue<long>());
        Assert.Equal(1.25, json["final_loss"]!.GetValue<double>());
        Assert.Equal(0.42, json["eval"]!["heldout-vendor"]!["image_to_text"]!["r1"]!.GetValue<double>());
        Assert.Equal(0.6, json["eval"]!["imagenet"]!["top1"]!.GetValue<double>());
    }

    [Fact]
    public void Writing_again_replaces_the_file_and_leaves_no_temporary_file()
    {
        Summary().Write(FilePath);
        (Summary() with { Steps = 7 }).Write(FilePath);

        Assert.Equal(7, JsonNode.Parse(File.ReadAllText(FilePath))!["steps"]!.GetValue<long>());
        Assert.Equal([FilePath], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void The_printed_tables_show_the_contents_of_the_file()
    {
        Summary().Write(FilePath);
        var json = JsonNode.Parse(File.ReadAllText(FilePath))!;
        json["steps"] = 54321;
        json["eval"]!["heldout-vendor"]!["text_to_image"]!["r5"] = 0.987;
        File.WriteAllText(FilePath, json.ToJsonString());

        var printed = Printed();

        Assert.Matches(@"│ steps +│ +54,321 │", printed);
        Assert.Matches(@"│ final loss +│ +1\.25 │", printed);
        Assert.Matches(@"│ evaluation +│ +r1 │ +r5 │\r?\n", printed);
        Assert.Matches(@"│ heldout-vendor image to text +│ 0\.42 │ +0\.7 │\r?\n", printed);
        Assert.Matches(@"│ heldout-vendor text to image +│ +0\.4 │ 0\.987 │\r?\n", printed);
        Assert.Matches(@"│ evaluation +│ +top1 │\r?\n", printed);
        Assert.Matches(@"│ imagenet +│ +0\.6 │\r?\n", printed);
    }

    [Fact]
    public void A_run_without_evaluation_prints_only_its_training_metrics()
    {
        (Summary() with { Eval = [], FinalLoss = double.NaN }).Write(FilePath);

        var printed = Printed();

        Assert.Matches(@"│ final loss +│ +NaN │", printed);
        Assert.DoesNotContain("evaluation", printed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    public void A_file_that_is_not_a_summary_is_an_error_that_names_it(string text)
    {
        File.WriteAllText(FilePath, text);

        var exception = Assert.Throws<InvalidDataException>(() => Printed());

        Assert.StartsWith($"{FilePath}: not a summary: ", exception.Message, StringComparison.Ordinal);
    }

    private static RunSummary Summary()
    {
        var summary = new RunSummary
        {
            Name = "small",
            Steps = 1000,
            Samples = 64_000,
            Seconds = 2000,
            ImagesPerSecond = 32,
            FinalLoss = 1.25,
        };
        summary.AddEvaluation("heldout-vendor", new Retrieval(new Recall(0.42, 0.7), new Recall(0.4, 0.68)));
        summary.AddEvaluation("imagenet", new { Top1 = 0.6 });
        return summary;
    }

    private string Printed()
    {
        using var output = new StringWriter();
        RunSummary.Render(Consoles.Plain(output), FilePath);
        return output.ToString();
    }

    private sealed record Retrieval(Recall ImageToText, Recall TextToImage);

    private sealed record Recall(double R1, double R5);
}
