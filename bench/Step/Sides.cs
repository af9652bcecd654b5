using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Bench.Step;

/// <summary>The work that all sides do.</summary>
/// <param name="CaptionTokens">Length of ClipTrain's captions; the peers compute the whole context.</param>
internal sealed record StepTask(ModelOptions Model, Precision Precision, int Batch, int Threads, int CaptionTokens);

/// <summary>ClipTrain's training step.</summary>
internal sealed class OurSide : ISide
{
    private readonly TrainingState _state;
    private readonly TrainingStep _step;
    private readonly TrainingBatch _batch;

    public OurSide(StepTask task)
    {
        var (model, training) = (
            task.Model,
            new TrainingOptions
            {
                GlobalBatch = task.Batch,
                Steps = 1000,
                Precision = task.Precision,
            }
        );
        _state = new TrainingState(
            new RunOptions
            {
                Model = model,
                Data = new DataOptions { Train = ["unused"] },
                Training = training,
            }
        );
        _step = new TrainingStep(_state, training, new RankGroup(), new LearningRateSchedule(5e-4, 2000, 1000));
        using var generator = new Generator(0);
        var tokens = (rand([task.Batch, model.Text.Context]) * (model.Text.Vocabulary - 1)).to(int64);
        _batch = new TrainingBatch(
            randn([task.Batch, 3, model.Image.Size, model.Image.Size], generator: generator),
            tokens,
            full([task.Batch], task.CaptionTokens - 1, int64),
            null,
            []
        );
    }

    public IEnumerable<Seconds> Take(int steps) =>
        [.. Enumerable.Range(0, steps).Select(_ => Seconds.Of(() => _step.Take(_batch, [_batch.Count])))];

    public void Dispose()
    {
        _step.Dispose();
        _state.Dispose();
    }
}

#pragma warning disable RS0030 // The peer uses TorchSharp as its users do.
/// <summary>
/// A straightforward CLIP in TorchSharp, with TorchSharp's AdamW. In half precision the whole model has that type, since TorchSharp
/// has no autocast for CPUs.
/// </summary>
internal sealed class TorchSharpSide : ISide
{
    private readonly TorchSharpClip _model;
    private readonly optim.Optimizer _optimizer;
    private readonly Tensor _images,
        _tokens;

    public TorchSharpSide(StepTask task)
    {
        _model = new TorchSharpClip(task.Model);
        if (task.Precision != Precision.Fp32)
        {
            _model.to(task.Precision == Precision.Bf16 ? bfloat16 : float16);
        }

        _optimizer = optim.AdamW(_model.parameters(), lr: 5e-4, beta1: 0.9, beta2: 0.98, eps: 1e-6, weight_decay: 0.2);
        _images = randn([task.Batch, 3, task.Model.Image.Size, task.Model.Image.Size]);
        _tokens = (rand([task.Batch, task.Model.Text.Context]) * (task.Model.Text.Vocabulary - 1)).to(int64);
    }

    public IEnumerable<Seconds> Take(int steps) => [.. Enumerable.Range(0, steps).Select(_ => Seconds.Of(Step))];

    public void Dispose()
    {
        _optimizer.Dispose();
        _model.Dispose();
    }

    private void Step()
    {
        using var scope = NewDisposeScope();
        _optimizer.zero_grad();
        _model.Loss(_images, _tokens).backward();
        _optimizer.step();
    }
}
#pragma warning restore RS0030

/// <summary>A straightforward CLIP in PyTorch eager, in a new process each turn.</summary>
internal sealed class PyTorchSide(StepTask task) : ISide
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public IEnumerable<Seconds> Take(int steps)
    {
        var path = Path.Combine(Path.GetTempPath(), $"cliptrain-bench-{Environment.ProcessId}.json");
        File.WriteAllText(path, JsonSerializer.Serialize(task.Model, s_json));
        string[] arguments =
        [
            Path.Combine(AppContext.BaseDirectory, "step_peer.py"),
            path,
            $"{task.Batch}",
            $"{task.Threads}",
            JsonNamingPolicy.SnakeCaseLower.ConvertName(task.Precision.ToString()),
            $"{steps}",
        ];
        using var process = Process.Start(
            new ProcessStartInfo("/usr/bin/python3", arguments) { RedirectStandardOutput = true, UseShellExecute = false }
        )!;
        var lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        File.Delete(path);
        return process.ExitCode == 0
            ? lines
                .Select(line => line.Split(' '))
                .Select(fields => new Seconds(
                    double.Parse(fields[0], CultureInfo.InvariantCulture),
                    double.Parse(fields[1], CultureInfo.InvariantCulture)
                ))
            : throw new InvalidOperationException("The peer failed. scripts/setup --peers installs its dependencies.");
    }

    public void Dispose() { }
}
