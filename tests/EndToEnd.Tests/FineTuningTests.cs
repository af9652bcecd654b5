using System.Text.Json;

namespace ClipTrain.EndToEnd.Tests;

public sealed class FineTuningTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    [Fact]
    public void A_run_starts_from_weights_of_another_resolution_with_a_locked_tower_and_logs_what_it_loaded()
    {
        var (exit, output) = Train("base");
        Assert.True(exit == 0, output);
        (exit, output) = Train("tuned", "training.start_from=runs/base", "model.image.size=24", "training.unlocked_groups.image=0");
        Assert.True(exit == 0, output);

        Assert.Contains("1 resized", output, StringComparison.Ordinal);
        using var report = JsonDocument.Parse(File.ReadAllText(_corpus.PathOf("runs", "tuned", "start_from.json")));
        Assert.Equal(1, report.RootElement.GetProperty("resized").GetInt32());
        Assert.Equal(0, report.RootElement.GetProperty("fresh").GetInt32());
        Assert.Contains(
            report.RootElement.GetProperty("sha256").GetString()!,
            File.ReadAllText(_corpus.PathOf("runs", "tuned", "config.yaml")),
            StringComparison.Ordinal
        );
        Assert.Equal(Tensor("base", "visual.proj"), Tensor("tuned", "visual.proj"));
        Assert.NotEqual(Tensor("base", "text_projection"), Tensor("tuned", "text_projection"));

        // Checkpoints contain the initial weights, so resuming does not need the original file.
        Directory.Delete(_corpus.PathOf("runs", "tuned", "checkpoints", "step-00000012"), recursive: true);
        var unbroken = _corpus.Model("tuned", 10);
        Directory.Delete(_corpus.PathOf("runs", "tuned", "checkpoints", "step-00000010"), recursive: true);
        Directory.Delete(_corpus.PathOf("runs", "base"), recursive: true);
        (exit, output) = ProgramRun.Finish(_corpus.Folder, "resume", "runs/tuned");
        Assert.True(exit == 0, output);
        Assert.Equal(unbroken, _corpus.Model("tuned", 10));
    }

    [Fact]
    public void Weights_of_a_different_width_are_rejected_before_anything_is_written()
    {
        var (exit, output) = Train("base");
        Assert.True(exit == 0, output);
        (exit, output) = Train("tuned", "training.start_from=runs/base", "model.embed_dim=8");
        Assert.True(exit != 0, output);
        Assert.Contains("visual.proj is [16, 16], the model's is [16, 8]", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_corpus.PathOf("runs", "tuned")));
    }

    public void Dispose() => _corpus.Dispose();

    private (int Exit, string Output) Train(string name, params string[] sets) =>
        ProgramRun.Finish(
            _corpus.Folder,
            ["train", _corpus.RunFile, "--set", $"name={name}", "--set", "evaluation={}", .. sets.SelectMany(set => new[] { "--set", set })]
        );

    /// <summary>Returns the bytes of a tensor in a run's last checkpoint.</summary>
    private byte[] Tensor(string run, string name)
    {
        var file = _corpus.Model(run, 12);
        var length = (int)BitConverter.ToUInt64(file);
        using var header = JsonDocument.Parse(file.AsMemory(8, length));
        var offsets = header.RootElement.GetProperty(name).GetProperty("data_offsets");
        return file[(8 + length + offsets[0].GetInt32())..(8 + length + offsets[1].GetInt32())];
    }
}
