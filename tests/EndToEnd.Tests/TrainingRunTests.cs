using System.Text.Json;

namespace ClipTrain.EndToEnd.Tests;

public sealed class TrainingRunTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    [Fact]
    public void A_run_writes_config_metrics_events_checkpoints_and_a_summary_with_every_metric()
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "train", _corpus.RunFile);

        Assert.True(exit == 0, output);
        using var summary = JsonDocument.Parse(File.ReadAllText(_corpus.PathOf("runs", "tiny", "summary.json")));
        Assert.Equal(12, summary.RootElement.GetProperty("steps").GetInt64());
        Assert.Equal(120, summary.RootElement.GetProperty("samples").GetInt64());
        var eval = summary.RootElement.GetProperty("eval");
        Assert.InRange(eval.GetProperty("seen").GetProperty("image_to_text").GetProperty("r1").GetDouble(), 0, 1);
        Assert.Equal(6, eval.GetProperty("colours").GetProperty("classes").GetInt64());
        Assert.Equal(12, File.ReadLines(_corpus.PathOf("runs", "tiny", "metrics.jsonl")).Count());
        Assert.NotEmpty(Directory.GetFiles(_corpus.PathOf("runs", "tiny", "tensorboard")));
        Assert.Contains("global_batch: 10", File.ReadAllText(_corpus.PathOf("runs", "tiny", "config.yaml")), StringComparison.Ordinal);
        Assert.Equal(3, Directory.GetDirectories(_corpus.PathOf("runs", "tiny", "checkpoints")).Length);
        Assert.Contains("eval", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_run_resumed_from_any_checkpoint_ends_bitwise_equal_to_an_uninterrupted_one(int workers)
    {
        Train("unbroken", workers);
        foreach (var step in new[] { 5, 10 })
        {
            CopyRun("unbroken", "broken", step);
            var (exit, output) = ProgramRun.Finish(_corpus.Folder, "resume", "runs/broken");
            Assert.True(exit == 0, output);
            Assert.Equal(_corpus.Model("unbroken", 12), _corpus.Model("broken", 12));
            Assert.Equal(_corpus.Optimizer("unbroken", 12), _corpus.Optimizer("broken", 12));
            Assert.Equal(_corpus.Losses("unbroken"), _corpus.Losses("broken"));
            Directory.Delete(_corpus.PathOf("runs", "broken"), recursive: true);
        }
    }

    [Fact]
    public void The_number_of_workers_changes_losses_only_by_rounding()
    {
        Train("one", 1);
        var expected = _corpus.Losses("one");
        foreach (var workers in new[] { 2, 3, 4 })
        {
            Train($"w{workers}", workers);
            foreach (var (a, b) in expected.Zip(_corpus.Losses($"w{workers}")))
            {
                Assert.Equal(a, b, 1e-4);
            }
        }
    }

    [Fact]
    public void A_ResNet_with_synchronised_norms_takes_the_same_steps_on_any_number_of_workers()
    {
        string[] resnet =
        [
            "model.image={architecture: resnet, size: 64, width: 8, blocks: [1, 1, 1, 1], heads: 4}",
            "training.sync_batch_norm=true",
            "training.steps=6",
        ];
        Train("one", 1, resnet);
        var expected = _corpus.Losses("one");
        foreach (var workers in new[] { 2, 3 })
        {
            Train($"w{workers}", workers, resnet);
            foreach (var (a, b) in expected.Zip(_corpus.Losses($"w{workers}")))
            {
                Assert.Equal(a, b, 1e-3);
            }
        }
    }

    [Fact]
    public void Bf16_trains_on_two_workers()
    {
        Train("bf16", 2, "training.precision=bf16");
        Assert.All(_corpus.Losses("bf16"), loss => Assert.InRange(loss, 0.1, 10));
    }

    public void Dispose() => _corpus.Dispose();

    private void Train(string name, int workers, params string[] sets)
    {
        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            [
                "train",
                _corpus.RunFile,
                "--set",
                $"name={name}",
                "--set",
                $"cluster.workers={workers}",
                "--set",
                "evaluation={}",
                .. sets.SelectMany(set => new[] { "--set", set }),
            ]
        );
        Assert.True(exit == 0, output);
    }

    /// <summary>
    /// Reproduces the files of a run that was cut off after a checkpoint, with some later metrics already written.
    /// </summary>
    private void CopyRun(string from, string to, int step)
    {
        foreach (var file in Directory.EnumerateFiles(_corpus.PathOf("runs", from), "*", SearchOption.AllDirectories))
        {
            var target = _corpus.PathOf("runs", to, Path.GetRelativePath(_corpus.PathOf("runs", from), file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        foreach (
            var checkpoint in Directory
                .GetDirectories(_corpus.PathOf("runs", to, "checkpoints"))
                .Where(path => !path.EndsWith($"step-{step:D8}", StringComparison.Ordinal))
        )
        {
            Directory.Delete(checkpoint, recursive: true);
        }
    }
}
