using System.Net;
using System.Net.Sockets;

namespace ClipTrain.EndToEnd.Tests;

public sealed class BadInputTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    [Fact]
    public void A_missing_corpus_file_is_named() => AssertFails(4, ["no-such.parquet"], "data.train=[no-such.parquet]");

    [Fact]
    public void A_truncated_parquet_file_is_named()
    {
        var bytes = File.ReadAllBytes(_corpus.PathOf("train.parquet"));
        File.WriteAllBytes(_corpus.PathOf("cut.parquet"), bytes[..(bytes.Length / 2)]);
        AssertFails(4, ["cut.parquet"], "data.train=[cut.parquet]");
    }

    [Fact]
    public void A_misspelt_key_is_an_error_with_its_location_and_the_right_key()
    {
        File.WriteAllText(
            _corpus.PathOf("run.yaml"),
            File.ReadAllText(_corpus.PathOf("run.yaml")).Replace("global_batch", "global_bacth", StringComparison.Ordinal)
        );
        AssertFails(2, ["run.yaml:", "global_bacth", "global_batch"]);
    }

    [Fact]
    public void A_vocabulary_that_differs_from_the_tokenizers_is_reported_before_training() =>
        AssertFails(2, ["519", "model.text.vocabulary"], "model.text.vocabulary=600");

    [Fact]
    public void A_missing_evaluation_split_is_reported_before_training() =>
        AssertFails(4, ["nowhere.parquet"], "evaluation.retrieval=[{name: a, data: [nowhere.parquet]}]");

    [Fact]
    public void A_port_in_use_is_named()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        AssertFails(2, [$"{port}", "in use"], $"cluster.port={port}");
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX2=0", "This processor has no AVX2")]
    [InlineData("LIBTORCH=/nowhere", "There is no libtorch_cpu.so in /nowhere. LIBTORCH must name a folder of libtorch 2.10")]
    public void A_machine_that_cannot_compute_is_told_why(string variable, string reason)
    {
        using var run = ProgramRun.StartBy(["env", variable], _corpus.Folder, "train", _corpus.RunFile);

        Assert.True(run.WaitForExit() == 3, run.Output);
        Assert.Contains(reason, run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Broken_images_and_empty_captions_are_skipped_counted_and_named()
    {
        _corpus.Write(
            "some-bad.parquet",
            96,
            i => i == 7 ? [1, 2, 3] : TinyCorpus.Picture(i),
            i =>
                i == 9 ? null
                : i == 11 ? new string('x', 10_000)
                : TinyCorpus.Caption(i)
        );
        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            "data.train=[some-bad.parquet]",
            "--set",
            "evaluation={}"
        );
        Assert.True(exit == 0, output);
        Assert.Contains("some-bad.parquet:7", output, StringComparison.Ordinal);
        Assert.Contains("some-bad.parquet:9", output, StringComparison.Ordinal);
        Assert.DoesNotContain("some-bad.parquet:11:", output, StringComparison.Ordinal);
        Assert.Contains(
            "\"bad_samples\":2",
            File.ReadLines(_corpus.PathOf("runs", "tiny", "metrics.jsonl")).ElementAt(10),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Too_many_broken_images_stop_the_run()
    {
        _corpus.Write("bad.parquet", 96, i => i % 3 == 0 ? [0xFF, 0xD8, 0xFF] : TinyCorpus.Picture(i), TinyCorpus.Caption);
        AssertFails(4, ["data.max_bad_share", "bad.parquet"], "data.train=[bad.parquet]", "training.steps=100", "evaluation={}");
    }

    [Theory]
    [InlineData(1, "contrastive", "fp32")]
    [InlineData(2, "contrastive", "bf16")]
    [InlineData(2, "sigmoid", "fp32")]
    [InlineData(2, "captioning", "bf16")]
    public void Steps_without_a_usable_sample_are_an_error_or_skipped_as_max_bad_share_says(int workers, string objective, string precision)
    {
        // Two of 96 samples are usable, so most steps have none, and at most one of two ranks has any.
        _corpus.Write("bad.parquet", 96, i => i is 20 or 70 ? TinyCorpus.Picture(i) : [1, 2, 3], TinyCorpus.Caption);
        string[] sets =
        [
            "data.train=[bad.parquet]",
            "evaluation={}",
            $"cluster.workers={workers}",
            $"training.objective={objective}",
            $"training.precision={precision}",
        ];
        AssertFails(4, ["could not be used", "bad.parquet:"], sets);

        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            [
                "train",
                _corpus.RunFile,
                .. sets.Append("name=skips").Append("data.max_bad_share=1").SelectMany(set => new[] { "--set", set }),
            ]
        );
        Assert.True(exit == 0, output);
        var last = System
            .Text.Json.JsonDocument.Parse(File.ReadLines(_corpus.PathOf("runs", "skips", "metrics.jsonl")).ElementAt(11))
            .RootElement;
        Assert.Equal(120, last.GetProperty("samples").GetInt64() + last.GetProperty("bad_samples").GetInt64());
        Assert.InRange(last.GetProperty("samples").GetInt64(), 2, 4);
        Assert.NotEqual(_corpus.Model("skips", 12), _corpus.Model("skips", 5));
        (exit, output) = ProgramRun.Finish(_corpus.Folder, "data", "audit", "skips");
        Assert.True(exit == 0, output);
    }

    [Fact]
    public void Resuming_from_another_folder_names_the_right_one()
    {
        ProgramRun.Finish(_corpus.Folder, "train", _corpus.RunFile, "--set", "evaluation={}");
        Directory.CreateDirectory(_corpus.PathOf("elsewhere"));
        var (exit, output) = ProgramRun.Finish(_corpus.PathOf("elsewhere"), "resume", _corpus.PathOf("runs", "tiny"));
        Assert.True(exit == 4, output);
        Assert.Contains($"go to {_corpus.Folder} and resume it there", output.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [Fact]
    public void An_existing_run_is_not_overwritten()
    {
        Directory.CreateDirectory(_corpus.PathOf("runs", "tiny"));
        File.WriteAllText(_corpus.PathOf("runs", "tiny", "note"), "mine");
        AssertFails(2, ["resume", "exists"]);
        Assert.Equal("mine", File.ReadAllText(_corpus.PathOf("runs", "tiny", "note")));
    }

    [Fact]
    public async Task A_hosted_run_is_not_resumed_again_and_its_host_is_named()
    {
        using var first = ProgramRun.Start(_corpus.Folder, "train", _corpus.RunFile, "--set", "training.steps=100000");
        await first.Printed("training ");
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "resume", "tiny");
        Assert.True(exit == 2, output);
        Assert.Contains($"process {first.ProcessId}", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Resuming_a_missing_run_is_an_error()
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "resume", "nothing");
        Assert.True(exit == 2, output);
        Assert.Contains("nothing is not a run", output, StringComparison.Ordinal);
    }

    public void Dispose() => _corpus.Dispose();

    private void AssertFails(int expectedExit, string[] texts, params string[] sets)
    {
        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            ["train", _corpus.RunFile, .. sets.SelectMany(set => new[] { "--set", set })]
        );
        Assert.True(expectedExit == exit, $"exit code {exit}\n{output}");
        Assert.All(texts, text => Assert.Contains(text, output, StringComparison.Ordinal));
    }
}
