using System.Diagnostics;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Models.Cost;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.State;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Loop;

/// <summary>Facts about the run that the loop needs besides its options.</summary>
/// <param name="TotalSteps">Length of the run.</param>
/// <param name="CorpusSamples">Samples in the corpus, for the epoch count.</param>
/// <param name="Generation">The generation that takes these steps.</param>
/// <param name="Mixture">Epochs of each corpus; null unless the run trains on a mixture.</param>
public sealed record TrainingPlan(long TotalSteps, long CorpusSamples, int Generation, MixtureEpochs? Mixture = null)
{
    private const int Looks = 100,
        LeastSteps = 10;

    /// <summary>Steps whose batches are read and recorded, but change no weight; null if there are none.</summary>
    public IReadOnlyList<StepRange>? PassedOver { get; init; }

    /// <summary>
    /// Looks at the model after some steps, given their number, and changes nothing of it. Called on rank 0 before the first step and
    /// after each hundredth of the run; null for nothing.
    /// </summary>
    public Action<ClipModel, long>? Probe { get; init; }

    /// <summary>The plan of a generation of a run.</summary>
    public static TrainingPlan Of(RunOptions options, CorpusManifest manifest, int generation) =>
        new(
            RunPlan.TotalSteps(options.Training, manifest.SampleCount),
            manifest.SampleCount,
            generation,
            MixtureEpochs.Of(manifest, options)
        );

    /// <summary>True if the probe looks after this step.</summary>
    public bool IsProbed(long step) => step == TotalSteps || step % Math.Max(LeastSteps, TotalSteps / Looks) == 0;
}

