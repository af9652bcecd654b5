using System.Diagnostics;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models.Cost;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.State;
using static TorchSharp.torch;

namespace ClipTrain.Cli.DataTools;

/// <summary>Measured steps of one worker.</summary>
/// <param name="Steps">Number of steps.</param>
/// <param name="Pairs">Pairs in a step.</param>
/// <param name="Seconds">Mean wall time of a step.</param>
/// <param name="Phases">Mean seconds of each phase.</param>
/// <param name="ImageFlops">Floating-point operations of the image tower in a step, forward and backward.</param>
/// <param name="TextFlops">Those of the text tower.</param>
/// <param name="Peaks">Measured operations a second of a large matrix product, by precision.</param>
internal sealed record StepBenchResult(
    int Steps,
    long Pairs,
    double Seconds,
    IReadOnlyDictionary<StepPhase, double> Phases,
    double ImageFlops,
    double TextFlops,
    IReadOnlyDictionary<Precision, double> Peaks
)
{
    /// <summary>Time of a step outside all phases.</summary>
    public double Other => Seconds - Phases.Values.Sum();

    public double ShareOf(StepPhase phase) => Phases[phase] / Seconds;
}

/// <summary>
/// Measures the steps of one worker on the run's own corpus, phase by phase, without other workers. Belongs to the torch thread.
/// </summary>
internal sealed class StepBench(RunOptions options, CorpusManifest manifest, int cores)
{
    private const int WarmUpSteps = 2;

    /// <summary>Takes steps for at least the duration, and at least three.</summary>
    public StepBenchResult Run(TimeSpan duration, CancellationToken cancellation)
    {
        Threads.Set(RunPlan.ComputeThreads(options.Cluster, cores));
        var device = ComputeDevice.Open(options.Cluster.Device);
        var timer = new StepTimer(device.type == TorchSharp.DeviceType.CUDA ? device : null);
        var images = RunPlan.Images(options);
        using var state = new TrainingState(options, device);
        using var group = new RankGroup();
        using var step = new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-6, 1, long.MaxValue), timer);
        using var loader = RunPlan.OpenLoader(options, manifest, new LoaderShare(0, options.Cluster.Workers, cores, 0, long.MaxValue));
        var (steps, pairs, began) = (-WarmUpSteps, 0L, 0L);
        while (steps < 3 || Stopwatch.GetElapsedTime(began) < duration)
        {
            if (steps == 0)
            {
                timer.Reset();
                (pairs, began) = (0, Stopwatch.GetTimestamp());
            }

            pairs += Take();
            steps++;
        }

        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds / steps;
        return new StepBenchResult(
            steps,
            pairs / steps,
            seconds,
            Enum.GetValues<StepPhase>().ToDictionary(phase => phase, phase => timer[phase].TotalSeconds / steps),
            Flops("image"),
            state.Model.HasTextTower && state.Model.Trains(Tower.Text) ? Flops("text") : 0,
            new[] { Precision.Fp32, Precision.Bf16 }.ToDictionary(precision => precision, precision => MachinePeak.Of(precision, device))
        );

        long Take()
        {
            using var scope = NewDisposeScope();
            DataPipeline.Loading.Batch read;
            using (timer.Measure(StepPhase.DataWait))
            {
                read = loader.Take(cancellation);
            }

            using var batch = read;
            TrainingBatch tensors;
            using (timer.Measure(StepPhase.Copy))
            {
                tensors = TrainingBatch.Of(batch, images, options.Model, options.Seed, options.Training.Objective);
            }

            step.Take(tensors, [batch.Count]);
            return batch.Count;
        }

        double Flops(string tower) =>
            (double)pairs / steps * options.Training.Objective.Views() * ModelCost.StepFlops(options.Model, tower);
    }
}
