using System.Text.Json;

namespace ClipTrain.EndToEnd.Tests;

public sealed class ObjectiveTests : IDisposable
{
    private static readonly Dictionary<string, string[]> s_sets = new(StringComparer.Ordinal)
    {
        ["sigmoid"] = ["evaluation.zero_shot=[]"],
        ["bag_of_words"] = ["evaluation.retrieval=[]"],
        ["captioning"] = ["evaluation.retrieval=[]"],
        ["classification"] =
        [
            "model.image.classes=6",
            "data.label_column=label",
            "data.label_names=[red, green, blue, white, black, grey]",
            "training.label_smoothing=0.1",
            "data.train=[classes.parquet]",
            "training.learning_rate=0.01",
            "evaluation={classification: [{name: seen, data: [classes.parquet]}]}",
        ],
    };

    private readonly TinyCorpus _corpus = new();

    // One image per class, so that the task is learnable.
    public ObjectiveTests() => _corpus.Write("classes.parquet", TinyCorpus.Rows, i => TinyCorpus.Picture(i % 6), TinyCorpus.Caption);

    public static TheoryData<string> Objectives => [.. s_sets.Keys];

    public void Dispose() => _corpus.Dispose();

    [Theory]
    [MemberData(nameof(Objectives))]
    public void A_run_of_each_objective_learns_alike_on_one_worker_and_two_and_resumes_bitwise(string objective)
    {
        Train(objective, "one", "cluster.workers=1");
        Train(objective, "two", "cluster.workers=2", "training.micro_batch=3");
        var (one, two) = (Metrics("one"), Metrics("two"));
        Assert.Equal(12, one.Length);
        foreach (var (a, b) in one.Zip(two))
        {
            Assert.Equal(objective, b.GetProperty("objective").GetString());
            Assert.Equal(a.GetProperty("loss").GetDouble(), b.GetProperty("loss").GetDouble(), 1e-4);
            Assert.Equal(objective == "sigmoid" ? JsonValueKind.Number : JsonValueKind.Null, b.GetProperty("logit_bias").ValueKind);
        }

        Assert.True(one[^1].GetProperty("loss").GetDouble() < one[0].GetProperty("loss").GetDouble());
        var (model, optimizer) = (_corpus.Model("two", 12), _corpus.Optimizer("two", 12));
        foreach (var step in new[] { 10, 12 })
        {
            Directory.Delete(_corpus.PathOf("runs", "two", "checkpoints", $"step-{step:D8}"), recursive: true);
        }

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "resume", "runs/two");
        Assert.True(exit == 0, output);
        Assert.Equal(model, _corpus.Model("two", 12));
        Assert.Equal(optimizer, _corpus.Optimizer("two", 12));
    }

    [Fact]
    public void A_classifier_is_evaluated_and_an_unknown_label_is_named()
    {
        Train("classification", "tuned", "training.steps=200", "training.global_batch=32", "training.precision=bf16");
        using var summary = JsonDocument.Parse(File.ReadAllText(_corpus.PathOf("runs", "tuned", "summary.json")));
        var seen = summary.RootElement.GetProperty("eval").GetProperty("seen");
        Assert.Equal((96, 6), (seen.GetProperty("images").GetInt32(), seen.GetProperty("classes").GetInt32()));
        Assert.InRange(seen.GetProperty("top1").GetDouble(), 0.6, 1);

        var (exit, output) = Run("classification", "lacking", "data.label_names=[red, green, white, black, grey, pink]");
        Assert.True(exit == 4, output);
        Assert.Contains(
            "the label, column label, is 'blue', which is not one of the 6 names in data.label_names",
            output,
            StringComparison.Ordinal
        );
        (exit, output) = Run("classification", "numbers", "data.label_column=colour");
        Assert.True(exit == 4, output);
        Assert.Contains("has no column 'colour'", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bag_of_words")]
    [InlineData("captioning")]
    public void A_model_that_predicts_text_is_a_zero_shot_classifier_during_the_run_at_its_end_and_afterwards(string objective)
    {
        string[] colours = ["red", "green", "blue", "white", "black", "grey"];
        _corpus.Write("named.parquet", TinyCorpus.Rows, i => TinyCorpus.Picture(i % 6), i => colours[i % 6]);
        const string seen = "evaluation={every_steps: 100, zero_shot: [{name: seen, data: [named.parquet], templates: ['{}', '{} ']}]}";
        string[] sets = ["data.train=[named.parquet]", "training.steps=200", "training.global_batch=32", "training.learning_rate=0.01"];
        Train(objective, "tuned", [.. sets, "checkpoint.every_steps=100", seen]);
        var before = Seen();
        Assert.Equal((96, 6), (before.GetProperty("images").GetInt32(), before.GetProperty("classes").GetInt32()));
        Assert.InRange(before.GetProperty("top1").GetDouble(), 0.5, 1);
        Assert.InRange(before.GetProperty("calibration_error").GetDouble(), 0, 1);

        var measured = File.ReadLines(_corpus.PathOf("runs", "tuned", "evaluation", "evaluation.jsonl")).ToList();
        Assert.Contains(measured, line => line.Contains("\"set\":\"seen\",\"task\":\"zero_shot\"", StringComparison.Ordinal));

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "eval", "tuned");
        Assert.True(exit == 0, output);
        Assert.Equal(before.GetRawText(), Seen().GetRawText());

        (exit, output) = ProgramRun.Finish(_corpus.Folder, "eval", "tuned", "--splits", _corpus.RunFile);
        Assert.True(exit == 2, output);
        Assert.Contains($"training.objective {objective} cannot be evaluated on", output, StringComparison.Ordinal);

        JsonElement Seen()
        {
            using var summary = JsonDocument.Parse(File.ReadAllText(_corpus.PathOf("runs", "tuned", "summary.json")));
            return summary.RootElement.GetProperty("eval").GetProperty("seen").Clone();
        }
    }

    private void Train(string objective, string name, params string[] sets)
    {
        var (exit, output) = Run(objective, name, sets);
        Assert.True(exit == 0, output);
    }

    private (int ExitCode, string Output) Run(string objective, string name, params string[] sets)
    {
        string[] all = [$"name={name}", $"training.objective={objective}", .. s_sets[objective], .. sets];
        return ProgramRun.Finish(_corpus.Folder, ["train", _corpus.RunFile, .. all.SelectMany(set => new[] { "--set", set })]);
    }

    private JsonElement[] Metrics(string run) =>
        [.. File.ReadLines(_corpus.PathOf("runs", run, "metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];
}