/// <summary>
/// The training steps of one generation: from the state's step to the end of the run or the next regrouping. Runs on the torch
/// thread. Owns the loader.
/// </summary>
public sealed class TrainingLoop(
    RunOptions options,
    TrainingPlan plan,
    TrainingState state,
    RankGroup group,
    TrainingLoader loader,
    CheckpointWriter writer,
    ITrainingControl control,
    TimeProvider time
) : IDisposable
{
    private static readonly TimeSpan LookForStop = TimeSpan.FromMilliseconds(500);

    private readonly TrainingStep _step = new(
        state,
        options.Training,
        group,
        new LearningRateSchedule(options.Training.LearningRate, options.Training.WarmupSteps, plan.TotalSteps),
        // On a GPU a phase would end when its work is launched, not when it is done.
        state.Model.Parameters.Master.device_type == DeviceType.CPU
            ? new StepTimer()
            : null
    );

    private readonly StepProfile _profile = new(
        ObjectiveCost.StepFlops(state.Model),
        // One rank is enough: the others would slow its measurement down.
        group.Rank == 0
            ? () => MachineRates.Of(options.Training.Precision, state.Model.Parameters.Master.device)
            : null
    );

    private readonly ImageInput _images = RunPlan.Images(options);
    private readonly LoaderWatch _watch = new();
    private long _lastCheckpoint = time.GetTimestamp();
    private TimeSpan _busy;
    private (long Time, TimeSpan Waited) _since;
    private StepResult _last = new(Loss: 0, GradientNorm: 0, LearningRate: 0, LogitScale: null, LogitBias: null);

    /// <summary>Trains until the run is complete or a directive asks to stop or regroup.</summary>
    public LoopEnd Run(CancellationToken cancellation)
    {
        // A rank may have been lost after the last step but before its checkpoint.
        if (state.Step == plan.TotalSteps)
        {
            Checkpoint();
            writer.Finish();
        }

        Probe();
        _since = (time.GetTimestamp(), group.Waited);
        while (state.Step < plan.TotalSteps)
        {
            writer.ThrowIfFailed();
            var asked = TakeStep(cancellation);
            Probe();
            var last = state.Step == plan.TotalSteps;
            // Sharded moments survive a regrouping only on disk.
            var leaves = asked == Directive.Stop || (asked == Directive.Regroup && options.Training.ShardOptimizer);
            if (last || leaves || asked == Directive.Checkpoint || IsPeriodic())
            {
                Checkpoint();
            }

            if (last || leaves)
            {
                writer.Finish();
            }

            if (!last && asked >= Directive.Regroup)
            {
                return asked == Directive.Stop ? LoopEnd.Stopped : LoopEnd.Regroup;
            }
        }

        return LoopEnd.Completed;
    }

    public void Dispose()
    {
        _step.Dispose();
        loader.Dispose();
    }

    private void Probe()
    {
        if (group.Rank == 0 && plan.IsProbed(state.Step))
        {
            plan.Probe?.Invoke(state.Model, state.Step);
        }
    }

    /// <summary>Takes one step. Returns the strongest directive of any rank, which is the same on all ranks.</summary>
    private Directive TakeStep(CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        using var batch = TakeBatch(out var directive, cancellation);
        if (batch is not null && batch.Step != state.Step)
        {
            throw new UnreachableException($"The loader gave step {batch.Step} for step {state.Step}.");
        }

        // One small all-gather tells every rank what the others have read and settles what to do after this step.
        if (directive == Directive.Continue && CheckpointIsDue())
        {
            directive = Directive.Checkpoint;
        }

        StepExchange[] ranks;
        using (_step.Timer?.Measure(StepPhase.OtherRanks))
        {
            ranks = [.. group.AllGather(StepExchange.Of(batch, directive, _busy).ToRow()).Select(StepExchange.FromRow)];
        }

        // One rank that stops without a batch stops every rank before this step.
        if (batch is null || ranks.Any(rank => rank.IsWithoutBatch))
        {
            return Directive.Stop;
        }

        StepShare[] shares = [.. ranks.Select(rank => rank.Share)];
        // All ranks see the same counts; no rank may enter a collective if there are no samples.
        var result =
            ranks.All(rank => rank.Samples == 0) ? Skip(batch, shares)
            : plan.PassedOver?.Any(steps => steps.Contains(state.Step + 1)) == true ? PassOver(ranks)
            : _step.Take(Wrap(batch), [.. ranks.Select(rank => rank.Samples)]);
        _last = result;
        state.BadSamples += shares.Sum(share => share.BadSamples);

        var elapsed = time.GetElapsedTime(_since.Time);
        _busy = elapsed - (group.Waited - _since.Waited);
        state.TrainingSeconds += elapsed.TotalSeconds;
        _profile.Add(elapsed, batch.Count);
        control.StepCommitted(
            new StepRecord(
                plan.Generation,
                Metrics(
                    result,
                    ranks.Sum(rank => rank.Samples),
                    elapsed.TotalSeconds,
                    batch.Wait,
                    ranks.Sum(rank => rank.TruncatedCaptions)
                ),
                shares
            )
        );
        // A checkpoint between two steps counts for the second one, the measurement of the machine for none.
        _since = (time.GetTimestamp(), group.Waited);
        return ranks.Max(rank => rank.Directive);
    }

    /// <summary>
    /// Waits for the next batch. Returns null if asked to stop meanwhile: stopping must not wait for a disk or a decoder.
    /// </summary>
    private Batch? TakeBatch(out Directive directive, CancellationToken cancellation)
    {
        using var lap = _step.Timer?.Measure(StepPhase.DataWait);
        directive = control.TakeDirective();
        while (!loader.Wait(LookForStop, cancellation))
        {
            directive = (Directive)Math.Max((int)directive, (int)control.TakeDirective());
            if (directive == Directive.Stop)
            {
                return null;
            }
        }

        return loader.Take(cancellation);
    }

    private TrainingBatch Wrap(Batch batch)
    {
        using var lap = _step.Timer?.Measure(StepPhase.Copy);
        return TrainingBatch.Of(batch, _images, options.Model, options.Seed, options.Training.Objective);
    }

    /// <summary>
    /// Counts a step that has no usable sample on any rank. Weights and moments do not change, and Adam does not count it; the step's
    /// record repeats the previous loss.
    /// </summary>
    /// <exception cref="CorpusException">The bad samples exceed data.max_bad_share. Thrown on every rank.</exception>
    private StepResult Skip(Batch batch, StepShare[] shares)
    {
        var (bad, badSoFar) = (shares.Sum(share => share.BadSamples), state.BadSamples);
        if (badSoFar + bad > options.Data.MaxBadShare * (state.Samples + badSoFar + bad))
        {
            throw new CorpusException(
                $"all {bad} samples of step {state.Step + 1} could not be used"
                    + (batch.FirstBad is { } first ? $", for example {first}" : "")
                    + ". Repair the corpus, leave these rows out with data.filter, or raise data.max_bad_share "
                    + $"({options.Data.MaxBadShare:P1})"
            );
        }

        state.Step++;
        state.SkippedSteps++;
        return WithoutChange();
    }

    /// <summary>
    /// Counts a step at which the run diverged before. As after an overflow in fp16, its samples count as seen and Adam does not count
    /// it; the step's record repeats the previous loss.
    /// </summary>
    private StepResult PassOver(StepExchange[] ranks)
    {
        state.Step++;
        state.SkippedSteps++;
        state.Samples += ranks.Sum(rank => rank.Samples);
        return WithoutChange();
    }

    private StepResult WithoutChange() => _last with { GradientNorm = 0, LearningRate = 0, ImageTower = null, TextTower = null };

    private StepMetrics Metrics(StepResult result, long pairs, double seconds, TimeSpan dataWait, long truncated)
    {
        var (phases, mfu, bf16Speedup) = state.Step % TrainingStep.MeasuredEvery == 0 ? _profile.Take(_step.Timer) : (null, null, null);
        return new()
        {
            Step = state.Step,
            Samples = state.Samples,
            Epoch = (state.Samples + state.BadSamples) / (double)plan.CorpusSamples,
            Loss = result.Loss,
            LogitScale = result.LogitScale,
            GradientNorm = result.GradientNorm,
            LearningRate = result.LearningRate,
            StepSeconds = seconds,
            ImagesPerSecond = pairs / seconds,
            DataWaitShare = dataWait.TotalSeconds / seconds,
            BadSamples = state.BadSamples,
            TruncatedCaptions = truncated,
            Loader = _watch.Look(loader.Figures),
            Objective = OptionSection.SnakeCase(options.Training.Objective.ToString()),
            LogitBias = result.LogitBias,
            CorpusEpochs = plan.Mixture?.After(state.Step),
            LossScale = result.LossScale,
            SkippedSteps = result.LossScale is null ? null : state.SkippedSteps,
            Phases = phases,
            Mfu = mfu,
            Bf16Speedup = bf16Speedup,
            ImageTower = result.ImageTower,
            TextTower = result.TextTower,
        };
    }

    private bool IsPeriodic() => options.Checkpoint.EverySteps > 0 && state.Step % options.Checkpoint.EverySteps == 0;

    /// <summary>The ranks' clocks differ, so only rank 0 decides when a checkpoint interval in minutes has passed.</summary>
    private bool CheckpointIsDue() =>
        group.Rank == 0
        && options.Checkpoint.EveryMinutes > 0
        && time.GetElapsedTime(_lastCheckpoint).TotalMinutes >= options.Checkpoint.EveryMinutes;

    private void Checkpoint()
    {
        using var lap = _step.Timer?.Measure(StepPhase.Checkpoint);
        _lastCheckpoint = time.GetTimestamp();
        // A run that stops before its first step has nothing to save.
        if (state.Step > 0 && StateTransfer.Gather(state, group) is { } snapshot)
        {
            writer.Begin(snapshot);
        }
    }
}

/// <summary>Reason why the training loop ended; the same on all ranks.</summary>
public enum LoopEnd
{
    /// <summary>The last step is committed and its checkpoint written.</summary>
    Completed,

    /// <summary>Asked to stop; a checkpoint has been written.</summary>
    Stopped,

    /// <summary>Asked to leave this generation and join the next one.</summary>
    Regroup,
}
