using System.Globalization;
using System.Text.Json;
using ClipTrain.EndToEnd.Tests.Cluster;

namespace ClipTrain.EndToEnd.Tests.Gpu;

/// <summary>Commands that take <c>--device</c>, with stand-ins for GPUs, after a run on a CPU.</summary>
public sealed class GpuToolTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();
    private readonly StandInGpu _gpus = new(gpus: 2);

    public void Dispose()
    {
        _gpus.Dispose();
        _corpus.Dispose();
    }

    [Fact]
    public void The_doctor_names_the_GPUs_and_NCCL()
    {
        var output = _gpus.Finish(0, _corpus.Folder, "doctor");
        Assert.Contains("cpu, 2 CUDA devices", output, StringComparison.Ordinal);
        Assert.Contains("NCCL; results repeat bit for bit", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_suite_on_two_GPUs_has_the_figures_of_the_CPU()
    {
        Train();
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, Suite("cpu"));
        Assert.True(exit == 0, output);
        _gpus.Finish(0, _corpus.Folder, [.. Suite("gpu"), "--workers", "2", "--device", "cuda"]);

        foreach (var (cpu, gpu) in Figures("cpu").Zip(Figures("gpu")))
        {
            Assert.Equal(cpu.Name, gpu.Name);
            Assert.Equal(cpu.Value, gpu.Value, 1e-4);
        }

        // A line has the set, the task, the metric and its value.
        IEnumerable<(string Name, double Value)> Figures(string folder) =>
            File.ReadLines(_corpus.PathOf(folder, "results.csv"))
                .Skip(1)
                .Select(line => line.Split(','))
                .Select(cells => (string.Join(' ', cells[..3]), double.Parse(cells[3], CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Embeddings_of_two_GPUs_are_complete()
    {
        Train();
        _gpus.Finish(0, _corpus.Folder, "embed", "tiny", "train.parquet", "-o", "out", "--workers", "2", "--device", "cuda");
        using var report = JsonDocument.Parse(File.ReadAllText(_corpus.PathOf("out", "report.json")));
        Assert.True(report.RootElement.GetProperty("complete").GetBoolean());
        Assert.Equal(TinyCorpus.Rows, report.RootElement.GetProperty("embedded").GetInt64());
    }

    [Fact]
    public void A_sweep_runs_its_trials_on_the_GPUs_that_it_is_given()
    {
        WriteSweep(workers: 1);
        var output = _gpus.Finish(0, _corpus.Folder, "sweep", "run", "sweep.yaml", "--device", "cuda:0", "--device", "cuda:1");
        Assert.Contains("on cuda:0", output, StringComparison.Ordinal);
        Assert.Contains("on cuda:1", output, StringComparison.Ordinal);
        Assert.Contains("2 of 2 trials have ended", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_pool_of_two_machines_with_a_GPU_each_runs_trials_on_one_or_on_both(int workers)
    {
        WriteSweep(workers);
        using var pool = await StartPoolAsync();

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "run", "sweep.yaml", .. pool.Address]);
        Assert.True(exit == 0, output);
        Assert.Contains("2 of 2 trials have ended", output, StringComparison.Ordinal);
        foreach (var node in new[] { "first", "second" })
        {
            Assert.Contains(node, output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_suite_in_a_pool_is_evaluated_on_its_GPUs()
    {
        Train();
        using var pool = await StartPoolAsync();

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, [.. Suite("pooled"), "--device", "cuda", .. pool.Address]);
        Assert.True(exit == 0, output);
        Assert.True(File.Exists(_corpus.PathOf("pooled", "results.csv")), output);
    }

    [Fact]
    public void The_check_of_a_machine_with_GPUs_passes()
    {
        var program = Path.Combine(Repository.Root, "bench", "GpuCheck", "bin", "Release", "net10.0", "gpu-checks");
        using var run = _gpus.StartCommand(_corpus.Folder, program, "--numbers");
        run.AssertExit(0);
        Assert.Contains("2 GPU(s)", run.Output, StringComparison.Ordinal);
        Assert.Contains("No check failed.", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("needs two GPUs", run.Output, StringComparison.Ordinal);
    }

    private void WriteSweep(int workers) =>
        File.WriteAllText(
            _corpus.PathOf("sweep.yaml"),
            $$"""
            name: sweep
            base: run.yaml
            set: { cluster: { workers: {{workers}}, threads_per_worker: 1, device: cuda }, training.steps: 6 }
            axes: [{ training.learning_rate: [0.001, 0.002] }]
            metric: seen.image_to_text.r1
            """
        );

    /// <summary>Writes a suite, and returns the command that evaluates it.</summary>
    private string[] Suite(string folder)
    {
        File.WriteAllText(
            _corpus.PathOf($"{folder}.yaml"),
            $$"""
            batch: 8
            cache: {{folder}}
            sets: [{ name: test, data: [train.parquet], templates: ["a {} square"] }]
            """
        );
        return ["eval", "tiny", "--suite", $"{folder}.yaml", "-o", folder];
    }

    private void Train()
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "train", _corpus.RunFile);
        Assert.True(exit == 0, output);
    }

    /// <summary>A pool of two nodes with one GPU each.</summary>
    private Task<ProgramPool> StartPoolAsync() =>
        ProgramPool.StartAsync(
            _corpus.Folder,
            (arguments, i) => _gpus.Start(_corpus.Folder, [.. arguments, "--device", $"cuda:{i}"]),
            "first",
            "second"
        );
}
