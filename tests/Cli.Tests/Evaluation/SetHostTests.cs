using ClipTrain.Cli.Evaluation.Pools;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Suites;

namespace ClipTrain.Cli.Tests.Evaluation;

/// <summary>What a node says of a set that it cannot measure, and the job that it reads.</summary>
public sealed class SetHostTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-sets-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_model_that_a_node_cannot_read_is_an_error_that_names_node_and_path()
    {
        var job = SetJob.FileOf(_folder, 0);
        Job($"{_folder}/runs/elsewhere").Write(job);

        await AssertFails(job, ExitCodes.MissingComponent, "Node east cannot read", $"{_folder}/runs/elsewhere");
    }

    [Fact]
    public Task A_job_that_a_node_cannot_read_is_an_error_that_names_node_and_path() =>
        AssertFails(SetJob.FileOf(_folder, 7), ExitCodes.MissingComponent, "Node east cannot read", SetJob.FileOf(_folder, 7));

    [Fact]
    public async Task A_file_that_is_no_job_is_told()
    {
        var job = SetJob.FileOf(_folder, 0);
        await File.WriteAllTextAsync(job, "{}");

        await AssertFails(job, ExitCodes.StorageFailed, "Node east", job, "not the job of a set");
    }

    [Fact]
    public void A_job_is_read_as_it_was_written()
    {
        var path = SetJob.FileOf(_folder, 3);
        Assert.True(SetJob.IsAt(path));
        Assert.False(SetJob.IsAt("/sweeps/one/configs/trial.yaml"));
        Job("/model").Write(path);

        var read = SetJob.Read(path);

        Assert.Equivalent(Job("/model"), read, strict: true);
    }

    private static SetJob Job(string model) =>
        new(
            model,
            "ViT-B-32",
            "hash",
            new SuiteOptions
            {
                Seed = 7,
                Cache = null,
                Sets =
                [
                    new SetOptions
                    {
                        Name = "a/b",
                        Data = ["x", "y"],
                        Layout = SetLayout.Webdataset,
                        Metric = MainMetric.RocAuc,
                        LabelSeparator = "|",
                        Templates = ["ein {} »Bild«"],
                    },
                ],
            },
            [SetTask.Knn, SetTask.Retrieval],
            new SetEncoding(2, "cuda")
        );

    private static async Task AssertFails(string job, int exit, params string[] words)
    {
        var attempt = new RunAttempt("eval-1/a", 1);
        var request = new LeaseRequest(attempt, "eval-1", 1);
        var end = await new SetHost(new NodeProcesses(Path.Combine(Path.GetDirectoryName(job)!, "lock"))).RunAsync(
            new TrialStart(
                attempt,
                "eval-1",
                new TrialSpec("a", job, 1) { Directory = Path.GetTempPath() },
                new Lease(1, request, [new PoolDevice("east", "cpu:0")])
            ),
            CancellationToken.None
        );

        Assert.Equal(TrialEndKind.Failed, end.Kind);
        Assert.All(words, word => Assert.Contains(word, end.Text, StringComparison.Ordinal));
        Assert.Equal(exit, end.Figures![SetHost.ExitCode]);
    }
}
