namespace ClipTrain.EndToEnd.Tests.Gpu;

/// <summary>
/// Runs on GPUs, by stand-ins: everything is where it must be, every branch for GPUs runs, and NCCL's calls are in order. It says nothing
/// of a real GPU's rounding and speed.
/// </summary>
public sealed class GpuRunTests : IDisposable
{
    private const string ResNet = "model.image={architecture: resnet, size: 64, width: 8, blocks: [1, 1, 1, 1], heads: 4}";
    private readonly TinyCorpus _corpus = new();
    private readonly StandInGpu _gpus = new(gpus: 3);

    public static TheoryData<int, string[]> Settings =>
        new()
        {
            { 1, [] },
            { 2, ["training.micro_batch=3", "training.activation_checkpointing=block"] },
            { 3, ["training.shard_optimizer=true"] },
            { 2, ["training.shard_optimizer=true", "training.moments=int8"] },
            { 2, [ResNet, "training.sync_batch_norm=true"] },
            { 1, ["training.objective=captioning"] },
            { 2, ["training.objective=sigmoid", "training.moments=bf16"] },
        };

    public void Dispose()
    {
        _gpus.Dispose();
        _corpus.Dispose();
    }

    [Theory]
    [MemberData(nameof(Settings))]
    public void Runs_on_GPUs_take_the_steps_of_runs_on_CPUs(int workers, string[] sets)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, Train("cpu", workers, sets));
        Assert.True(exit == 0, output);
        _gpus.Finish(0, _corpus.Folder, Train("gpu", workers, [.. sets, "cluster.device=cuda"]));

        foreach (var (cpu, gpu) in _corpus.Losses("cpu").Zip(_corpus.Losses("gpu"), (a, b) => (a, b)))
        {
            Assert.Equal(cpu, gpu, 1e-3);
        }
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("fp16")]
    public void A_run_in_mixed_precision_resumes_bitwise(string precision)
    {
        string[] sets = ["cluster.device=cuda", $"training.precision={precision}", "training.text_weights=bf16", "training.moments=bf16"];
        _gpus.Finish(0, _corpus.Folder, Train("tiny", 2, sets));
        var (model, optimizer) = (_corpus.Model("tiny", 12), _corpus.Optimizer("tiny", 12));
        foreach (var step in new[] { 10, 12 })
        {
            Directory.Delete(_corpus.PathOf("runs", "tiny", "checkpoints", $"step-{step:D8}"), recursive: true);
        }

        _gpus.Finish(0, _corpus.Folder, "resume", "tiny");
        Assert.Equal(model, _corpus.Model("tiny", 12));
        Assert.Equal(optimizer, _corpus.Optimizer("tiny", 12));
    }

    [Fact]
    public async Task A_run_with_a_killed_worker_ends_bitwise_equal_to_an_undisturbed_one()
    {
        var output = await DisturbAsync(_gpus, run => run.KillWorker());
        Assert.Matches("worker-[01]\\)? was killed \\(SIGKILL\\)", output);
    }

    [Fact]
    public async Task A_worker_whose_GPU_fails_is_replaced_and_the_run_ends_bitwise_equal_to_an_undisturbed_one()
    {
        var broken = _corpus.PathOf("broken");
        using var gpus = new StandInGpu(gpus: 2, breaks: broken);
        var output = await DisturbAsync(gpus, _ => File.WriteAllText(broken, ""));
        Assert.Contains("has failed: error 700 of NVIDIA's driver", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_GPU_that_is_not_there_or_too_small_is_one_clear_error()
    {
        var output = _gpus.Finish(3, _corpus.Folder, Train("many", 4, ["cluster.device=cuda"]));
        Assert.Contains("There is no 'cuda:3': libtorch sees 3 GPUs on this machine, numbered from 0.", output, StringComparison.Ordinal);

        using var small = new StandInGpu(gpus: 1, mebibytes: 1);
        output = small.Finish(3, _corpus.Folder, Train("small", 1, ["cluster.device=cuda", "training.global_batch=96"]));
        Assert.Contains("A step needs more memory than cuda:0 has", output, StringComparison.Ordinal);
        Assert.Contains("Set or halve training.micro_batch", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    /// <summary>
    /// Disturbs a run after its third step, and compares its end with that of an undisturbed one. Returns what it printed.
    /// </summary>
    private async Task<string> DisturbAsync(StandInGpu gpus, Action<ProgramRun> disturb)
    {
        string[] sets = ["cluster.device=cuda", "training.steps=40", "checkpoint.every_steps=20"];
        _gpus.Finish(0, _corpus.Folder, Train("undisturbed", 2, sets));

        using var run = gpus.Start(_corpus.Folder, Train("disturbed", 2, sets));
        await run.Printed("step 3/");
        disturb(run);
        run.AssertExit(0);

        Assert.Equal(_corpus.Model("undisturbed", 40), _corpus.Model("disturbed", 40));
        Assert.Equal(_corpus.Optimizer("undisturbed", 40), _corpus.Optimizer("disturbed", 40));
        return run.Output;
    }

    private string[] Train(string name, int workers, string[] sets) =>
        [
            "train",
            _corpus.RunFile,
            .. new[] { $"name={name}", $"cluster.workers={workers}", "evaluation={}" }
                .Concat(sets)
                .SelectMany(set => new[] { "--set", set }),
        ];
}
